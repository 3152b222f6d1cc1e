import { join } from 'node:path'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { provesPossession } from '../../pki/possession.js'
import type { Passphrases } from '../../ports.js'
import { pemSigner } from '../../signer/file.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import type { OpenPki } from '../open-pki.js'
import type { BackupContents } from './collect.js'

/** Sources of the passphrase of an encrypted key in a backup. */
export interface KeyPassphrases {
  /** Of the backup; also tried for encrypted keys in it. */
  readonly passphrases: Passphrases
  /** Of encrypted keys only, which it must open; null: not specified. */
  readonly ofKeys: Passphrases | null
  /** Prompts for another one if that of the backup does not open the root key; null: no terminal. */
  readonly askAnother: ((what: string) => Promise<string>) | null
}

/**
 * Proves that the root key matches factory_ca.pem, because a backup with another key cannot be restored. Resolves to false
 * when there is no key file, or it is encrypted and no passphrase opens it.
 *
 * @param backupPassphrase secret; null: the backup has none
 * @throws FpkiError ERR_BAD_KEY when it is not the key of factory_ca.pem; as {@link passphraseOfKey} does
 */
export async function proveRootKey(
  { directory, root }: OpenPki,
  { rootKey }: BackupContents['facts'],
  backupPassphrase: string | null,
  sources: KeyPassphrases | null,
): Promise<boolean> {
  if (rootKey?.kind !== 'file') return false
  const path = join(directory.path, PKI_FILES.rootKey)
  const pem = (await directory.read(PKI_FILES.rootKey)) ?? ''
  const isEncrypted = isEncryptedKey(pem, path)
  const passphrase = isEncrypted ? await passphraseOfKey(pem, path, backupPassphrase, sources) : null
  if (isEncrypted && passphrase === null) return false
  const signer = await pemSigner(pem, path, { passphrase, signal: sources?.passphrases.signal })
  if (await provesPossession(signer, root.spki)) return true
  const hint = 'No backup was made, because it could not be restored. Restore the key from an earlier backup.'
  throw new FpkiError('ERR_BAD_KEY', `${path} is not the key of ${PKI_FILES.rootCertificate}.`, hint)
}

/**
 * The passphrase of an encrypted key: the one for keys, if specified; otherwise that of the backup, the one for the
 * backup, or another from a prompt. null: none of them opens it.
 *
 * @param backupPassphrase secret; null: the backup has none
 * @throws FpkiError ERR_BAD_KEY when the key is broken; ERR_PASSPHRASE when the one for keys does not open it
 */
export async function passphraseOfKey(
  pem: string,
  what: string,
  backupPassphrase: string | null,
  sources: KeyPassphrases | null,
): Promise<string | null> {
  const ofKeys = await sources?.ofKeys?.forExisting(what)
  if (ofKeys !== undefined) {
    if (await opens(pem, what, ofKeys, sources)) return ofKeys
    const hint = 'Pass the right one, or none to try the passphrase of the backup.'
    throw new FpkiError('ERR_PASSPHRASE', `The passphrase does not open ${what}.`, hint, { option: 'keyPassphrases' })
  }
  const sameAsBackup = async () =>
    backupPassphrase ?? (await sources?.passphrases.forExisting(what).catch(nullIfMissing))
  for (const next of [sameAsBackup, async () => sources?.askAnother?.(what)]) {
    const passphrase = await next()
    if (passphrase && (await opens(pem, what, passphrase, sources))) return passphrase
  }
  return null
}

function nullIfMissing(error: unknown): null {
  if (error instanceof FpkiError && error.code === 'ERR_PASSPHRASE') return null
  throw error
}

async function opens(pem: string, what: string, passphrase: string, sources: KeyPassphrases | null): Promise<boolean> {
  try {
    await pemSigner(pem, what, { passphrase, signal: sources?.passphrases.signal })
    return true
  } catch (error) {
    if (error instanceof FpkiError && error.code === 'ERR_PASSPHRASE') return false
    throw error
  }
}
