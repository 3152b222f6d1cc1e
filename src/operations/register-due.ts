import type { PkiDirectory } from '../directory/pki-directory.js'
import { readLine } from '../directory/register-text.js'
import { FpkiError } from '../errors.js'
import { ROOT_CSR_COMMAND } from './begun.js'

/** The name of the last step of every command that changes something, for journals: see keepStep. */
export const KEEP = { name: 'keep' } as const

/** The snapshot of a directory as its first change found it. */
export const AS_FOUND = 'as found'

/** What leaves a line and a snapshot, and no signature of the root: before it, there is none or nobody could verify it. */
const UNSIGNED: readonly string[] = [AS_FOUND, ROOT_CSR_COMMAND]

/** What a directory must have, as its journal and its history show: lines, and the root's signature for them. */
export type RegisterDue = 'nothing' | 'lines' | 'head'

/**
 * What a directory must have of a register. A snapshot, or a journal whose last step is done, was made behind a line, and but for
 * the first ones behind the root's signature. Without either, this is a directory of fioctl's or of an earlier fpki. A broken
 * journal says nothing: whoever changes something is told of that. Throws ERR_STORAGE.
 */
export async function registerDue(directory: PkiDirectory): Promise<RegisterDue> {
  const journal = await directory.readJournal().catch(nullIfBroken)
  const isKept = journal?.steps.some(({ name, state }) => name === KEEP.name && state === 'done') ?? false
  const ofSnapshots = (await directory.snapshots()).map(({ command }) => command)
  const commands = [...ofSnapshots, ...(journal !== null && isKept ? [journal.command] : [])]
  if (commands.some((command) => !UNSIGNED.includes(command))) return 'head'
  return commands.length === 0 ? 'nothing' : 'lines'
}

function nullIfBroken(error: unknown): null {
  if (error instanceof FpkiError && error.code === 'ERR_BAD_FILE') return null
  throw error
}

/** What is gone of a register that has no head: both files, or the root's signature for the lines that are there. */
export function goneOf(due: RegisterDue, lines: readonly string[]): 'register' | 'head' | null {
  if (!hasLine(lines)) return due === 'nothing' ? null : 'register'
  const first = lines.map((line) => readLine(line)?.kind).find((kind) => kind !== 'repaired')
  // One that was begun anew may have been cut off before the root could sign for it.
  return due === 'head' && first !== 'begun-anew' ? 'head' : null
}

/** Is there a line but those that speak of a torn one? A file without is what an interrupted beginning leaves. */
export function hasLine(lines: readonly string[]): boolean {
  return lines.some((line) => readLine(line)?.kind !== 'repaired')
}

/** What is told of it. */
export const GONE_MESSAGES = {
  register: 'The register is gone: .fpki/log.jsonl and log.head are not there or empty, and this directory had both.',
  head: 'The root has signed for this register, and .fpki/log.head is gone: lines may have been cut off at the end.',
} as const
