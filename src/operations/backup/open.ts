import { createHash } from 'node:crypto'
import { type OpenedEnvelope, type Opener, openEnvelope, openingMethods } from '../../containers/cms/envelope.js'
import { OWN_FILES, OWN_FOLDER, PKI_FILES } from '../../directory/names.js'
import type { BackupRecord, RootKeyUnproven } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import type { KeyAccess } from '../../keystore/root-key.js'
import { partOf } from '../../pieces.js'
import { rfc3339 } from '../../pki/describe.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock, DurableFiles, Random, ReadableFile } from '../../ports.js'
import { sha256 } from '../../sha256.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import type { ArchiveEntry } from '../../storage/archive.js'
import { archiveFileSystem } from '../../storage/archive-files.js'
import { durableFiles } from '../../storage/files.js'
import { type LocatedFile, readArchive } from '../../storage/read-archive.js'
import { abortableFile } from '../../storage/readable-file.js'
import { type Finding, isWrong } from '../audit/verify/finding.js'
import type { VerifyPkiResult } from '../audit/verify-pki.js'
import {
  ARCHIVE,
  type BackupManifest,
  brokenBackup,
  checkedManifest,
  REGISTER_PATH,
  subtree,
  textEntry,
} from './manifest.js'
import { readRecipientKey, wrongRecipientKey } from './recipient-key.js'
import { type KeyPassphrases, passphraseOfKey } from './root-key.js'
import { MAX_BACKUP_BYTES, MAX_OTHER_BYTES } from './sizes.js'
import { verifyRestored } from './verify-restored.js'

/** How to open a backup and the keys in it. */
export interface BackupOpener extends KeyPassphrases {
  /** Absolute path of the private key of a recipient; null: use a passphrase. */
  readonly recipientKey: string | null
}

/** The device register in a backup. */
interface BackupRegister {
  /** Its content, which throws ERR_BAD_FILE at its end unless it is the one that {@link openBackup} checked. */
  read(): AsyncIterable<Uint8Array>
}

/** An opened backup whose content matches its manifest. */
export interface OpenedBackup {
  /** Absolute. */
  readonly file: string
  readonly sha256: string
  readonly manifest: BackupManifest
  /** The PKI directory without its device register, with paths relative to it. Secret. */
  readonly pki: readonly ArchiveEntry[]
  /** null: it is not in the backup. */
  readonly register: BackupRegister | null
  /** The folder of the embedded factory; empty: not in the backup. Secret. */
  readonly factory: readonly ArchiveEntry[]
  /** Secret; null: it was opened with a private key. */
  readonly passphrase: string | null
}

/**
 * Opens a backup for `use`, to which it resolves. Everything in it was authenticated and matches its manifest; only the
 * device register is not in memory.
 *
 * @throws FpkiError ERR_BAD_FILE, ERR_PASSPHRASE, ERR_BAD_KEY, ERR_USAGE, ERR_STORAGE; the reason of the signal of
 *   the passphrases; and what `use` throws
 */
export async function openBackup<T>(
  files: DurableFiles,
  file: string,
  opener: BackupOpener,
  use: (backup: OpenedBackup) => Promise<T>,
): Promise<T> {
  const input = await files.openToRead(file, MAX_BACKUP_BYTES)
  if (input === null) throw new FpkiError('ERR_BAD_FILE', `${file} does not exist.`, 'Pass the path of a backup.')
  try {
    return await use(await openedBackup(file, abortableFile(input, opener.passphrases.signal), opener))
  } finally {
    await input.close()
  }
}

async function openedBackup(file: string, input: ReadableFile, opener: BackupOpener): Promise<OpenedBackup> {
  const ways = await asBrokenBackup(file, () => openingMethods(input))
  if (opener.recipientKey === null && !ways.passphrase) {
    const hint = 'Pass the private key of a recipient.'
    const text = `${file} is encrypted for certificates, not with a passphrase.`
    throw new FpkiError('ERR_USAGE', text, hint, { option: 'recipientKey' })
  }
  const secret = await readSecret(file, opener)
  const opened = await asBrokenBackup(file, () => openEnvelope(input, secret))
  if (opened === null) throw wrongSecret(file, opener.recipientKey)
  const archive = await asBrokenBackup(file, () =>
    readArchive(opened.content(), { large: REGISTER_PATH, maxBytes: MAX_OTHER_BYTES }),
  )
  const { manifest, entries } = checkedManifest(file, archive, opened.recipients)
  return {
    file,
    sha256: opened.sha256,
    manifest,
    pki: subtree(entries, ARCHIVE.pki),
    register: registerIn(file, entries, opened),
    factory: subtree(entries, `${ARCHIVE.factories}/${manifest.factory}`),
    passphrase: 'passphrase' in secret ? secret.passphrase : null,
  }
}

function registerIn(
  file: string,
  entries: readonly (ArchiveEntry | LocatedFile)[],
  { content }: OpenedEnvelope,
): BackupRegister | null {
  for (const entry of entries) {
    if ('content' in entry) continue
    const { offset, size, sha256 } = entry
    return { read: () => sameContent(file, partOf(content(), offset, offset + size), sha256) }
  }
  return null
}

/** The file could have been replaced since it was checked. */
async function* sameContent(
  file: string,
  content: AsyncIterable<Uint8Array>,
  sha256: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  for await (const octets of content) {
    hash.update(octets)
    yield octets
  }
  if (hash.digest('hex') !== sha256) throw brokenBackup(file, 'it was changed while it was read')
}

async function readSecret(file: string, { passphrases, recipientKey }: BackupOpener): Promise<Opener> {
  if (recipientKey === null)
    return { passphrase: await passphrases.forExisting(`the backup ${file}`), signal: passphrases.signal }
  return { key: await readRecipientKey(recipientKey, passphrases) }
}

