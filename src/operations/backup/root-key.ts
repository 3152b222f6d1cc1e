import { join } from 'node:path'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import type { OpenPki } from '../../issuance/open-pki.js'
import { provesPossession } from '../../pki/possession.js'
import type { Passphrases } from '../../ports.js'
import { pemSigner } from '../../signer/file.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import type { Collected } from './collect.js'

/** Where the passphrase of an encrypted key in a backup may come from. */
export interface KeyPassphrases {
  /** Of the backup, and then of encrypted keys in it. */
  readonly passphrases: Passphrases
  /** Of encrypted keys in it alone: it must open them; null: it was not given. */
  readonly ofKeys: Passphrases | null
  /** Asks for another one, where that of the backup does not open the root key; null: there is no terminal. */
  readonly askAnother: ((what: string) => Promise<string>) | null
}

/**
 * Nothing would restore a backup whose root key is another one. Resolves to false when there is none to look at, or it is
 * encrypted and nobody gives the passphrase: that one may be lost, or not; `--check --key-passphrase-file` proves it.
 *
 * @param known the passphrase of the backup. Secret; null: it has none
 * @throws FpkiError ERR_BAD_KEY when it is not the key of factory_ca.pem; as {@link passphraseOfKey} does
 */
export async function requireRoot(
  { directory, root }: OpenPki,
  { rootKey }: Collected['facts'],
  known: string | null,
  from: KeyPassphrases | null,
): Promise<boolean> {
  if (rootKey?.kind !== 'file') return false
  const path = join(directory.path, PKI_FILES.rootKey)
  const pem = (await directory.read(PKI_FILES.rootKey)) ?? ''
  const isEncrypted = isEncryptedKey(pem, path)
  const passphrase = isEncrypted ? await passphraseOfKey(pem, path, known, from) : null
  if (isEncrypted && passphrase === null) return false
  const signer = await pemSigner(pem, path, { passphrase, signal: from?.passphrases.signal })
  if (await provesPossession(signer, root.spki)) return true
  const hint = 'No backup was made: it could not be restored. Put the right key back from an earlier backup.'
  throw new FpkiError('ERR_BAD_KEY', `${path} is not the key of ${PKI_FILES.rootCertificate}.`, hint)
}

/**
 * The passphrase of an encrypted key: the one that is given for keys; else that of its backup (`known`, secret; null: it
 * has none), the one that is given, or another that is asked for. null: none of them opens it.
 *
 * @throws FpkiError ERR_BAD_KEY when the key is broken; ERR_PASSPHRASE when the one for keys does not open it
 */
export async function passphraseOfKey(
  pem: string,
  what: string,
  known: string | null,
  from: KeyPassphrases | null,
): Promise<string | null> {
  const ofKeys = await from?.ofKeys?.forExisting(what)
  if (ofKeys !== undefined) {
    if (await opens(pem, what, ofKeys, from)) return ofKeys
    const hint = 'Give the right one; when none is given for keys, others are tried.'
    throw new FpkiError('ERR_PASSPHRASE', `The passphrase for keys does not open ${what}.`, hint, {
      option: 'keyPassphrases',
    })
  }
  const given = async () => known ?? (await from?.passphrases.forExisting(what).catch(noneGiven))
  for (const next of [given, async () => from?.askAnother?.(what)]) {
    const passphrase = await next()
    if (passphrase && (await opens(pem, what, passphrase, from))) return passphrase
  }
  return null
}

function noneGiven(error: unknown): null {
  if (error instanceof FpkiError && error.code === 'ERR_PASSPHRASE') return null
  throw error
}

async function opens(pem: string, what: string, passphrase: string, from: KeyPassphrases | null): Promise<boolean> {
  try {
    await pemSigner(pem, what, { passphrase, signal: from?.passphrases.signal })
    return true
  } catch (error) {
    if (error instanceof FpkiError && error.code === 'ERR_PASSPHRASE') return false
    throw error
  }
}
