import { styleText } from 'node:util'
import { FpkiError } from '../errors.js'
import { SCHEMA_VERSION } from '../json-document.js'
import type { Machine } from '../machine/machine.js'
import type { Progress } from '../ports.js'
import { printable, printableLines } from '../printable.js'
import type { Stdin } from '../storage/input-file.js'
import { EXIT, EXIT_DEFECT } from './exit.js'
import { hintWithFlag } from './option-flags.js'
import { wrapLines } from './wrap.js'

export { printable } from '../printable.js'

/** The environment, terminal and streams of a run of the program. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  /** Absolute; null when it no longer exists. */
  workingDirectory(): string | null
  /** Aborted, with the error to exit with, when the process receives SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** Prompts for a secret on the terminal, without echo; null when there is no terminal. */
  readonly askSecret: ((question: string) => Promise<string>) | null
  /** Prompts for a line on the terminal, with echo; null when there is no terminal. */
  readonly ask: ((question: string) => Promise<string>) | null
  /** The exit code of a command that completes: 0, or a number for its findings. */
  readonly outcome: { status: number }
  readonly stdin: Stdin
  stdout(text: string): void
  stderr(text: string): void
  /** Writes octets to stdout, and resolves when its reader has taken them. Absent where all of stdout is kept in memory. */
  readonly stdoutOctets?: (octets: Uint8Array) => Promise<void>
  /** Resolves to whether everything was written to stdout. Absent where stdout cannot fail. */
  readonly flushed?: () => Promise<boolean>
  /** Ports that replace those of this machine; only tests set them. */
  readonly machine: Partial<Machine>
  readonly terminal: Terminal
}

/** Which streams are a terminal, and its width. */
export interface Terminal {
  /** No when absent. */
  readonly stdin?: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** 80 if absent. */
  readonly columns?: number
}

/** The flags for the format and amount of output. */
export interface OutputFlags {
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** stdout for octets, such as certificates. */
export function octetsOnStdout({ stdout, stdoutOctets }: Io) {
  return { write: stdoutOctets ?? (async (octets: Uint8Array) => stdout(Buffer.from(octets).toString())) }
}

/** Prints a JSON document with its schema version to stdout, with unprintable characters escaped. */
export function printJson(io: Io, document: object): void {
  io.stdout(`${printableLines(JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...document }, null, 2))}\n`)
}

/**
 * Prints a JSON document with a list as its last member, an item at a time, so that it is never in memory; otherwise the same
 * as {@link printJson}. Nothing is printed when the first item throws.
 */
export function printJsonList(io: Io, head: object, name: string, items: AsyncIterable<object>): Promise<void> {
  return printStream(io, jsonList({ schemaVersion: SCHEMA_VERSION, ...head }, name, items))
}

async function* jsonList(head: object, name: string, items: AsyncIterable<object>): AsyncGenerator<string> {
  const opening = JSON.stringify({ ...head, [name]: [] }, null, 2).replace(/\]\n}$/, '')
  let separator = opening
  for await (const item of items) {
    const text = JSON.stringify(item, null, 2).replaceAll('\n', '\n    ')
    yield printableLines(`${separator}\n    ${text}`)
    separator = ','
  }
  yield printableLines(separator === opening ? `${opening}]\n}\n` : '\n  ]\n}\n')
}

/** How many characters are printed at once. */
const AT_ONCE = 64 * 1024

/** Prints pieces of text as fast as they are taken from stdout, and stops when nobody reads them any more. */
export async function printStream(io: Io, pieces: AsyncIterable<string>): Promise<void> {
  let waiting = ''
  for await (const piece of pieces) {
    waiting += piece
    if (waiting.length < AT_ONCE) continue
    io.stdout(waiting)
    waiting = ''
    if (io.flushed !== undefined && !(await io.flushed())) return
    io.signal.throwIfAborted()
  }
  io.stdout(waiting)
}

/** Prints text for people: on a terminal, it is wrapped between words. */
export function printText(io: Io, text: string, on: 'stdout' | 'stderr' = 'stdout'): void {
  io[on](io.terminal[on] ? wrapLines(text, columnsOf(io.terminal)) : text)
}

/** The width of the terminal. */
export function columnsOf({ columns = 80 }: Terminal): number {
  return columns
}

/** Reports progress on stderr: steps and notes unless --quiet, warnings always. */
export function progressOn(io: Io, { quiet = false }: OutputFlags): Progress {
  const print = (text: string) => printText(io, `${text}\n`, 'stderr')
  return {
    step: (text) => quiet || print(style(io, 'dim', `  ${printable(text)} …`)),
    note: (text) => quiet || print(`note: ${printable(text)}`),
    warn: (text) => print(`${style(io, 'yellow', 'warning:')} ${printable(text)}`),
  }
}

/** Prints an error as text on stderr or as JSON on stdout, and returns the exit code. */
export function printError(io: Io, error: unknown, { json = false, verbose = false }: OutputFlags): number {
  const expected = error instanceof FpkiError ? error : null
  const report =
    expected === null
      ? {
          code: 'ERR_DEFECT',
          message: `Internal error: ${error instanceof Error ? error.message : String(error)}`,
          hint: 'This is a bug in fpki. Please report it with the output of --verbose.',
        }
      : { code: expected.code, message: expected.message, hint: hintWithFlag(expected) }
  const { code, message, hint } = report
  if (json) printJson(io, { error: { code, message, hint } })
  else printProblem(io, report)
  if (verbose && error instanceof Error) io.stderr(`${printableLines(stackOf(error))}\n`)
  return expected === null ? EXIT_DEFECT : EXIT[expected.code]
}

/** Prints an error as text on stderr. */
export function printProblem(
  io: Io,
  { code, message, hint }: { readonly code: string; readonly message: string; readonly hint: string },
): void {
  const label = style(io, 'red', 'error:')
  printText(io, `${label} ${printable(message)} [${code}]\n  ${printable(hint)}\n`, 'stderr')
}

/** `text` in a colour or weight if the stream is a terminal; honours NO_COLOR. */
export function style(
  io: Io,
  format: 'dim' | 'bold' | 'red' | 'yellow' | 'green' | 'cyan',
  text: string,
  on: 'stdout' | 'stderr' = 'stderr',
): string {
  const plain = !io.terminal[on] || Boolean(io.env['NO_COLOR']) || io.env['TERM'] === 'dumb'
  return plain ? text : styleText(format, text, { validateStream: false })
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return `${error.stack ?? error.message}${cause}`
}
