import type { DirectoryState, KeyRef } from '../../directory/records.js'
import { tokenKeyName } from '../../keystore/labels.js'
import { decimalToHex } from '../../serial-hex.js'
import type { CaFileOf } from './ca-file.js'

/** What differs between two states of a PKI directory, for people: one line for each change. */
export async function recordChanges(
  a: DirectoryState | null,
  b: DirectoryState | null,
  fileOf: CaFileOf,
): Promise<readonly string[]> {
  const changed = (word: string, serials: readonly string[]) =>
    Promise.all(
      serials.map(
        async (serial) => `${word}: ${(await fileOf(serial)) ?? 'device CA'}, serial ${decimalToHex(serial)}`,
      ),
    )
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
    ...(await changed('revoked', revoked)),
    ...(await changed('disabled', added(after, before))),
    ...(await changed(
      'enabled',
      added(before, after).filter((serial) => !revoked.includes(serial)),
    )),
  ]
}

function locationOf(reference: KeyRef | undefined): string | undefined {
  if (reference === undefined) return undefined
  if (reference.kind === 'file') return `in the file ${reference.name}`
  return `key ${tokenKeyName(reference)} in the token "${reference.tokenLabel}", serial ${reference.tokenSerial}`
}
