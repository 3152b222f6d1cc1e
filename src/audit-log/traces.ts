import { ROOT_CSR_COMMAND } from '../directory/commands.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { FpkiError } from '../errors.js'
import { readLine } from './chain.js'

/** The name of the last step of every command that changes something, for journals: see keepStep. */
export const KEEP = { name: 'keep' } as const

/** The snapshot of a directory as its first change found it. */
export const AS_FOUND = 'as found'

/** What leaves a line and a snapshot, and no signature of the root: before it, there is none or nobody could verify it. */
const UNSIGNED: readonly string[] = [AS_FOUND, ROOT_CSR_COMMAND]

/** What shows that a directory has an audit log: something that was made behind a line of it. */
export interface AuditLogTrace {
  /** RFC 3339. */
  readonly time: string
  /** The root had signed for it. */
  readonly isSigned: boolean
}

/**
 * What shows that a directory has an audit log: its snapshots, and a journal whose last step is done. None: this is a directory of
 * fioctl's, or of an earlier fpki. A broken journal says nothing: whoever changes something is told of that. Throws ERR_STORAGE.
 */
export async function tracesOfAuditLog(directory: PkiDirectory): Promise<readonly AuditLogTrace[]> {
  const journal = await directory.readJournal().catch(nullIfInvalid)
  const isKept = journal?.steps.some(({ name, state }) => name === KEEP.name && state === 'done') ?? false
  const kept = journal !== null && isKept ? [{ ...journal, time: journal.finishedAt ?? journal.startedAt }] : []
  const all = [...(await directory.snapshots()), ...kept]
  return all.map(({ time, command }) => ({ time, isSigned: !UNSIGNED.includes(command) }))
}

function nullIfInvalid(error: unknown): null {
  if (error instanceof FpkiError && error.code === 'ERR_BAD_FILE') return null
  throw error
}

/** What is gone of an audit log that has no head: both files, or the root's signature for the lines that are there. */
export function missingPart(traces: readonly AuditLogTrace[], lines: readonly string[]): 'log' | 'head' | null {
  if (!hasEntries(lines)) return traces.length === 0 ? null : 'log'
  const first = lines.map(readLine).find((line) => line?.kind !== 'repaired')
  // One that was begun anew may have been cut off before the root could sign for it: what is older shows nothing.
  const begin = first?.kind === 'begun-anew' ? first.time : ''
  return traces.some(({ time, isSigned }) => isSigned && time > begin) ? 'head' : null
}

/** Is there a line but those that speak of a torn one? A file without is what an interrupted beginning leaves. */
export function hasEntries(lines: readonly string[]): boolean {
  return lines.some((line) => readLine(line)?.kind !== 'repaired')
}

/** What is told of it. */
export const MISSING_MESSAGES = {
  log: 'The audit log is gone: .fpki/log.jsonl and log.head are not there or empty, and this directory had both.',
  head: 'The root has signed for this audit log, and .fpki/log.head is gone: lines may have been cut off at the end.',
} as const
