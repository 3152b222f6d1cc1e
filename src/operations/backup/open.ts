import { type OpenedEnvelope, type Opener, openEnvelope, waysToOpen } from '../../containers/cms/envelope.js'
import { OWN_FILES, OWN_FOLDER, PKI_FILES } from '../../directory/names.js'
import type { BackupRecord, RootKeyUnproven } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import type { KeyAccess } from '../../keystore/root-key.js'
import { rfc3339 } from '../../pki/describe.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock, DurableFiles, Random } from '../../ports.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import { type ArchiveEntry, readArchive } from '../../storage/archive.js'
import { archiveFileSystem } from '../../storage/archive-files.js'
import { durableFiles } from '../../storage/files.js'
import { MAX_TREE_BYTES } from '../../storage/tree.js'
import { type Finding, isWrong } from '../audit/verify/finding.js'
import type { VerifyPkiResult } from '../audit/verify-pki.js'
import { ARCHIVE, type BackupManifest, below, brokenBackup, checkedManifest, sha256, textEntry } from './manifest.js'
import { readRecipientKey, wrongRecipientKey } from './recipient-key.js'
import { type KeyPassphrases, passphraseOfKey } from './root-key.js'
import { verifyRestored } from './verify-restored.js'

/** A directory and an embedded factory of the largest size, with headers and sums. */
export const MAX_BACKUP_BYTES = 3 * MAX_TREE_BYTES

/** How a backup, and the keys in it, are opened. */
export interface BackupOpener extends KeyPassphrases {
  /** The private key of a certificate that it was made for, absolute path; null: a passphrase opens it. */
  readonly recipientKey: string | null
}

/** A backup that was opened, all of which is as its manifest says. */
export interface OpenedBackup {
  /** Absolute. */
  readonly file: string
  readonly sha256: string
  readonly manifest: BackupManifest
  /** The PKI directory, as paths in it. Secret. */
  readonly pki: readonly ArchiveEntry[]
  /** The folder of the embedded factory; empty: it is not in it. Secret. */
  readonly factory: readonly ArchiveEntry[]
  /** Secret; null: a private key opened it. */
  readonly passphrase: string | null
}

/** Opens a backup, in memory. Throws ERR_BAD_FILE, ERR_PASSPHRASE, ERR_BAD_KEY, ERR_USAGE. */
export async function openBackup(files: DurableFiles, file: string, opener: BackupOpener): Promise<OpenedBackup> {
  const octets = await files.readOctets(file, MAX_BACKUP_BYTES)
  if (octets === null) throw new FpkiError('ERR_BAD_FILE', `${file} does not exist.`, 'Name the backup.')
  const ways = await described(file, async () => waysToOpen(octets))
  if (opener.recipientKey === null && !ways.passphrase) {
    const hint = 'Give the key of one of them.'
    const text = `${file} was made for certificates, and not for a passphrase.`
    throw new FpkiError('ERR_USAGE', text, hint, { option: 'recipientKey' })
  }
  const secret = await secretOf(file, opener)
  const opened = await described(file, () => openEnvelope(octets, secret))
  if (opened === null) throw notOpened(file, opener.recipientKey)
  const { manifest, entries } = await readContent(file, opened)
  return {
    file,
    sha256: sha256(octets),
    manifest,
    pki: below(entries, ARCHIVE.pki),
    factory: below(entries, `${ARCHIVE.factories}/${manifest.factory}`),
    passphrase: 'passphrase' in secret ? secret.passphrase : null,
  }
}

async function readContent(file: string, { content, recipients }: OpenedEnvelope) {
  return checkedManifest(file, await readArchive(content), recipients)
}

async function secretOf(file: string, { passphrases, recipientKey }: BackupOpener): Promise<Opener> {
  if (recipientKey === null)
    return { passphrase: await passphrases.forExisting(`the backup ${file}`), signal: passphrases.signal }
  return { key: await readRecipientKey(recipientKey, passphrases) }
}

/** What is proven of a backup before anything is written. */
export interface Rehearsed {
  /** As {@link verifyRestored} says it. */
  readonly result: VerifyPkiResult['result']
  /** What does not hold or is odd; the backup is as good as the directory was. */
  readonly findings: readonly Finding[]
  readonly record: BackupRecord
  /** Opens the keys as they were opened here. */
  readonly access: KeyAccess | null
}

/** Without these there is no PKI to restore. */
const BLOCKING = ['chain.root', 'root-key.mismatch', 'root-key.unusable']

