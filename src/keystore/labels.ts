import type { KeyRef, TokenKeyRef } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import type { KeyChoice, KeyName } from '../ports.js'
import { keyName } from '../signer/pkcs11/key-name.js'

/** The label and the id of a new root key (docs/profile.md#token-keys). */
export const ROOT_KEY: KeyName = { label: 'root-ca', id: '01' }

/** The key of local-ca in a token; its id distinguishes it from the root key even if labels are hidden. */
export const LOCAL_CA_KEY: KeyName = { label: 'local-ca', id: '02' }

/** The name of a new root key. Throws ERR_USAGE when it would have no label or no id. */
export function newRootKeyName({ label, id }: KeyChoice): KeyName {
  const name = { label: label ?? ROOT_KEY.label, id: id ?? ROOT_KEY.id }
  if (name.label !== '' && name.id !== '') return name
  throw new FpkiError(
    'ERR_USAGE',
    `The PKCS#11 URI specifies a new key without ${name.label === '' ? 'a label' : 'an id'}.`,
    'Set it, as in object=root-ca;id=%01, or omit the attribute from the URI.',
  )
}

/** A recorded key in a token, in a message: its label, or its id. */
export function tokenKeyName({ keyLabel, keyId }: TokenKeyRef): string {
  return keyName({ label: keyLabel, id: keyId })
}

/** A key at the beginning of a message; `folder`: the folder of its file, to show the path. */
export function keyRefName(ref: KeyRef, folder?: string): string {
  if (ref.kind === 'pkcs11') return `The key ${tokenKeyName(ref)} in the token`
  return folder === undefined ? ref.name : `${folder}/${ref.name}`
}
