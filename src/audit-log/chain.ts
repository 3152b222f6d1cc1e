import { createHash } from 'node:crypto'
import { parseJson } from '../storage/json-file.js'
import { type AuditLogEntry, type AuditLogHead, type AuditLogLine, auditLogLine } from './records.js'

/** What stands before the first line. */
const NOTHING_BEFORE = '0'.repeat(64)

/** The lines of an audit log as they are written, and what is behind the last whole one. */
export interface AuditLogText {
  readonly lines: readonly string[]
  /** What an append that was cut off has left; empty: nothing. Nothing that it speaks of has left fpki. */
  readonly torn: string
}

/** The end of a chain. */
export interface ChainEnd {
  readonly number: number
  readonly hash: string
}

/**
 * Takes the text of an audit log apart. What has no end of line, or is no JSON and the last line and not signed for, is what
 * a loss of power leaves of an append.
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

/** SHA-256 of a line without its end, lower-case hex. */
export function hashOfLine(line: string): string {
  return createHash('sha256').update(line).digest('hex')
}

/** The end of the chain that `lines` are. */
export function endOf(lines: readonly string[]): ChainEnd {
  return { number: lines.length, hash: lines.length === 0 ? NOTHING_BEFORE : hashOfLine(lines.at(-1) ?? '') }
}

/** What a line says; null: it is none of fpki's. */
export function readLine(line: string): AuditLogLine | null {
  return auditLogLine.safeParse(parseJson(line)).data ?? null
}

/** The line that comes behind `end`, without its end of line. */
export function nextLine({ number, hash }: ChainEnd, entry: AuditLogEntry): string {
  return JSON.stringify({ number: number + 1, ...entry, previous: hash } satisfies AuditLogLine)
}

/** What the root signs for a line. It is no certificate, and can be taken for none. */
export function signedText({ number, hash }: ChainEnd): string {
  return `fpki audit-log 1\n${number}\n${hash}\n`
}

/** What is wrong with a line of an audit log. */
export interface AuditLogProblem {
  /** From 1; one more than there are lines: what should follow is gone. */
  readonly line: number
  readonly code: 'changed' | 'removed' | 'swapped' | 'inserted' | 'cut-off'
  readonly message: string
}

/**
 * Goes along the chain, over the first `from` lines, which are taken as they are. The first line that does not follow on the one before is told, with what
 * became of it; then those that were changed themselves.
 */
export function chainProblems(
  lines: readonly string[],
  head: AuditLogHead | null,
  from = 0,
): readonly AuditLogProblem[] {
  const read = lines.map((line, at) => (at < from - 1 ? null : readLine(line)))
  const problems = lines.flatMap((_, at) => (at < from ? [] : problemOf(lines, read, at)))
  return [...problems, ...headProblems(lines, head)]
}

function problemOf(
  lines: readonly string[],
  read: readonly (AuditLogLine | null)[],
  at: number,
): readonly AuditLogProblem[] {
  const line = at + 1
  const one = read[at] ?? null
  if (one === null) return [{ line, code: 'changed', message: `Line ${line} was changed: it is none that fpki wrote.` }]
  // The number that the line before should have is what counts when it says none itself.
  const expected = (read[at - 1]?.number ?? at) + 1
  if (one.number !== expected) return [outOfOrder(read, at, one.number, expected)]
  if (one.previous === endOf(lines.slice(Math.max(0, at - 1), at)).hash || ((read[at - 1] ?? null) === null && at > 0))
    return []
  const changed = Math.max(at, 1)
  const message =
    at === 0
      ? 'Line 1 was changed: it says that there is one before it.'
      : `Line ${at} was changed: line ${line} follows on another one.`
  return [{ line: changed, code: 'changed', message }]
}

/** Why a line has another number than the one that should come. */
function outOfOrder(
  read: readonly (AuditLogLine | null)[],
  at: number,
  number: number,
  expected: number,
): AuditLogProblem {
  const line = at + 1
  const firstAt = read.findIndex((other) => other?.number === number)
  if (firstAt < at)
    return { line, code: 'inserted', message: `Line ${line} was put in: number ${number} is there twice.` }
  const isElsewhere = read.some((other) => other?.number === expected)
  if (number < expected || isElsewhere) {
    return { line, code: 'swapped', message: `Lines were swapped: line ${line} is number ${number}.` }
  }
  const which = number - 1 === expected ? `Number ${expected} was` : `Numbers ${expected} to ${number - 1} were`
  return { line, code: 'removed', message: `${which} removed in front of line ${line}.` }
}

function headProblems(lines: readonly string[], head: AuditLogHead | null): readonly AuditLogProblem[] {
  if (head === null) return []
  const { number, hash } = head
  if (lines.length < number) {
    const line = lines.length + 1
    const message = `The end was cut off: there are ${lines.length} lines, and the root has signed for ${number}.`
    return [{ line, code: 'cut-off', message }]
  }
  if (endOf(lines.slice(0, number)).hash === hash) return []
  return [
    { line: number, code: 'changed', message: `Line ${number} was changed: the root has signed for another one.` },
  ]
}
