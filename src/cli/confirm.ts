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
  /** What must be typed; absent: yes. */
  readonly answer?: string
  /** `dangers`: ask when something is dangerous; `always`: on a terminal in any case; `never`: tell only. */
  readonly ask: 'dangers' | 'always' | 'never'
}

/** Tells what will happen, and asks where it must be asked. Throws ERR_NOT_CONFIRMED. */
export async function confirm(
  { summary, dangers, question, answer: wanted, ask }: Question,
  flags: ConfirmFlags,
  io: Io,
) {
  const progress = progressOn(io, flags)
  for (const line of summary) progress.note(line)
  for (const danger of dangers) progress.warn(danger)
  if (flags.yes || ask === 'never') return
  if (dangers.length === 0 && (ask === 'dangers' || io.ask === null)) return
  if (io.ask === null) throw notConfirmed('it must be, and there is no terminal to ask on')
  const answer = (await io.ask(wanted === undefined ? `${question} [yes/no] ` : `${question} `)).trim()
  const isConfirmed = wanted === undefined ? /^y(es)?$/i.test(answer) : answer === wanted
  if (!isConfirmed) throw notConfirmed(`the answer was ${JSON.stringify(answer)}`)
}

function notConfirmed(reason: string): FpkiError {
  return new FpkiError(
    'ERR_NOT_CONFIRMED',
    `This was not confirmed: ${reason}.`,
    'Nothing was changed. Give --yes when it is meant.',
  )
}
