import type { PkiDirectory } from '../directory/pki-directory.js'
import type { KeyRef } from '../directory/records.js'
import type { HsmChoice, Signer } from '../ports.js'
import { choiceOfRef } from './hsm-words.js'
import { openKeyFile } from './key-files.js'
import { requireTrusted } from './remembered-token.js'
import type { KeyAccess } from './root-key.js'

/** The key of a device CA, for a signature or two. */
export interface OpenCaKey {
  readonly signer: Signer
  close(): Promise<void>
}

/**
 * Opens the key of a device CA: in its file, or in the token where the directory records it or that the caller selects.
 *
 * @param certified the public key of its certificate (SubjectPublicKeyInfo, DER), which selects one of several in a token
 * @throws FpkiError ERR_BAD_KEY, ERR_PASSPHRASE, ERR_HSM_MODULE, ERR_HSM_TOKEN, ERR_HSM_PIN, ERR_HSM_KEY
 */
export async function openCaKey(
  directory: PkiDirectory,
  ref: KeyRef,
  certified: Uint8Array,
  access: KeyAccess,
): Promise<OpenCaKey> {
  const choice = await tokenOf(directory, ref, access)
  if (choice === null) {
    if (ref.kind !== 'file') throw new Error('a key in a token has a token')
    const signer = await openKeyFile(directory, ref.name, access.passphrases)
    return { signer, close: () => signer.close() }
  }
  const { openTokenKeys } = await import('./token-keys.js')
  const keys = await openTokenKeys(choice, access)
  try {
    const found = keys.find(choice.key, certified)
    return { signer: await keys.open(found, certified), close: keys.close }
  } catch (error) {
    await keys.close()
    throw error
  }
}

/** The token with the key; null: it is in its file. A token that the caller selects is used when there is no file. */
async function tokenOf(directory: PkiDirectory, ref: KeyRef, { root }: KeyAccess): Promise<HsmChoice | null> {
  const selected = root.kind === 'token' ? root.hsm : null
  if (ref.kind === 'file') return selected === null || (await directory.read(ref.name)) !== null ? null : selected
  const recorded = choiceOfRef(ref)
  if (selected !== null) return { ...selected, key: recorded.key }
  if (root.kind === 'recorded' && root.module !== null) return { ...recorded, ...root.module }
  await requireTrusted(directory, 'state', recorded.module, { restored: (await directory.readState())?.restored })
  return recorded
}
