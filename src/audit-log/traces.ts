import { ABANDON, ROOT_CSR_COMMAND } from '../directory/commands.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { FpkiError } from '../errors.js'
import { readLine } from './chain.js'

/** The command of the snapshot taken before the first change of a directory. */
export const AS_FOUND = 'as found'

/** Commands that log and take a snapshot before a root certificate exists that could verify a signature. */
const UNSIGNED: readonly string[] = [AS_FOUND, ROOT_CSR_COMMAND]

/** Evidence that a directory had an audit log. */
interface AuditLogTrace {
  /** RFC 3339. */
  readonly time: string
  /** Whether the root had signed the log by then. */
  readonly isSigned: boolean
}

/**
 * What shows that a directory has an audit log: its snapshots, and the journal of a finished command. Empty: the directory was
 * made by fioctl. A broken journal shows nothing; the next change refuses it. Throws ERR_STORAGE.
 */
export async function tracesOfAuditLog(directory: PkiDirectory): Promise<readonly AuditLogTrace[]> {
  const journal = await directory.readJournal().catch(nullIfInvalid)
  const finishedAt = journal?.command === ABANDON ? null : (journal?.finishedAt ?? null)
  const finished = journal === null || finishedAt === null ? [] : [{ command: journal.command, time: finishedAt }]
  const all = [...(await directory.snapshots()), ...finished]
  return all.map(({ time, command }) => ({ time, isSigned: !UNSIGNED.includes(command) }))
}

function nullIfInvalid(error: unknown): null {
  if (error instanceof FpkiError && error.code === 'ERR_BAD_FILE') return null
  throw error
}

/** What is missing of an audit log without a head: both files, or only the head. */
export function missingPart(traces: readonly AuditLogTrace[], lines: readonly string[]): 'log' | 'head' | null {
  if (!hasEntries(lines)) return traces.length === 0 ? null : 'log'
  const first = lines.map(readLine).find((line) => line?.kind !== 'repaired')
  // A new log may have been interrupted before its first signature, so older evidence does not count.
  const begin = first?.kind === 'begun-anew' ? first.time : ''
  return traces.some(({ time, isSigned }) => isSigned && time > begin) ? 'head' : null
}

/** Whether there is any line other than repairs. An interrupted first append leaves a log without one. */
export function hasEntries(lines: readonly string[]): boolean {
  return lines.some((line) => readLine(line)?.kind !== 'repaired')
}

/** The messages for {@link missingPart}. */
export const MISSING_MESSAGES = {
  log: 'The audit log is missing: .fpki/log.jsonl and log.head do not exist or are empty, but this directory had both.',
  head: 'The signature of the audit log (.fpki/log.head) is missing, so its last lines may be missing too.',
} as const
