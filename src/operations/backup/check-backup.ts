import * as z from 'zod/mini'
import { pkiDirectory } from '../../directory/pki-directory.js'
import type { BackupRecord } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock, DurableFiles, Progress, Random } from '../../ports.js'
import { finding } from '../audit/verify/finding.js'
import { verifyPkiResult } from '../audit/verify-pki.js'
import { askedFor } from './carried.js'
import { backupManifest, sha256 } from './manifest.js'
import { type BackupOpener, type OpenedBackup, openBackup, rehearse } from './open.js'

/** What is told of a backup that was opened: its manifest without the list of what is in it. */
const { factory, createdAt, rootFingerprint, rootKey, embedded, unfinished, notHeld, fpki } = backupManifest.shape
export const backupFacts = { factory, createdAt, rootFingerprint, rootKey, embedded, unfinished, notHeld, fpki }

/** What `fpki ca backup --check --json` prints. */
export const checkBackupResult = jsonDocument({
  /** The backup, absolute. */
  file: z.string(),
  /** Of the file. */
  sha256: z.string(),
  ...backupFacts,
  /** The directory that it was made of. */
  directory: z.string(),
  /** How many files it holds. */
  files: z.int(),
  /** The key in it has signed, and the signature fits factory_ca.pem; false: the key is not in it. */
  rootKeyProven: z.boolean(),
  /** As `ca restore` would end; `failure`: a key does not sign or a chain is not valid, and nothing is proven. */
  result: verifyPkiResult.shape.result,
  /** The PKI directory in which the proof was recorded; null: none. */
  recordedIn: z.nullable(z.string()),
  findings: z.array(finding),
})

/** See {@link checkBackupResult}. */
export type CheckBackupResult = z.infer<typeof checkBackupResult>

/** What `ca backup --check` is asked to do. */
export interface CheckBackupOptions {
  /** Absolute path. */
  readonly file: string
  /** The PKI directory that records the proof; null: nothing is written. */
  readonly directory: string | null
}

/** What `ca backup --check` works with. */
export interface CheckBackupPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
  readonly progress: Progress
  readonly opener: BackupOpener
}

/**
 * Proves that a backup can be restored, in memory. A PKI directory that the options name records when that was, unless what
 * is restored would have a fault.
 *
 * @throws FpkiError as openBackup and rehearse do; ERR_OTHER_ROOT when `directory` is of another PKI
 */
export async function checkBackup(options: CheckBackupOptions, ports: CheckBackupPorts): Promise<CheckBackupResult> {
  const { file } = options
  const backup = await openBackup(ports.files, file, ports.opener)
  const { manifest } = backup
  const opener = { ...ports.opener, skipRootKey: false }
  const { result, findings, record } = await rehearse(backup, manifest.directory, opener, ports)
  for (const sentence of askedFor(backup.pki)) ports.progress.warn(sentence)
  for (const sentence of manifest.notHeld) ports.progress.note(sentence)
  const recordedIn = result === 'failure' ? null : await remember(options.directory, backup, record, ports)
  const { version: _, entries, api: __, recipients: ___, ...facts } = manifest
  const files = entries.filter(({ kind }) => kind === 'file').length
  const rootKeyProven = record.rootKeyUnproven === undefined
  return { ...facts, file, sha256: backup.sha256, files, rootKeyProven, result, recordedIn, findings: [...findings] }
}

/** Writes the proof down in a directory of the same PKI. */
async function remember(
  asked: string | null,
  { manifest }: OpenedBackup,
  record: BackupRecord,
  { files, progress }: CheckBackupPorts,
): Promise<string | null> {
  // The manifest names a directory, too, and anybody can write one: nothing is changed because of what it says.
  if (asked === null) return null
  const directory = pkiDirectory(files, asked)
  if (!(await isOfRoot(directory, manifest.rootFingerprint))) throw otherRoot(asked)
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
    const known = await directory.readBackup()
    if (known !== null && known.madeAt > record.madeAt) {
      note(`${directory.path} has a newer backup, of ${known.madeAt} in ${known.file}; that one was not proven here.`)
      return null
    }
    await directory.writeBackup(record)
    return directory.path
  } finally {
    await lock.release()
  }
}

async function isOfRoot(directory: ReturnType<typeof pkiDirectory>, fingerprint: string): Promise<boolean> {
  const pem = (await directory.check()) === 'missing' ? null : await directory.read('factory_ca.pem')
  return pem !== null && sha256(readPemCertificate(pem, `${directory.path}/factory_ca.pem`).der) === fingerprint
}

function otherRoot(directory: string): FpkiError {
  const hint = 'The backup holds. Name the PKI directory that it was made of.'
  return new FpkiError('ERR_OTHER_ROOT', `${directory} does not have the root that is in the backup.`, hint)
}
