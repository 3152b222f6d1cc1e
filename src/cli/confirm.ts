import { FpkiError } from '../errors.js'
import { type Io, type OutputFlags, progressOn } from './output.js'

/** The flag with which scripts answer every question. */
export interface ConfirmFlags extends OutputFlags {
  readonly yes?: true
}

/** What somebody is to say yes to. */
export interface Question {
  /** What will happen, a line each. */
  readonly summary: readonly string[]
  /** What stops working for everybody, a sentence each; a script must say --yes to it. */
  readonly dangers: readonly string[]
  /** `Revoke them?` */
  readonly question: string
  /** Ask on a terminal although nothing is dangerous: it cannot be undone. */
  readonly askAlways: boolean
}

/** Tells what will happen, and asks where it must be asked. Throws ERR_NOT_CONFIRMED. */
export async function confirm({ summary, dangers, question, askAlways }: Question, flags: ConfirmFlags, io: Io) {
  const progress = progressOn(io, flags)
  for (const line of summary) progress.note(line)
  for (const danger of dangers) progress.warn(danger)
  if (flags.yes || (dangers.length === 0 && (!askAlways || io.ask === null))) return
  if (io.ask === null) throw notConfirmed('it must be, and there is no terminal to ask on')
  const answer = await io.ask(`${question} [yes/no] `)
  if (!/^y(es)?$/i.test(answer.trim())) throw notConfirmed(`the answer was ${JSON.stringify(answer.trim())}`)
}

function notConfirmed(reason: string): FpkiError {
  return new FpkiError(
    'ERR_NOT_CONFIRMED',
    `This was not confirmed: ${reason}.`,
    'Nothing was changed. Give --yes when it is meant.',
  )
}
