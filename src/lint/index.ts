import { type LintContext, lintContext } from './context.js'
import type { LintItem, Place, Severity } from './model.js'
import { READING } from './reading.js'
import type { Rule } from './rule.js'
import { CHAIN_RULES } from './rules/chain.js'
import { CRL_RULES } from './rules/crls.js'
import { EXTENSION_RULES } from './rules/extensions.js'
import { FIELD_RULES } from './rules/fields.js'
import { CERTIFICATE_KEY_RULES, KEY_RULES } from './rules/keys.js'
import { NAME_RULES } from './rules/names.js'
import { REQUEST_RULES } from './rules/requests.js'

export type { LintItem, Role } from './model.js'
export { isLintable, readFileItems, unreadable } from './read-file.js'

const CERTIFICATE_RULES = [
  ...FIELD_RULES,
  ...NAME_RULES,
  ...KEY_RULES,
  ...CERTIFICATE_KEY_RULES,
  ...EXTENSION_RULES,
  ...CHAIN_RULES,
]

/** A finding of lint. */
export interface Finding extends Place {
  readonly code: string
  readonly severity: Severity
  readonly reason: string
  /** The source of the rule. */
  readonly cite: string
}

/** The description of a code. */
export interface Meaning {
  readonly code: string
  readonly severity: Severity
  /** The severity for a root. */
  readonly onRoot: Severity
  readonly cite: string
}

/** All codes of {@link Finding}s. */
export function allCodes(): readonly Meaning[] {
  const reading = Object.entries(READING).map(([code, meaning]) => ({ code, ...meaning, onRoot: meaning.severity }))
  const rules: readonly (Omit<Meaning, 'onRoot'> & { readonly onRoot?: Severity })[] = [
    ...CERTIFICATE_RULES,
    ...REQUEST_RULES,
    ...CRL_RULES,
  ]
  const all = [
    ...reading,
    ...rules.map(({ code, severity, onRoot = severity, cite }) => ({ code, severity, onRoot, cite })),
  ]
  return [...new Map(all.map((meaning) => [meaning.code, meaning])).values()]
}

/** Options of lint. */
interface LintOptions {
  /** null for the factory that the roots name. */
  readonly factory: string | null
  readonly now: Date
}

/** The findings, and the factory against which names were checked (null when unknown). */
interface Linted {
  readonly findings: readonly Finding[]
  readonly factory: string | null
}

/**
 * Checks `items` against the rules. `additional` are certificates for context that are not linted, such as the root of the
 * directory.
 */
export function lint(items: readonly LintItem[], additional: readonly LintItem[], options: LintOptions): Linted {
  const context = lintContext([...items, ...additional], options.factory, options.now)
  return {
    findings: items.flatMap((item) => [...readingFindings(item), ...ruleFindings(item, context)]),
    factory: context.factory,
  }
}

function readingFindings({ place, problems }: LintItem): readonly Finding[] {
  return problems.map(({ code, reason }) => ({ ...place, code, ...READING[code], reason }))
}

function ruleFindings(item: LintItem, context: LintContext): readonly Finding[] {
  switch (item.kind) {
    case 'certificate':
      return apply(CERTIFICATE_RULES, item, context)
    case 'csr':
      return apply(REQUEST_RULES, item, context)
    case 'crl':
      return apply(CRL_RULES, item, context)
    case 'unreadable':
      return []
  }
}

function apply<Item extends LintItem>(
  rules: readonly Rule<Item>[],
  item: Item,
  context: LintContext,
): readonly Finding[] {
  const isRoot = item.kind === 'certificate' && item.role === 'root'
  return rules.flatMap(({ code, severity, onRoot = severity, cite, applies, check }) => {
    const reason = applies(item, context) ? check(item, context) : null
    return reason === null ? [] : [{ ...item.place, code, severity: isRoot ? onRoot : severity, reason, cite }]
  })
}
