import type { KeyObject } from 'node:crypto'
import type { PkiDirectory } from '../directory/pki-directory.js'
import type { KeyRef, TokenKeyRef } from '../directory/records.js'
import type { HsmChoice, Signer } from '../ports.js'
import { choiceOfRef } from './hsm-words.js'
import { openKeyFile, openKeyHandle, requireCertified } from './key-files.js'
import { requireTrusted } from './remembered-token.js'
import type { KeyAccess, RootKeyPlace } from './root-key.js'

/** The key of a device CA for many signatures: a handle for worker threads, or a token in several sessions. */
export interface OpenBatchKey {
  readonly key:
    | { readonly kind: 'file'; readonly privateKey: KeyObject }
    | { readonly kind: 'token'; readonly signers: readonly Signer[] }
  close(): Promise<void>
}

/** The key of a device CA. */
export interface CaKeyChoice {
  readonly directory: PkiDirectory
  /** Where the directory records it. A token that the caller selects is used when it records a file that is missing. */
  readonly key: KeyRef
  /** The public key of its certificate (SubjectPublicKeyInfo, DER). */
  readonly certified: Uint8Array
}

const WITHOUT_SECRETS: KeyAccess = {
  root: { kind: 'recorded', module: null },
  note: () => undefined,
  warn: () => undefined,
}

/** The key of a device CA, for a signature or two. */
export interface OpenCaKey {
  readonly signer: Signer
  close(): Promise<void>
}

/**
 * Opens the key of a device CA: in its file, or in the token where the directory records it or that the caller selects.
 *
 * @throws FpkiError ERR_BAD_KEY, also when it is another key; ERR_PASSPHRASE, ERR_HSM_MODULE, ERR_HSM_TOKEN, ERR_HSM_PIN, ERR_HSM_KEY
 */
export async function openCaKey(choice: CaKeyChoice, access: KeyAccess = WITHOUT_SECRETS): Promise<OpenCaKey> {
  const { directory, key, certified } = choice
  const hsm = await tokenChoice(directory, key, access.root)
  if (hsm === null) {
    if (key.kind !== 'file') throw new Error('a key in a token has no token')
    const signer = await openKeyFile(directory, key.name, access.passphrases)
    requireCertified(signer, certified, `${directory.path}/${key.name}`)
    return { signer, close: () => signer.close() }
  }
  const { openTokenKeys } = await import('./token-keys.js')
  const keys = await openTokenKeys(hsm, access)
  try {
    const found = keys.find(hsm.key, certified)
    return { signer: await keys.open(found, certified), close: keys.close }
  } catch (error) {
    await keys.close()
    throw error
  }
}

/**
 * Opens the key of a device CA for a batch, which has signed a message that its certificate's public key verifies.
 *
 * @param choice.sessions how many signatures a token makes at a time
 * @throws FpkiError ERR_BAD_KEY when it is missing, damaged or another key; ERR_PASSPHRASE; ERR_HSM_MODULE, ERR_HSM_TOKEN,
 *   ERR_HSM_PIN, ERR_HSM_KEY, ERR_SIGNATURE
 */
export async function openBatchKey(
  choice: CaKeyChoice & { readonly sessions: number },
  access: KeyAccess = WITHOUT_SECRETS,
): Promise<OpenBatchKey> {
  const { directory, key, certified, sessions } = choice
  const hsm = await tokenChoice(directory, key, access.root)
  if (hsm === null && key.kind === 'file') {
    const privateKey = await openKeyHandle(directory, key.name, certified, access.passphrases)
    return { key: { kind: 'file', privateKey }, close: async () => undefined }
  }
  if (hsm === null) throw new Error('a key in a token has no token')
  const { openTokenSessions } = await import('./token-keys.js')
  const { signers, close } = await openTokenSessions(hsm, certified, sessions, access)
  return { key: { kind: 'token', signers }, close }
}

/** null: the key is in its file. */
async function tokenChoice(directory: PkiDirectory, key: KeyRef, place: RootKeyPlace): Promise<HsmChoice | null> {
  if (key.kind === 'pkcs11') return recordedToken(directory, key, place)
  return place.kind === 'token' && (await directory.read(key.name)) === null ? place.hsm : null
}

/** The token of the directory's records, with what the caller names in its place: another module, or another token. */
async function recordedToken(directory: PkiDirectory, key: TokenKeyRef, place: RootKeyPlace): Promise<HsmChoice> {
  const recorded = choiceOfRef(key)
  if (place.kind === 'token') return { ...place.hsm, key: recorded.key }
  if (place.kind === 'recorded' && place.module !== null) return { ...recorded, ...place.module }
  const state = await directory.readState()
  await requireTrusted(directory, 'state', recorded.module, state ?? {})
  return recorded
}
