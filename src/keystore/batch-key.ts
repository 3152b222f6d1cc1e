import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { PkiDirectory } from '../directory/pki-directory.js'
import type { KeyRef } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import { provesPossession } from '../pki/possession.js'
import type { Certificate } from '../pki/read-certificate.js'
import type { Signer } from '../ports.js'
import { decryptKeyPem } from './key-files.js'
import type { KeyAccess } from './root-key.js'

/** A key that signs many certificates: of a file, for any thread of this process; or in a token, in several sessions. */
export type OpenBatchKey = { close(): Promise<void> } & {
  readonly key:
    | { readonly kind: 'file'; readonly privateKey: KeyObject }
    | { readonly kind: 'token'; readonly signers: readonly Signer[] }
}

/** Which key, and the certificate that goes with it. */
export interface BatchKeyChoice {
  readonly directory: PkiDirectory
  readonly key: KeyRef
  readonly certificate: Certificate
  /** How many signatures a token makes at a time. */
  readonly sessions: number
}

/** Opens the key of a device CA. Throws ERR_BAD_KEY when it is missing or another key, ERR_PASSPHRASE, and errors of the token. */
export async function openBatchKey(choice: BatchKeyChoice, access: KeyAccess | undefined): Promise<OpenBatchKey> {
  const { directory, key, certificate } = choice
  if (key.kind !== 'file') throw new Error('not yet')
  const path = `${directory.path}/${key.name}`
  const pem = await directory.read(key.name)
  if (pem === null)
    throw new FpkiError('ERR_BAD_KEY', `${path} is missing.`, 'Restore it from a backup, or use another device CA.')
  const opened = await decryptKeyPem(pem, path, access?.passphrases)
  if (!(await provesPossession(opened.signer, certificate.spki)))
    throw new FpkiError('ERR_BAD_KEY', `${path} is not the key of its certificate.`, 'Restore both from a backup.')
  const privateKey = createPrivateKey(opened.clearPem('pkcs8'))
  return { key: { kind: 'file', privateKey }, close: async () => undefined }
}
