import { type AuditLog, type AuditLogPorts, openAuditLog } from '../audit-log/audit-log.js'
import { splitAuditLog } from '../audit-log/chain.js'
import { auditLogFiles } from '../audit-log/files.js'
import { AS_FOUND, hasEntries, tracesOfAuditLog } from '../audit-log/traces.js'
import { readableCertificates } from '../directory/certificate-files.js'
import type { Journal } from '../directory/journal-record.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { FpkiError } from '../errors.js'
import type { RootSigner } from '../keystore/root-key.js'
import { rfc3339 } from '../pki/describe.js'
import type { Progress, Signer } from '../ports.js'

/** Before the first recorded change of a directory: logs the existing certificates, and takes a snapshot. */
export async function beginRecords(directory: PkiDirectory, auditLog: AuditLog, now: Date): Promise<undefined> {
  await beginAuditLog(directory, auditLog)
  if ((await directory.snapshots()).length > 0) return
  await directory.takeSnapshot({ command: AS_FOUND, time: rfc3339(now), state: await directory.readState() })
}

/** The first line of an audit log, in a directory that has certificates without a log, such as those of fioctl. */
async function beginAuditLog(directory: PkiDirectory, auditLog: AuditLog): Promise<void> {
  const head = await auditLogFiles(directory).readHead()
  const { lines } = splitAuditLog((await auditLogFiles(directory).read()) ?? '', head)
  if (head !== null || hasEntries(lines)) return
  // A missing audit log is started anew elsewhere: its first line records that, whichever command writes it.
  if ((await tracesOfAuditLog(directory)).length > 0) return
  const there = await readableCertificates(directory)
  await auditLog.logExisting(there, 'The audit log begins here. These certificates already existed in the directory.')
}

/** What {@link keepRecords} needs. */
export interface KeepWork {
  readonly directory: PkiDirectory
  readonly auditLog: AuditLog
  /** null: there is no root certificate yet that could verify a signature. */
  readonly rootSigner: RootSigner | null
  warn(text: string): void
}

/**
 * The end of every command that changes something: the root signs the audit log, and a snapshot is taken, named after
 * the command and its start time.
 */
export async function keepRecords(
  { directory, auditLog, rootSigner, warn }: KeepWork,
  { command, startedAt }: Pick<Journal, 'command' | 'startedAt'>,
  progress: Progress,
): Promise<void> {
  progress.step('Taking a snapshot')
  if (rootSigner !== null) await auditLog.seal(await rootSigner.open())
  // The seal is durable first: a snapshot beside an audit log without one looks as if somebody had removed it.
  await directory.makeHistory()
  await directory.files.flush()
  await directory.takeSnapshot({ command, time: startedAt, state: await directory.readState() })
  await directory.thinSnapshots().catch((error: unknown) => {
    // The work is done: an old snapshot that cannot be read must not stop the next command.
    if (!(error instanceof FpkiError)) throw error
    warn(`Old snapshots were not removed: ${error.message}`)
  })
}

/** Seconds: several may sign at once, and each takes very little time. */
const PATIENCE = 20

/**
 * Does `work` with the audit log, for a command that signs and changes nothing else: under the directory's lock, and with what
 * the root signs for it in the end. Throws ERR_LOCKED, what the audit log throws, and what `work` throws.
 *
 * @param signer the root key; null: it is not open, and the next command signs for the lines
 */
export async function withAuditLog<T>(
  directory: PkiDirectory,
  command: string,
  ports: AuditLogPorts,
  signer: Signer | null,
  work: (auditLog: AuditLog) => Promise<T>,
): Promise<T> {
  await directory.make()
  const lock = await directory.lock(PATIENCE)
  try {
    const auditLog = openAuditLog(directory, command, ports)
    await beginAuditLog(directory, auditLog)
    const done = await work(auditLog)
    if (signer !== null) await auditLog.seal(signer)
    return done
  } finally {
    await lock.release()
  }
}
