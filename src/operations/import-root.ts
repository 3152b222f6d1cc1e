import * as z from 'zod/mini'
import { PKI_FILES } from '../directory/names.js'
import { type PkiDirectory, pkiDirectory } from '../directory/pki-directory.js'
import { keyReference } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import { attributeValues } from '../pki/name.js'
import { sameOctets } from '../pki/octets.js'
import { type Certificate, readPemCertificate } from '../pki/read-certificate.js'
import type { DurableFiles, HsmChoice, Passphrases, Progress } from '../ports.js'
import { type KeyMaterial, keyMaterial } from '../signer/file.js'
import type { CryptokiMaker } from '../signer/pkcs11/cryptoki.js'
import { isLabelTaken, requireKey, type TokenKey } from '../signer/pkcs11/key.js'
import { checkStays, putKey } from '../signer/pkcs11/make-key.js'
import type { OpenToken } from '../signer/pkcs11/session.js'
import { tokenSigner } from '../signer/pkcs11/signer.js'
import { openKey, passphraseOf } from './private-key.js'
import { proveSigner } from './prove-signer.js'
import { holdToken, keyExists, tokenKeyReference } from './token-keys.js'

/** What `fpki ca import-root --json` prints. */
export const importedRoot = z.strictObject({
  factory: z.string(),
  /** Absolute. */
  directory: z.string(),
  rootKey: keyReference,
  /** factory_ca.key was removed from the directory. */
  keyFileRemoved: z.boolean(),
})

/** See {@link importedRoot}. */
export type ImportedRoot = z.infer<typeof importedRoot>

/** What `ca import-root` is asked to do. */
export interface ImportRootOptions {
  /** Absolute path. */
  readonly directory: string
  readonly hsm: HsmChoice
  /** factory_ca.key goes, once the token has proved to have it. */
  readonly removeKey: boolean
  /** The Factory API's name, for a directory that fpki has not made. */
  readonly api: string
  /** For a factory_ca.key that is encrypted. */
  readonly passphrases?: Passphrases
}

/** What `ca import-root` works with. */
export interface ImportRootPorts {
  readonly files: DurableFiles
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly makeCryptoki?: CryptokiMaker
}

/**
 * Moves the root key from factory_ca.key into a token. The file goes last, and only when it is asked for: wherever this is
 * cut off, the file or the token has a key that works, and the same call goes on.
 *
 * @throws FpkiError ERR_EXISTS when the token has another key under the label; ERR_BAD_KEY when the file is missing or not
 *   the certificate's; ERR_PASSPHRASE when it does not open; ERR_SIGNATURE when the token does not sign as it should; ERR_HSM_…
 */
export async function importRoot(options: ImportRootOptions, ports: ImportRootPorts): Promise<ImportedRoot> {
  const directory = pkiDirectory(ports.files, options.directory)
  const { progress, signal } = ports
  const { material, certificate } = await rootOnDisk(directory, options.passphrases)
  await directory.make()
  const lock = await directory.lock()
  const holder = holdToken(options.hsm, progress, ports.makeCryptoki)
  try {
    const token = await holder.open()
    signal.throwIfAborted()
    progress.step('Putting the root key into the token')
    const key = importedKey(token, options.hsm, material, certificate)
    progress.step('Signing a test message with it')
    await proveSigner(tokenSigner(token, key, certificate.spki), token.name)
    signal.throwIfAborted()
    const rootKey = tokenKeyReference(holder, { label: key.label, id: key.id.toString('hex') })
    const factory = await remember(directory, certificate, options.api, rootKey)
    if (options.removeKey) {
      progress.step('Removing factory_ca.key')
      await directory.removeRootKey()
    }
    return { factory, directory: directory.path, rootKey, keyFileRemoved: options.removeKey }
  } finally {
    await holder.close()
    await lock.release()
  }
}

/** The key file and the certificate, which must belong together; else the token would get a key that is not the root's. */
async function rootOnDisk(
  directory: PkiDirectory,
  passphrases: Passphrases | undefined,
): Promise<{ material: KeyMaterial; certificate: Certificate }> {
  const { rootKey, rootCertificate } = PKI_FILES
  if ((await directory.check()) === 'missing') throw missing(directory, rootCertificate)
  await refuseUnfinished(directory)
  const pem = await directory.read(rootKey)
  const certificatePem = await directory.read(rootCertificate)
  if (certificatePem === null) throw missing(directory, rootCertificate)
  if (pem === null) throw await noKeyFile(directory)
  const certificate = readPemCertificate(certificatePem, `${directory.path}/${rootCertificate}`)
  const path = `${directory.path}/${rootKey}`
  const { publicKey } = await openKey(pem, path, passphrases)
  if (sameOctets(certificate.spki, publicKey)) {
    return { material: keyMaterial(pem, path, await passphraseOf(pem, path, passphrases)), certificate }
  }
  throw new FpkiError(
    'ERR_BAD_KEY',
    `${path} is not the key of ${rootCertificate}.`,
    'Put the right one back from a backup.',
  )
}

async function refuseUnfinished(directory: PkiDirectory): Promise<void> {
  const journal = await directory.readJournal()
  if (journal === null || journal.finishedAt !== null) return
  throw new FpkiError(
    'ERR_UNFINISHED',
    `${directory.path} holds a \`${journal.command}\` that was interrupted.`,
    'Run that command again first, so that it comes to its end.',
  )
}

/** The key in the token: put there now, or by an earlier run that was cut off. */
function importedKey(token: OpenToken, { key }: HsmChoice, material: KeyMaterial, { spki }: Certificate): TokenKey {
  if (!isLabelTaken(token, key)) return putKey(token, key, material)
  const there = requireKey(token, key)
  if (there.spki !== null && !sameOctets(there.spki, spki)) throw keyExists(token, key)
  return checkStays(token, there)
}

async function remember(
  directory: PkiDirectory,
  { subject }: Certificate,
  api: string,
  rootKey: ImportedRoot['rootKey'],
): Promise<string> {
  const state = await directory.readState()
  const factory = state?.factory ?? attributeValues(subject, 'OU')[0] ?? ''
  await directory.writeState({ version: 1, api, ...state, factory, rootKey })
  return factory
}

async function noKeyFile(directory: PkiDirectory): Promise<FpkiError> {
  const state = await directory.readState()
  if (state?.rootKey.kind !== 'pkcs11') return missing(directory, PKI_FILES.rootKey)
  return new FpkiError(
    'ERR_EXISTS',
    `The root key of ${directory.path} is in the token "${state.rootKey.tokenLabel}" already, and in no file.`,
    'There is nothing left to do. To put it into another token, put factory_ca.key back from a backup first.',
  )
}

function missing({ path }: PkiDirectory, file: string): FpkiError {
  return new FpkiError('ERR_BAD_KEY', `${path}/${file} is missing.`, 'Name the PKI directory that has it.')
}
