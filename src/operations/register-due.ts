import type { PkiDirectory } from '../directory/pki-directory.js'
import { readLine } from '../directory/register-text.js'
import { ROOT_CSR_COMMAND } from './begun.js'

/** The name of the last step of every command that changes something, for journals: see keepStep. */
export const KEEP = { name: 'keep' } as const

/** The snapshot of a directory as its first change found it. */
export const AS_FOUND = 'as found'

/** What leaves a line and a snapshot, and no signature of the root: before it, there is none or nobody could verify it. */
const UNSIGNED: readonly string[] = [AS_FOUND, ROOT_CSR_COMMAND]

/** What is gone of a register, as the journal and the history show: both files, or the root's signature for its lines. */
export type GoneRegister = 'register' | 'head' | null

/**
 * What is gone of a register that has no head. A snapshot, or a journal whose last step is done, was made behind a line, and but
 * for the first ones behind the root's signature. Without either, this is a directory of fioctl's or of an earlier fpki.
 * Throws as reading the journal does.
 *
 * @param lines those that are there
 */
export async function goneOf(directory: PkiDirectory, lines: readonly string[]): Promise<GoneRegister> {
  const first = lines.map((line) => readLine(line)?.kind).find((kind) => kind !== 'repaired')
  // Begun anew, and cut off before the root could sign for it.
  if (first === 'begun-anew') return null
  const journal = await directory.readJournal()
  const isKept = journal?.steps.some(({ name, state }) => name === KEEP.name && state === 'done') ?? false
  const commands = (await directory.snapshots()).map(({ command }) => command)
  if (journal !== null && isKept) commands.push(journal.command)
  const isSigned = commands.some((command) => !UNSIGNED.includes(command))
  if (!hasLine(lines)) return commands.length === 0 ? null : 'register'
  return isSigned ? 'head' : null
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
