import { checkNewPassphrase, encryptKey } from '../containers/pkcs8.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import type { KeyReference } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import { fingerprintOf } from '../pki/fingerprint.js'
import type { EncryptionPorts, Passphrases, Signer } from '../ports.js'
import { newPrivateKeyPem } from '../signer/file.js'
import { isEncryptedKey } from '../signer/key-pem.js'
import { type EcKey, openEcKey } from '../signer/open-key.js'
import { rememberedKeyName } from './labels.js'

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
   * Its signer, which is shared and nobody's to close. Throws ERR_BAD_KEY, ERR_PASSPHRASE or ERR_HSM_KEY when it is
   * missing or cannot be used.
   */
  open(): Promise<Signer>
}

/** Where key files are: in the PKI directory, or aside. */
export type KeyFolder = Pick<PkiDirectory, 'path' | 'read' | 'create'>

/** How a key file is kept, where that is not in the clear. */
export interface KeyKeeping {
  /** Where its passphrase comes from. */
  readonly passphrases?: Passphrases | undefined
  /** Is it to be encrypted? Absent: no. */
  readonly encrypt?: boolean
  /** The PEM block that is put there when the key comes from elsewhere; absent: a new key. Secret. */
  readonly given?: string | undefined
}

/** A private key in its file; a new one is on P-256 (docs/profile.md#key-files). */
export function fileKey(
  directory: KeyFolder,
  file: string,
  ports: EncryptionPorts,
  keeping: KeyKeeping = {},
): PrivateKey {
  let signer: Promise<Signer> | null = null
  return {
    reference: { kind: 'file', name: file },
    exists: async () => (await directory.read(file)) !== null,
    takeUp: async () => (await directory.read(file)) !== null,
    make: async () => directory.create(file, await textOfNew(file, ports, keeping)),
    open: () => {
      // Read once: parsing a key takes longer than signing with it.
      signer ??= keyOf(directory, file, keeping.passphrases)
      return signer
    },
  }
}

/** What the file of a key is to hold. Encrypted in memory: its clear form never comes near the disk. */
async function textOfNew(
  file: string,
  ports: EncryptionPorts,
  { passphrases, encrypt = false, given }: KeyKeeping,
): Promise<string> {
  const pem = given ?? newPrivateKeyPem(ports.random, 'P-256')
  return encrypt && !isEncryptedKey(pem, file) ? encryptKey(pem, await newPassphrase(passphrases), ports) : pem
}

/** The passphrase for what is encrypted now. Throws ERR_PASSPHRASE when there is none that is good enough. */
export async function newPassphrase(passphrases: Passphrases | undefined): Promise<string> {
  if (passphrases !== undefined) return checkNewPassphrase(await passphrases.chosen())
  const hint = 'Give one with --passphrase-file FILE (- is stdin) or FPKI_PASSPHRASE.'
  throw new FpkiError('ERR_PASSPHRASE', 'There is no new passphrase.', hint)
}

/** The signer of a key file. Throws ERR_BAD_KEY when it is missing or broken, ERR_PASSPHRASE when it does not open. */
export async function keyOf(
  directory: Pick<KeyFolder, 'path' | 'read'>,
  file: string,
  passphrases?: Passphrases,
): Promise<Signer> {
  const pem = await directory.read(file)
  if (pem !== null) return openKey(pem, `${directory.path}/${file}`, passphrases)
  const hint = 'Put it back from a backup; if it is in an HSM, name that with --hsm-module and --hsm-token-label.'
  throw new FpkiError('ERR_BAD_KEY', `${directory.path}/${file} is missing.`, hint)
}

/** The signer of a private key in PEM, which `what` names. Throws ERR_BAD_KEY or ERR_PASSPHRASE. */
export async function openKey(pem: string, what: string, passphrases?: Passphrases): Promise<Signer> {
  return (await openWith(pem, what, passphrases)).signer
}

/** A private key in PEM, opened once for all that is done with it. Throws ERR_BAD_KEY or ERR_PASSPHRASE. */
export async function openWith(
  pem: string,
  what: string,
  passphrases?: Passphrases,
): Promise<EcKey & { readonly passphrase: string | null }> {
  const passphrase = await passphraseOf(pem, what, passphrases)
  return { ...(await openEcKey(pem, what, { passphrase, signal: passphrases?.signal })), passphrase }
}

async function passphraseOf(pem: string, what: string, passphrases?: Passphrases): Promise<string | null> {
  return passphrases !== undefined && isEncryptedKey(pem, what) ? passphrases.known(what) : null
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

/** The public key that an earlier step made: a token or a file may have been exchanged since. Throws ERR_BAD_KEY. */
export async function madeKey(key: PrivateKey, fingerprint: string): Promise<Uint8Array> {
  const { publicKey } = await key.open()
  if (fingerprintOf(publicKey) === fingerprint) return publicKey
  const { reference } = key
  const name = reference.kind === 'file' ? reference.name : `the key ${rememberedKeyName(reference)} in the token`
  const hint = 'Nothing was signed with it. Put back the one that was made, and run the same command again.'
  throw new FpkiError('ERR_BAD_KEY', `${name} is not the key that this command made.`, hint)
}
