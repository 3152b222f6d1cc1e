import * as z from 'zod/mini'
import { pkiDirectory } from '../../directory/pki-directory.js'
import type { BackupRecord } from '../../directory/records.js'
import { rootFingerprints } from '../../directory/root-certificates.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import type { Clock, DurableFiles, Progress, Random } from '../../ports.js'
import { finding } from '../audit/verify/finding.js'
import { verifyPkiResult } from '../audit/verify-pki.js'
import { backupManifest } from './manifest.js'
import { type BackupOpener, type OpenedBackup, openBackup, verifyBackup } from './open.js'
import { untrustedReferences } from './restored-records.js'

/** What is reported of an opened backup: its manifest without the list of entries. */
const { factory, createdAt, rootFingerprint, rootKey, embedded, devices, unfinished, notHeld, fpki } =
  backupManifest.shape
export const backupFacts = {
  factory,
  createdAt,
  rootFingerprint,
  rootKey,
  embedded,
  devices,
  unfinished,
  notHeld,
  fpki,
}

/** What `fpki ca backup --check --json` prints. */
export const checkBackupResult = jsonDocument({
  /** The backup, absolute. */
  file: z.string(),
  /** Of the file. */
  sha256: z.string(),
  ...backupFacts,
  /** The directory that was backed up. */
  directory: z.string(),
  /** How many files it contains. */
  files: z.int(),
  /** A test signature of the root key in it verifies with factory_ca.pem; false: it does not contain the key. */
  rootKeyProven: z.boolean(),
  /** The result that `ca restore` would have; `failure`: a key is unusable or a chain is invalid. */
  result: verifyPkiResult.shape.result,
  /** The PKI directory in which the check was recorded; null: none. */
  recordedIn: z.nullable(z.string()),
  findings: z.array(finding),
})

/** See {@link checkBackupResult}. */
export type CheckBackupResult = z.infer<typeof checkBackupResult>

/** Options of `ca backup --check`. */
export interface CheckBackupOptions {
  /** Absolute path. */
  readonly file: string
  /** The PKI directory in which to record the check; null: nothing is written. */
  readonly directory: string | null
}

/** Ports of `ca backup --check`. */
export interface CheckBackupPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
  readonly progress: Progress
  readonly opener: BackupOpener
}

/**
 * Checks, without writing it anywhere, that a backup can be restored. Unless the restored PKI would have a failure, the time of the check is
 * recorded in the PKI directory of the options.
 *
 * @throws FpkiError as openBackup and verifyBackup do; ERR_OTHER_ROOT when `directory` is another PKI
 */
export async function checkBackup(options: CheckBackupOptions, ports: CheckBackupPorts): Promise<CheckBackupResult> {
  return openBackup(ports.files, options.file, ports.opener, (backup) => checkOpened(backup, options, ports))
}

async function checkOpened(
  backup: OpenedBackup,
  options: CheckBackupOptions,
  ports: CheckBackupPorts,
): Promise<CheckBackupResult> {
  const { manifest, file } = backup
  const opener = { ...ports.opener, skipRootKey: false }
  const { result, findings, record } = await verifyBackup(backup, manifest.directory, opener, ports)
  for (const sentence of untrustedReferences(backup.pki)) ports.progress.warn(sentence)
  for (const sentence of manifest.notHeld) ports.progress.note(sentence)
  const recordedIn = result === 'failure' ? null : await recordCheck(options.directory, backup, record, ports)
  const { version: _, entries, api: __, recipients: ___, ...facts } = manifest
  const files = entries.filter(({ kind }) => kind === 'file').length
  const rootKeyProven = record.rootKeyUnproven === undefined
  return { ...facts, file, sha256: backup.sha256, files, rootKeyProven, result, recordedIn, findings: [...findings] }
}

/** Records the check in a directory of the same PKI. */
async function recordCheck(
  path: string | null,
  { manifest }: OpenedBackup,
  record: BackupRecord,
  { files, progress }: CheckBackupPorts,
): Promise<string | null> {
  // Not the directory in the manifest: anyone can write a manifest.
  if (path === null) return null
  const directory = pkiDirectory(files, path)
  if (!(await hasRoot(directory, manifest.rootFingerprint))) throw otherRoot(path)
  return write(directory, record, progress)
}

async function write(
  directory: ReturnType<typeof pkiDirectory>,
  record: BackupRecord,
  { note }: Progress,
): Promise<string | null> {
  await directory.make()
  const lock = await directory.lock()
  try {
    const newest = await directory.readBackup()
    if (newest !== null && newest.madeAt > record.madeAt) {
      note(
        `Not recorded: ${directory.path} has a newer backup, ${newest.file} of ${newest.madeAt}. Check that one instead.`,
      )
      return null
    }
    await directory.writeBackup(record)
    return directory.path
  } finally {
    await lock.release()
  }
}

async function hasRoot(directory: ReturnType<typeof pkiDirectory>, fingerprint: string): Promise<boolean> {
  if ((await directory.check()) === 'missing') return false
  return (await rootFingerprints(directory)).includes(fingerprint)
}

function otherRoot(directory: string): FpkiError {
  const hint = 'The backup is valid. Pass the PKI directory that it was made from.'
  return new FpkiError('ERR_OTHER_ROOT', `The root certificate in ${directory} is not the one in the backup.`, hint)
}
