import { FpkiError } from '../errors.js'
import { type Io, type OutputFlags, progressOn } from './output.js'

/** The flag that confirms without a prompt, for scripts. */
export interface ConfirmFlags extends OutputFlags {
  readonly yes?: true
}

/** What a user must confirm. */
export interface Question {
  /** The changes, one per line. */
  readonly summary: readonly string[]
  /** What stops working, one sentence each; scripts must pass --yes to accept it. */
  readonly dangers: readonly string[]
  /** `Revoke them?` */
  readonly question: string
  /** The expected answer; `yes` if absent. */
  readonly answer?: string
  /** `dangers`: ask only if there are dangers; `always`: always ask on a terminal; `never`: only print. */
  readonly ask: 'dangers' | 'always' | 'never'
}

/** Prints the changes, and asks for confirmation where it is required. Throws ERR_NOT_CONFIRMED. */
export async function confirm(
  { summary, dangers, question, answer: expected, ask }: Question,
  flags: ConfirmFlags,
  io: Io,
) {
  const progress = progressOn(io, flags)
  for (const line of summary) progress.note(line)
  for (const danger of dangers) progress.warn(danger)
  if (flags.yes || ask === 'never') return
  if (dangers.length === 0 && (ask === 'dangers' || io.ask === null)) return
  if (io.ask === null) throw notConfirmed('Confirmation required, and there is no terminal to ask on.')
  const answer = (await io.ask(expected === undefined ? `${question} [yes/no] ` : `${question} `)).trim()
  const isConfirmed = expected === undefined ? /^y(es)?$/i.test(answer) : answer === expected
  if (!isConfirmed) throw notConfirmed(`Not confirmed: the answer was ${JSON.stringify(answer)}.`)
}

function notConfirmed(message: string): FpkiError {
  return new FpkiError('ERR_NOT_CONFIRMED', message, 'Nothing was changed. Pass --yes to confirm.')
}