/** The result of checking a backup before anything is written. */
export interface BackupVerification {
  /** As from {@link verifyRestored}. */
  readonly result: VerifyPkiResult['result']
  /** Failures and warnings about the PKI in the backup. */
  readonly findings: readonly Finding[]
  readonly record: BackupRecord
  /** Opens the keys in the same way again. */
  readonly access: KeyAccess | null
}

/** Failures that leave no usable PKI to restore. */
const FATAL = ['chain.root', 'root-key.mismatch', 'root-key.unusable']

/**
 * Runs the checks of `ca verify` on the PKI in a backup, in memory. The root key makes a test signature, which must verify
 * with factory_ca.pem.
 *
 * @param directory where the PKI would be restored
 * @param opener `groups`: run only these groups of checks
 * @throws FpkiError ERR_BAD_KEY, ERR_BAD_CERTIFICATE, ERR_PASSPHRASE when the root key or certificate is unusable
 */
export async function verifyBackup(
  backup: OpenedBackup,
  directory: string,
  { groups, ...opener }: BackupOpener & { readonly skipRootKey: boolean; readonly groups?: readonly string[] },
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<BackupVerification> {
  const unproven = whyUnproven(backup, opener.skipRootKey)
  const access = unproven === null ? await keyAccess(backup, opener) : null
  const record: BackupRecord = {
    version: 1,
    madeAt: backup.manifest.createdAt,
    file: backup.file,
    sha256: backup.sha256,
    provedAt: rfc3339(clock()),
    ...(unproven === null ? {} : { rootKeyUnproven: unproven }),
  }
  const files = durableFiles(archiveFileSystem(withRecord(backup.pki, record), directory))
  const where = { directory, register: 'skip' as const, ...(groups === undefined ? {} : { groups }) }
  const { result, findings } = await verifyRestored(where, access, { files, clock, random })
  const fatal = findings.find(({ code, status }) => status === 'failure' && FATAL.includes(code))
  if (fatal !== undefined) throw unusableRoot(backup, fatal)
  requireFingerprint(backup)
  const wrong = findings.filter((one) => isWrong(one) && !(access === null && one.code === 'root-key.skipped'))
  return { result, findings: wrong, record, access }
}

/** The check is recorded under this fingerprint. */
function requireFingerprint({ pki, manifest, file }: OpenedBackup): void {
  const pem = Buffer.from(pki.find(({ path }) => path === PKI_FILES.rootCertificate)?.content ?? []).toString()
  const { der } = readPemCertificate(pem, `${PKI_FILES.rootCertificate} in ${file}`)
  if (sha256(der) !== manifest.rootFingerprint)
    throw brokenBackup(file, 'its root certificate does not match its manifest')
}

/** Why the root key is not tested; null: it is. */
function whyUnproven({ pki, manifest }: OpenedBackup, skipRootKey: boolean): RootKeyUnproven | null {
  if (pki.some(({ path }) => path === PKI_FILES.rootKey)) return skipRootKey ? 'not-tried' : null
  return manifest.rootKey?.kind === 'pkcs11' ? 'in-token' : 'not-held'
}

/** The restored directory, with a record of its backup. */
export function withRecord(pki: readonly ArchiveEntry[], record: BackupRecord): readonly ArchiveEntry[] {
  const own = textEntry(`${OWN_FOLDER}/${OWN_FILES.backup}`, `${JSON.stringify(record, null, 2)}\n`)
  return [...pki.filter(({ path }) => path !== own.path), own]
}

/** The passphrase of the root key may differ from that of the backup. */
async function keyAccess({ pki, passphrase, file }: OpenedBackup, opener: BackupOpener): Promise<KeyAccess> {
  const what = `${PKI_FILES.rootKey} in ${file}`
  const pem = Buffer.from(pki.find(({ path }) => path === PKI_FILES.rootKey)?.content ?? []).toString()
  const silent = { note: () => undefined, warn: () => undefined }
  // The key file is used even if the directory records a token that the key was imported into.
  const access: KeyAccess = { root: { kind: 'file' }, ...silent }
  if (!isEncryptedKey(pem, what)) return access
  const keyPassphrase = await passphraseOfKey(pem, what, passphrase, opener)
  if (keyPassphrase === null) throw noPassphrase(what)
  const { signal } = opener.passphrases
  const passphrases = {
    forExisting: async () => keyPassphrase,
    forNew: async () => keyPassphrase,
    ...(signal === undefined ? {} : { signal }),
  }
  return { ...access, passphrases }
}

/** Turns an error that is not an FpkiError into ERR_BAD_FILE. */
async function asBrokenBackup<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FpkiError) throw error
    throw brokenBackup(file, error instanceof Error ? error.message : String(error))
  }
}

function wrongSecret(file: string, recipientKey: string | null): FpkiError {
  if (recipientKey !== null) return wrongRecipientKey(recipientKey, `does not open ${file}`)
  const hint = 'Nothing was written. Try again; if the passphrase is correct, the file is damaged.'
  return new FpkiError('ERR_PASSPHRASE', `The passphrase does not open ${file}.`, hint)
}

function noPassphrase(what: string): FpkiError {
  const hint = 'Use the right one, or restore without checking the root key.'
  return new FpkiError('ERR_PASSPHRASE', `No passphrase opens ${what}.`, hint, { option: 'keyPassphrases' })
}

function unusableRoot({ file }: OpenedBackup, { code, message }: Finding): FpkiError {
  const hint = 'Nothing was written. Use another backup.'
  const text = `The PKI in ${file} has no usable root: ${message}`
  return new FpkiError(code === 'chain.root' ? 'ERR_BAD_CERTIFICATE' : 'ERR_BAD_KEY', text, hint)
}
