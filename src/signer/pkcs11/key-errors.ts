import { FpkiError } from '../../errors.js'
import type { KeyChoice } from '../../ports.js'
import type { OpenToken } from './session.js'
import { formatPkcs11Uri } from './uri.js'

/** What tells a key in a token from others. */
interface LabelAndId {
  readonly label: string
  readonly id: Buffer
}

/** The error for a key that cannot be used. */
export function keyError(message: string, hint: string): FpkiError {
  return new FpkiError('ERR_HSM_KEY', message, hint)
}

/** The error for a choice that fits several private keys. */
export function severalKeys(
  token: OpenToken,
  choice: KeyChoice,
  {
    matches,
    usable,
    isCertified,
  }: { readonly matches: readonly LabelAndId[]; readonly usable: number; readonly isCertified: boolean },
): FpkiError {
  const reason = isCertified ? ', and none of them shows the public key of the certificate' : ''
  const unusable = ', and none of them is an EC key on P-256, P-384 or P-521 that may sign'
  return keyError(
    `${token.name} has ${matches.length} private keys${inWords(choice)}${usable === 0 ? unusable : reason}: ${uris(token, matches)}.`,
    'Name the right one: --hsm-uri takes each of these URIs.',
  )
}

/** The error for a choice that fits no private key; `others` are those that the token has. */
export function noKey(token: OpenToken, choice: KeyChoice, others: readonly LabelAndId[]): FpkiError {
  const text = `${token.name} has no private key${inWords(choice)}`
  if (others.length > 0) {
    const hint = 'If one of them is the right one, name it: --hsm-uri takes each of these URIs.'
    return keyError(`${text}; it has ${uris(token, others)}.`, hint)
  }
  return keyError(
    `${text}.`,
    'Name the token that has it: `fpki hsm list` shows the tokens. A key that a token lost can be restored from a backup only.',
  )
}

/** What a choice says of a key, as the end of "private key". */
function inWords({ label, id }: KeyChoice): string {
  const words = [
    ...(label === null ? [] : [label === '' ? 'without a label' : `labelled "${label}"`]),
    ...(id === null ? [] : [id === '' ? 'without an id' : `with the id ${id}`]),
  ]
  return words.length === 0 ? '' : ` ${words.join(' and ')}`
}

/** Each in the form in which `--hsm-uri` takes it, quoted for a shell. */
function uris({ token: { label, serial }, modulePath }: OpenToken, keys: readonly LabelAndId[]): string {
  const uri = (key: LabelAndId) =>
    formatPkcs11Uri({ token: { label, serial }, object: key.label, id: key.id.toString('hex'), modulePath })
  return keys.map((key) => `'${uri(key)}'`).join(', ')
}
