import { styleText } from 'node:util'
import { FpkiError } from '../errors.js'
import type { Progress } from '../ports.js'
import { EXIT, EXIT_DEFECT } from './exit.js'

/** What the program is given to speak with the world. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly workingDirectory: string
  /** Aborted, with the error to end with, when the process is told to stop. */
  readonly signal: AbortSignal
  stdout(text: string): void
  stderr(text: string): void
  /** Is stdout, or stderr, a terminal? */
  readonly terminal: { readonly stdout: boolean; readonly stderr: boolean }
}

/** How a command is to speak. */
export interface OutputFlags {
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/**
 * `text` without the characters that a terminal acts on: names in certificates and answers come from outside, and must
 * not move the cursor or turn the writing around.
 */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => {
      const code = character.codePointAt(0) ?? 0
      return `\\u${code.toString(16).padStart(4, '0')}`
    },
  )
}

/** Prints a JSON document on stdout. */
export function printJson(io: Io, document: unknown): void {
  io.stdout(`${JSON.stringify(document, null, 2)}\n`)
}

/** Progress on stderr: steps and notes unless --quiet, warnings always. */
export function progressOn(io: Io, { quiet = false }: OutputFlags): Progress {
  const say = (text: string) => io.stderr(`${printable(text)}\n`)
  return {
    step: (text) => quiet || say(style(io, 'dim', `  ${text} …`)),
    note: (text) => quiet || say(`note: ${text}`),
    warn: (text) => say(`${style(io, 'yellow', 'warning:')} ${text}`),
  }
}

/** Tells of an error in the form that was asked for, and gives the exit code. */
export function printError(io: Io, error: unknown, { json = false, verbose = false }: OutputFlags): number {
  const known = error instanceof FpkiError ? error : null
  const message =
    known?.message ?? `fpki failed unexpectedly: ${error instanceof Error ? error.message : String(error)}`
  const hint = known?.hint ?? 'This is a defect of fpki; please report it with the output of --verbose.'
  if (json) printJson(io, { error: { code: known?.code ?? 'ERR_DEFECT', message, hint } })
  else
    io.stderr(
      `${style(io, 'red', 'error:')} ${printable(message)} [${known?.code ?? 'ERR_DEFECT'}]\n  ${printable(hint)}\n`,
    )
  if (verbose && error instanceof Error) io.stderr(`${printable(stackOf(error))}\n`)
  return known === null ? EXIT_DEFECT : EXIT[known.code]
}

/** `text` in a colour or weight, on a terminal that wants it (NO_COLOR is honoured). */
export function style(
  io: Io,
  format: 'dim' | 'bold' | 'red' | 'yellow',
  text: string,
  on: 'stdout' | 'stderr' = 'stderr',
): string {
  const plain = !io.terminal[on] || Boolean(io.env['NO_COLOR']) || io.env['TERM'] === 'dumb'
  return plain ? text : styleText(format, text)
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return `${error.stack ?? error.message}${cause}`
}
