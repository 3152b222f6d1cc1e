import type { DirectoryState, KeyRef } from '../../directory/records.js'
import { tokenKeyName } from '../../keystore/labels.js'
import { decimalToHex } from '../../serial-hex.js'

/** What differs between two states of a PKI directory, for people: one line for each change. */
export function recordChanges(a: DirectoryState | null, b: DirectoryState | null): readonly string[] {
  const added = (now: readonly string[] = [], before: readonly string[] = []) =>
    now.filter((serial) => !before.includes(serial))
  const [before, after] = [a?.disabledCaSerials, b?.disabledCaSerials]
  const revoked = added(b?.revokedCaSerials, a?.revokedCaSerials)
  const values = [
    ['factory', a?.factory, b?.factory],
    ['Factory API', a?.api, b?.api],
    ['root key', locationOf(a?.rootKey), locationOf(b?.rootKey)],
    ['key of local-ca', locationOf(a?.localCaKey), locationOf(b?.localCaKey)],
    ['number of the newest CRL', a?.crlNumber, b?.crlNumber],
  ] as const
  return [
    ...values.flatMap(([what, before, after]) =>
      before === after ? [] : [`changed: ${what} (was ${before ?? 'not recorded'}; now ${after ?? 'not recorded'})`],
    ),
    ...revoked.map((serial) => `revoked: device CA ${decimalToHex(serial)}`),
    ...added(after, before).map((serial) => `disabled: device CA ${decimalToHex(serial)}`),
    ...added(before, after)
      .filter((serial) => !revoked.includes(serial))
      .map((serial) => `enabled: device CA ${decimalToHex(serial)}`),
  ]
}

function locationOf(reference: KeyRef | undefined): string | undefined {
  if (reference === undefined) return undefined
  if (reference.kind === 'file') return `in the file ${reference.name}`
  return `key ${tokenKeyName(reference)} in the token "${reference.tokenLabel}", serial ${reference.tokenSerial}`
}
