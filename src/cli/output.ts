import { styleText } from 'node:util'
import { FpkiError } from '../errors.js'
import { SCHEMA_VERSION } from '../json-document.js'
import type { Machine } from '../machine/machine.js'
import type { Progress } from '../ports.js'
import { printable, printableLines } from '../printable.js'
import type { Stdin } from '../storage/input-file.js'
import { EXIT, EXIT_DEFECT } from './exit.js'
import { hintWithFlag } from './option-flags.js'

export { printable } from '../printable.js'

/** What the program is given to speak with the world. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  /** Absolute; null when it does not exist any more. */
  workingDirectory(): string | null
  /** Aborted, with the error to end with, when the process is told to stop. */
  readonly signal: AbortSignal
  /** Asks for a secret on the terminal that the program was started on; null when there is none. */
  readonly askSecret: ((question: string) => Promise<string>) | null
  /** What a command that has done its work ends with: 0, or the number for what it has found. */
  readonly outcome: { status: number }
  /** Asks for a line, which is shown as it is typed; null when there is no terminal. */
  readonly ask: ((question: string) => Promise<string>) | null
  readonly stdin: Stdin
  stdout(text: string): void
  /** Has all of it been written? false: stdout failed. Absent where stdout cannot fail. */
  readonly flushed?: () => Promise<boolean>
  stderr(text: string): void
  /** Is stdout, or stderr, a terminal? */
  /** Ports that take the place of this machine's own; the program itself has none. */
  readonly machine: Partial<Machine>
  readonly terminal: { readonly stdout: boolean; readonly stderr: boolean }
}

/** How a command is to speak. */
export interface OutputFlags {
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** Prints a JSON document with its schema version on stdout; also in its strings nothing is unprintable. */
export function printJson(io: Io, document: object): void {
  io.stdout(`${printableLines(JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...document }, null, 2))}\n`)
}

/** Progress on stderr: steps and notes unless --quiet, warnings always. */
export function progressOn(io: Io, { quiet = false }: OutputFlags): Progress {
  const say = (text: string) => io.stderr(`${text}\n`)
  return {
    step: (text) => quiet || say(style(io, 'dim', `  ${printable(text)} …`)),
    note: (text) => quiet || say(`note: ${printable(text)}`),
    warn: (text) => say(`${style(io, 'yellow', 'warning:')} ${printable(text)}`),
  }
}

const DEFECT_HINT = 'This is a defect of fpki; please report it with the output of --verbose.'

/** Tells of an error in the form that was asked for, and gives the exit code. */
export function printError(io: Io, error: unknown, { json = false, verbose = false }: OutputFlags): number {
  const known = error instanceof FpkiError ? error : null
  const message =
    known?.message ?? `fpki failed unexpectedly: ${error instanceof Error ? error.message : String(error)}`
  const hint = known === null ? DEFECT_HINT : hintWithFlag(known)
  if (json) printJson(io, { error: { code: known?.code ?? 'ERR_DEFECT', message, hint } })
  else
    io.stderr(
      `${style(io, 'red', 'error:')} ${printable(message)} [${known?.code ?? 'ERR_DEFECT'}]\n  ${printable(hint)}\n`,
    )
  if (verbose && error instanceof Error) io.stderr(`${printableLines(stackOf(error))}\n`)
  return known === null ? EXIT_DEFECT : EXIT[known.code]
}

/** `text` in a colour or weight, on a terminal that wants it (NO_COLOR is honoured). */
export function style(
  io: Io,
  format: 'dim' | 'bold' | 'red' | 'yellow' | 'cyan',
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
