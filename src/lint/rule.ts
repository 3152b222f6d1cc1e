import type { LintContext } from './context.js'
import type { LintCertificate, Role, Severity } from './model.js'

/** A lint rule. */
export interface Rule<Item> {
  /** Stable, for use in scripts. */
  readonly code: string
  readonly severity: Severity
  /** The severity for a root, if `ca create` accepts roots that violate the rule. Defaults to `severity`. */
  readonly onRoot?: Severity
  /** The source of the rule. */
  readonly cite: string
  /** Whether the rule applies to an item. */
  readonly applies: (item: Item, context: LintContext) => boolean
  /** Returns what is wrong; null when the rule is met. */
  readonly check: (item: Item, context: LintContext) => string | null
}

/** A rule about certificates. */
export type CertificateRule = Rule<LintCertificate>

/** For rules that apply to all items of a kind. */
export const always = () => true

/** For rules that apply to certain roles. */
export function inRole(...roles: readonly Role[]) {
  return ({ role }: { readonly role: Role | null }) => role !== null && roles.includes(role)
}

/** Returns null if `isRight`, otherwise `reason`. */
export function unless(isRight: boolean, reason: string): string | null {
  return isRight ? null : reason
}

/** Formats a list in a sentence; null when the list is empty. */
export function listed(names: readonly string[], sentence: (names: string) => string): string | null {
  return names.length === 0 ? null : sentence([...new Set(names)].join(', '))
}
