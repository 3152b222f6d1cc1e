import type { KeyObject } from 'node:crypto'
import { checkNewPassphrase, encryptKey } from '../containers/pkcs8.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import type { KeyRef } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import { sameSpki } from '../pki/public-key.js'
import type { EncryptionPorts, Passphrases, Signer } from '../ports.js'
import { isEncryptedKey } from '../signer/key-pem.js'
import { type EcKey, openEcKey } from '../signer/open-key.js'
import type { KeyStore, NewKey } from './key-store.js'

/** A key in a file of the PKI directory. */
export type FileKeyRef = Extract<KeyRef, { readonly kind: 'file' }>

/** The key files of a folder: the PKI directory, or the one where a change stages its files. */
export function keyFiles(
  folder: Pick<PkiDirectory, 'path' | 'read' | 'create'>,
  ports: EncryptionPorts,
  passphrases: Passphrases | undefined,
): KeyStore<FileKeyRef> {
  // Opened once: parsing a key takes longer than signing with it.
  const signers = new Map<string, Promise<Signer>>()
  const exists = async ({ name }: FileKeyRef) => (await folder.read(name)) !== null
  return {
    open: ({ name }) => {
      const signer = signers.get(name) ?? openKeyFile(folder, name, passphrases)
      signers.set(name, signer)
      return signer
    },
    exists,
    make: async ({ name }, key) => folder.create(name, await newKeyText(name, key, ports, passphrases)),
    recover: exists,
    close: async () => undefined,
  }
}

/** Encrypted in memory: the plain key is never on disk. */
async function newKeyText(
  name: string,
  { curve = 'P-256', encrypt = false, pem }: NewKey,
  ports: EncryptionPorts,
  passphrases: Passphrases | undefined,
): Promise<string> {
  const text = pem ?? ports.random.ecPrivateKey(curve).pem
  if (!encrypt || isEncryptedKey(text, name)) return text
  return encryptKey(text, await newPassphrase(passphrases), ports)
}

/** The passphrase for a new encrypted key. Throws ERR_PASSPHRASE when there is none, or it is too weak. */
export async function newPassphrase(passphrases: Passphrases | undefined): Promise<string> {
  if (passphrases !== undefined) return checkNewPassphrase(await passphrases.forNew())
  const hint = 'Pass --passphrase-file FILE (- is stdin), or set FPKI_PASSPHRASE.'
  throw new FpkiError('ERR_PASSPHRASE', 'No new passphrase given.', hint)
}

/** The signer of a key file. Throws ERR_BAD_KEY when it is missing or broken, ERR_PASSPHRASE when it does not open. */
export async function openKeyFile(
  folder: Pick<PkiDirectory, 'path' | 'read'>,
  name: string,
  passphrases?: Passphrases,
): Promise<Signer> {
  return (await openEcKeyFile(folder, name, passphrases)).signer
}

/**
 * The private key of a file as a handle for worker threads, which has signed a message that its public key verifies. Throws
 * ERR_BAD_KEY, also when it is not the key of the certificate; ERR_PASSPHRASE.
 *
 * @param certified the public key of its certificate (SubjectPublicKeyInfo, DER)
 */
export async function openKeyHandle(
  folder: Pick<PkiDirectory, 'path' | 'read'>,
  name: string,
  certified: Uint8Array,
  passphrases?: Passphrases,
): Promise<KeyObject> {
  const { signer, privateKey } = await openEcKeyFile(folder, name, passphrases)
  requireCertified(signer, certified, `${folder.path}/${name}`)
  return privateKey
}

/** Throws ERR_BAD_KEY when it is not the key of a certificate (SubjectPublicKeyInfo, DER). */
export function requireCertified({ spki }: Pick<Signer, 'spki'>, certified: Uint8Array, what: string): void {
  if (sameSpki(spki, certified)) return
  const hint = 'Restore the key that belongs to the certificate from a backup.'
  throw new FpkiError('ERR_BAD_KEY', `${what} is not the key of its certificate.`, hint)
}

async function openEcKeyFile(
  folder: Pick<PkiDirectory, 'path' | 'read'>,
  name: string,
  passphrases: Passphrases | undefined,
): Promise<EcKey> {
  const pem = await folder.read(name)
  if (pem !== null) return decryptKeyPem(pem, `${folder.path}/${name}`, passphrases)
  const hint =
    'Restore it from a backup. If it was moved to a kit, use the kit; if it is in an HSM, pass --hsm-module and --hsm-token-label.'
  throw new FpkiError('ERR_BAD_KEY', `${folder.path}/${name} is missing.`, hint)
}

/** The signer of a private key in PEM, which `what` names. Throws ERR_BAD_KEY or ERR_PASSPHRASE. */
export async function openKeyPem(pem: string, what: string, passphrases?: Passphrases): Promise<Signer> {
  return (await decryptKeyPem(pem, what, passphrases)).signer
}

/** A private key in PEM, decrypted once for all its uses. Throws ERR_BAD_KEY or ERR_PASSPHRASE. */
export async function decryptKeyPem(
  pem: string,
  what: string,
  passphrases?: Passphrases,
): Promise<EcKey & { readonly passphrase: string | null }> {
  const isLocked = passphrases !== undefined && isEncryptedKey(pem, what)
  const passphrase = isLocked ? await passphrases.forExisting(what) : null
  return { ...(await openEcKey(pem, what, { passphrase, signal: passphrases?.signal })), passphrase }
}
