import { sha256 } from '../sha256.js'
import { parseJson } from '../storage/json-file.js'
import { type AuditLogEntry, type AuditLogHead, type AuditLogLine, auditLogLine } from './records.js'

/** The previous hash of the first line. */
const NOTHING_BEFORE = '0'.repeat(64)

/** The complete lines of an audit log, and the rest. */
interface AuditLogText {
  readonly lines: readonly string[]
  /** The rest of an interrupted append; what it describes was never written, sent or printed. */
  readonly torn: string
}

/** The end of a chain. */
export interface ChainEnd {
  readonly number: number
  readonly hash: string
}

/**
 * Splits the text of an audit log. A last line without a line feed, or without valid JSON and a signature, is the rest of an
 * append that was interrupted by a power loss.
 */
export function splitAuditLog(text: string, head: AuditLogHead | null): AuditLogText {
  const parts = text.split('\n')
  const lines = parts.slice(0, -1)
  const rest = parts.at(-1) ?? ''
  const last = lines.at(-1)
  const isTorn =
    last !== undefined && rest === '' && lines.length > (head?.number ?? 0) && parseJson(last) === undefined
  return isTorn ? { lines: lines.slice(0, -1), torn: `${last}\n` } : { lines, torn: rest }
}

/** SHA-256 of a line without its line feed, lower-case hex. */
function hashOfLine(line: string): string {
  return sha256(line)
}

/** The end of the chain of `lines`. */
export function endOf(lines: readonly string[]): ChainEnd {
  return { number: lines.length, hash: lines.length === 0 ? NOTHING_BEFORE : hashOfLine(lines.at(-1) ?? '') }
}

/** Parses a line; null when it was not written by fpki. */
export function readLine(line: string): AuditLogLine | null {
  return auditLogLine.safeParse(parseJson(line)).data ?? null
}

/** The line after `end`, without its line feed. */
export function nextLine({ number, hash }: ChainEnd, entry: AuditLogEntry): string {
  return JSON.stringify({ number: number + 1, ...entry, previous: hash } satisfies AuditLogLine)
}

/** The text that the root signs for a line; it cannot be mistaken for a certificate. */
export function signedText({ number, hash }: ChainEnd): string {
  return `fpki audit-log 1\n${number}\n${hash}\n`
}

/** A problem in the chain of an audit log. */
interface AuditLogProblem {
  /** From 1; one more than the number of lines when the end is missing. */
  readonly line: number
  readonly code: 'changed' | 'cut-off'
  readonly message: string
}

/**
 * Checks the chain: the first line after the first `from` that does not follow its predecessor, and the line that the head
 * signs. Any changed, removed, swapped or inserted line breaks the chain at that line or the next.
 */
export function chainProblems(
  lines: readonly string[],
  head: AuditLogHead | null,
  from = 0,
): readonly AuditLogProblem[] {
  return [...brokenLink(lines, from), ...headProblems(lines, head)]
}

function brokenLink(lines: readonly string[], from: number): readonly AuditLogProblem[] {
  for (const [at, text] of lines.entries()) {
    const problem = at < from ? null : linkProblem(text, endOf(lines.slice(Math.max(0, at - 1), at)).hash, at)
    if (problem === null) continue
    return [{ line: at + 1, code: 'changed', message: `The chain breaks at line ${at + 1}: ${problem}.` }]
  }
  return []
}

function linkProblem(text: string, previous: string, at: number): string | null {
  const line = readLine(text)
  if (line === null) return 'it was not written by fpki'
  if (line.number !== at + 1) return `it has the number ${line.number}`
  if (line.previous === previous) return null
  return at === 0 ? 'it refers to an earlier line' : `it does not follow line ${at}`
}

function headProblems(lines: readonly string[], head: AuditLogHead | null): readonly AuditLogProblem[] {
  if (head === null) return []
  const { number, hash } = head
  if (lines.length < number) {
    const message = `The end is missing: there ${lines.length === 1 ? 'is 1 line' : `are ${lines.length} lines`}, and the root has signed line ${number}.`
    return [{ line: lines.length + 1, code: 'cut-off', message }]
  }
  if (endOf(lines.slice(0, number)).hash === hash) return []
  return [{ line: number, code: 'changed', message: `Line ${number} is not the line that the root has signed.` }]
}
