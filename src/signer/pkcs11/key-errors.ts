import { FpkiError } from '../../errors.js'
import type { KeyChoice } from '../../ports.js'
import type { OpenToken } from './session.js'
import { formatPkcs11Uri } from './uri.js'

/** What identifies a key in a token. */
interface LabelAndId {
  readonly label: string
  readonly id: Buffer
}

/** The error for a key that is not usable. */
export function keyError(message: string, hint: string): FpkiError {
  return new FpkiError('ERR_HSM_KEY', message, hint)
}

/** The error when several private keys match. */
export function ambiguousKey(
  token: OpenToken,
  choice: KeyChoice,
  {
    matches,
    usable,
    isCertified,
  }: { readonly matches: readonly LabelAndId[]; readonly usable: number; readonly isCertified: boolean },
): FpkiError {
  const reason = isCertified ? ', none of which has the public key of the certificate' : ''
  const unusable = ', none of which is an EC signing key on P-256, P-384 or P-521'
  return keyError(
    `${token.name} has ${matches.length} private keys${describeChoice(choice)}${usable === 0 ? unusable : reason}: ${uris(token, matches)}.`,
    'Pass the URI of one of them with --hsm-uri.',
  )
}

/** The error when no private key matches; `others` are the private keys in the token. */
export function keyNotFound(token: OpenToken, choice: KeyChoice, others: readonly LabelAndId[]): FpkiError {
  const text = `${token.name} has no private key${describeChoice(choice)}`
  if (others.length > 0) {
    const hint = 'To use one of its keys, pass its URI with --hsm-uri.'
    return keyError(`${text}. Its keys: ${uris(token, others)}.`, hint)
  }
  return keyError(
    `${text}.`,
    'Use the token that has the key (`fpki hsm list` lists tokens). A lost key can only be restored from a backup.',
  )
}

/** The attributes of a choice, to follow "private key". */
function describeChoice({ label, id }: KeyChoice): string {
  const words = [
    ...(label === null ? [] : [label === '' ? 'without a label' : `labelled "${label}"`]),
    ...(id === null ? [] : [id === '' ? 'without an id' : `with the id ${id}`]),
  ]
  return words.length === 0 ? '' : ` ${words.join(' and ')}`
}

/** URIs for `--hsm-uri`, quoted for the shell. */
function uris({ token: { label, serial }, modulePath }: OpenToken, keys: readonly LabelAndId[]): string {
  const uri = (key: LabelAndId) =>
    formatPkcs11Uri({ token: { label, serial }, object: key.label, id: key.id.toString('hex'), modulePath })
  return keys.map((key) => `'${uri(key)}'`).join(', ')
}
