import * as z from 'zod/mini'
import { shellWord } from '../../../shell-word.js'
import { CODES, type FindingCode } from './codes.js'

/** One result of `ca verify`. */
export const finding = z.strictObject({
  status: z.enum(['ok', 'notice', 'warning', 'failure']),
  /** Stable: the group alone (`files`) when its checks pass, otherwise a code of docs/verify.md (`files.missing`). */
  code: z.string(),
  /** The name of the affected file; null: none, or several. */
  file: z.nullable(z.string()),
  message: z.string(),
  /** What to do; null when the checks pass. */
  hint: z.nullable(z.string()),
})

/** For a root that deviates from its profile: a factory cannot change its root. */
export const ROOT_STAYS = 'No action needed: it works, and the root of a factory cannot be changed.'

/** See {@link finding}. */
export type Finding = z.infer<typeof finding>

/** A warning or a failure? A notice affects neither the result nor the exit code. */
export function isWrong({ status }: Pick<Finding, 'status'>): boolean {
  return status === 'warning' || status === 'failure'
}

/** A failed check, with the status of its code. `hint` replaces the hint of the code. */
export function failed(
  code: FindingCode,
  file: string | null,
  message: string,
  hint: string = CODES[code].hint,
): Finding {
  return { status: CODES[code].status, code, file, message, hint }
}

/** Fills in the PKI directory and its factory in the commands of a hint from {@link CODES}. */
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

/** A group whose checks all pass. */
export function passed(group: string, message: string): Finding {
  return { status: 'ok', code: group, file: null, message, hint: null }
}
