import type { LintContext } from './context.js'
import type { LintCertificate, Role, Severity } from './model.js'

/** One thing that lint looks for. */
export interface Rule<Item> {
  /** It never changes its meaning, so that scripts can go by it. */
  readonly code: string
  readonly severity: Severity
  /** The severity for a root, where `ca create` takes one that breaks the rule because it works; absent: the same. */
  readonly onRoot?: Severity
  /** Where it is written. */
  readonly cite: string
  /** Which of the items it is about. */
  readonly applies: (item: Item, context: LintContext) => boolean
  /** null: all is well; else what is wrong. */
  readonly check: (item: Item, context: LintContext) => string | null
}

/** A rule about certificates. */
export type CertificateRule = Rule<LintCertificate>

/** For rules about everything of a kind. */
export const always = () => true

/** For rules about certificates of certain roles. */
export function inRole(...roles: readonly Role[]) {
  return ({ role }: { readonly role: Role | null }) => role !== null && roles.includes(role)
}

/** null when `isRight`, else `reason`. */
export function unless(isRight: boolean, reason: string): string | null {
  return isRight ? null : reason
}

/** A list in words; null when there is nothing in it. */
export function listed(names: readonly string[], sentence: (names: string) => string): string | null {
  return names.length === 0 ? null : sentence([...new Set(names)].join(', '))
}
