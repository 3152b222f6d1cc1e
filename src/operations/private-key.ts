import { createHash } from 'node:crypto'
import type { PKI_FILES } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import type { KeyReference } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import type { Random, Signer } from '../ports.js'
import { newPrivateKeyPem, pemSigner } from '../signer/file.js'

/** One private key of a PKI: a file of its directory, or an object in a token. */
export interface PrivateKey {
  /** What `.fpki/state.json` remembers of it. */
  readonly reference: KeyReference
  /** Is something there that is it, or would be taken for it? */
  exists(): Promise<boolean>
  /** What an interrupted making left: true when it is whole; what is of no use is cleared away. */
  takeUp(): Promise<boolean>
  /** Makes it. Throws ERR_EXISTS when it is there. */
  make(): Promise<void>
  /**
   * Its signer, which is shared and nobody's to close. Throws ERR_BAD_KEY or ERR_HSM_KEY when it is missing or cannot be
   * used.
   */
  open(): Promise<Signer>
}

/** The names of key files. */
export type KeyFile = typeof PKI_FILES.rootKey | typeof PKI_FILES.localCaKey

/** A private key in its file; a new one is on P-256 (contract.md 2). */
export function fileKey(directory: PkiDirectory, file: KeyFile, random: Random): PrivateKey {
  let signer: Promise<Signer> | null = null
  return {
    reference: { kind: 'file', name: file },
    exists: async () => (await directory.read(file)) !== null,
    takeUp: async () => (await directory.read(file)) !== null,
    make: () => directory.create(file, newPrivateKeyPem(random, 'P-256')),
    open: () => {
      // Read once: parsing a key takes longer than signing with it.
      signer ??= keyOf(directory, file)
      return signer
    },
  }
}

/** The signer of a key file. Throws ERR_BAD_KEY when it is missing or broken. */
export async function keyOf(directory: PkiDirectory, file: KeyFile): Promise<Signer> {
  const pem = await directory.read(file)
  if (pem !== null) return pemSigner(pem, `${directory.path}/${file}`)
  throw new FpkiError(
    'ERR_BAD_KEY',
    `${directory.path}/${file} is missing.`,
    'Put it back from a backup; if the key is in an HSM, name that with --hsm-module and --hsm-token-label.',
  )
}

/**
 * Makes a key as a step. One that an interrupted run left there is whole, because files and objects appear in one move,
 * and is kept. Resolves to the fingerprint of its public key.
 */
export async function makeKey(key: PrivateKey, interrupted: boolean): Promise<string> {
  if (!interrupted || !(await key.takeUp())) await key.make()
  const { publicKey } = await key.open()
  return fingerprintOf(publicKey)
}

/** SHA-256 of a SubjectPublicKeyInfo (DER), lower-case hex. */
export function fingerprintOf(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('hex')
}
