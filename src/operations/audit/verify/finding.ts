import * as z from 'zod/mini'
import { shellWord } from '../../../shell-word.js'
import { CODES, type FindingCode } from './codes.js'

/** One line of `ca verify`. */
export const finding = z.strictObject({
  status: z.enum(['ok', 'notice', 'warning', 'failure']),
  /** Stable: a group alone (`files`) when it holds, else one of the codes of docs/verify.md (`files.missing`). */
  code: z.string(),
  /** The file that it is about, by its name in the directory; null: none, or several. */
  file: z.nullable(z.string()),
  message: z.string(),
  /** What to do; null when it holds. */
  hint: z.nullable(z.string()),
})

/** What to do about a root that differs: a factory has it once and for all. */
export const ROOT_STAYS = 'Nothing has to be done: it works, and the root of a factory stays as it is.'

/** See {@link finding}. */
export type Finding = z.infer<typeof finding>

/** Is it a warning or a failure? A notice is advice, and changes neither the result nor the exit code. */
export function isWrong({ status }: Pick<Finding, 'status'>): boolean {
  return status === 'warning' || status === 'failure'
}

/** Something that does not hold; how much it weighs follows from the code. `hint` replaces the code's own. */
export function found(
  code: FindingCode,
  file: string | null,
  message: string,
  hint: string = CODES[code].hint,
): Finding {
  return { status: CODES[code].status, code, file, message, hint }
}

/** A finding whose hint names the PKI directory and its factory in its commands; hints from elsewhere do so already. */
export function withNames(
  finding: Finding,
  names: { readonly directory: string; readonly factory: string | null },
): Finding {
  const { hint } = finding
  if (hint === null || !OWN_HINTS.has(hint)) return finding
  const words = {
    DIR: shellWord(names.directory),
    FACTORY: names.factory === null ? 'FACTORY' : shellWord(names.factory),
  }
  return { ...finding, hint: hint.replace(/\b(?:DIR|FACTORY)\b/g, (word) => words[word as keyof typeof words]) }
}

const OWN_HINTS: ReadonlySet<string> = new Set(Object.values(CODES).map(({ hint }) => hint))

/** A group of checks that holds. */
export function holds(group: string, message: string): Finding {
  return { status: 'ok', code: group, file: null, message, hint: null }
}