/**
 * Looks at the PKI in a backup as `ca verify` looks at a directory, in memory: the root key signs a fresh message, which
 * must fit factory_ca.pem.
 *
 * @param directory where it would be
 * @param opener also: are the checks of some groups enough?
 * @throws FpkiError ERR_BAD_KEY, ERR_BAD_CERTIFICATE, ERR_PASSPHRASE when the root does not hold
 */
export async function rehearse(
  backup: OpenedBackup,
  directory: string,
  { groups, ...opener }: BackupOpener & { readonly skipRootKey: boolean; readonly groups?: readonly string[] },
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<Rehearsed> {
  const unproven = unprovenIn(backup, opener.skipRootKey)
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
  const where = { directory, ...(groups === undefined ? {} : { groups }) }
  const { result, findings } = await verifyRestored(where, access, { files, clock, random })
  const blocking = findings.find(({ code, status }) => status === 'failure' && BLOCKING.includes(code))
  if (blocking !== undefined) throw notTheRoot(backup, blocking)
  requireFingerprint(backup)
  const told = findings.filter((one) => isWrong(one) && !(access === null && one.code === 'root-key.skipped'))
  return { result, findings: told, record, access }
}

/** The proof is written down where that root is. */
function requireFingerprint({ pki, manifest, file }: OpenedBackup): void {
  const pem = Buffer.from(pki.find(({ path }) => path === PKI_FILES.rootCertificate)?.content ?? []).toString()
  const { der } = readPemCertificate(pem, `${PKI_FILES.rootCertificate} in ${file}`)
  if (sha256(der) !== manifest.rootFingerprint) throw brokenBackup(file, 'it has another root than its manifest says')
}

/** Why the root key cannot be tried; null: it can. */
function unprovenIn({ pki, manifest }: OpenedBackup, skipRootKey: boolean): RootKeyUnproven | null {
  if (pki.some(({ path }) => path === PKI_FILES.rootKey)) return skipRootKey ? 'not-tried' : null
  return manifest.rootKey?.kind === 'pkcs11' ? 'in-token' : 'not-held'
}

/** The directory as it is put back: it knows of the backup that it comes from. */
export function withRecord(pki: readonly ArchiveEntry[], record: BackupRecord): readonly ArchiveEntry[] {
  const own = textEntry(`${OWN_FOLDER}/${OWN_FILES.backup}`, `${JSON.stringify(record, null, 2)}\n`)
  return [...pki.filter(({ path }) => path !== own.path), own]
}

/** The passphrase of the root key may be that of the backup, or another one. */
async function keyAccess({ pki, passphrase, file }: OpenedBackup, opener: BackupOpener): Promise<KeyAccess> {
  const what = `${PKI_FILES.rootKey} in ${file}`
  const pem = Buffer.from(pki.find(({ path }) => path === PKI_FILES.rootKey)?.content ?? []).toString()
  const silent = { note: () => undefined, warn: () => undefined }
  // The key is in its file, also where the directory remembers a token that it was put into.
  const access: KeyAccess = { root: { kind: 'file' }, ...silent }
  if (!isEncryptedKey(pem, what)) return access
  const known = await passphraseOfKey(pem, what, passphrase, opener)
  if (known === null) throw noPassphrase(what)
  const { signal } = opener.passphrases
  const passphrases = {
    forExisting: async () => known,
    forNew: async () => known,
    ...(signal === undefined ? {} : { signal }),
  }
  return { ...access, passphrases }
}

async function described<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FpkiError) throw error
    throw brokenBackup(file, error instanceof Error ? error.message : String(error))
  }
}

function notOpened(file: string, recipientKey: string | null): FpkiError {
  if (recipientKey !== null) return wrongRecipientKey(recipientKey, `does not open ${file}`)
  const hint = 'Nothing was written. Try the right one; if it is that, the file is damaged.'
  return new FpkiError('ERR_PASSPHRASE', `The passphrase does not open ${file}.`, hint)
}

function noPassphrase(what: string): FpkiError {
  const hint = 'Give the right one, or restore without a check of the root key.'
  return new FpkiError('ERR_PASSPHRASE', `None of the passphrases opens ${what}.`, hint, { option: 'keyPassphrases' })
}

function notTheRoot({ file }: OpenedBackup, { code, message }: Finding): FpkiError {
  const hint = 'Nothing was written. Take another backup.'
  const text = `The PKI in ${file} has no root that holds: ${message}`
  return new FpkiError(code === 'chain.root' ? 'ERR_BAD_CERTIFICATE' : 'ERR_BAD_KEY', text, hint)
}
