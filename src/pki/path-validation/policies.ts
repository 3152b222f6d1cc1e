import type { TbsCertificate } from '../read-certificate.js'
import { ANY_POLICY, type PolicyExtensions, readPolicyExtensions } from './policy-extensions.js'
import { isSelfIssued } from './self-issued.js'

/**
 * One level of the policy graph (RFC 9618, 5): the policies that are valid so far, each with its expected policies in the
 * next certificate. fpki accepts any policy, so earlier levels are not needed.
 */
type Level = ReadonlyMap<string, ReadonlySet<string>>

/** The state variables of RFC 5280, 6.1.2. */
interface State {
  readonly level: Level
  /** The number of further certificates before an explicit policy is required. */
  readonly explicitPolicy: number
  readonly policyMapping: number
  readonly inhibitAnyPolicy: number
}

interface Step extends PolicyExtensions {
  readonly isSelfIssued: boolean
  readonly isLast: boolean
}

/**
 * Why a path violates the certificate policies of its CAs (RFC 5280, 6.1, with the graph of RFC 9618); null when it does not.
 *
 * The trust anchor's constraints apply (RFC 5937, 3.2), although OpenSSL ignores them: to clients that trust the company CA
 * that signed a factory root, the root is an intermediate CA.
 *
 * @param path the trust anchor first
 */
export function policyFault([anchor, ...path]: readonly TbsCertificate[]): string | null {
  if (anchor === undefined) return null
  const never = path.length + 1
  const unlimited = { explicitPolicy: never, policyMapping: never, inhibitAnyPolicy: never }
  let state: State = {
    level: new Map([[ANY_POLICY, new Set([ANY_POLICY])]]),
    ...withConstraints(unlimited, readPolicyExtensions(anchor)),
  }
  for (const [index, certificate] of path.entries()) {
    const isLast = index === path.length - 1
    const step = { ...readPolicyExtensions(certificate), isSelfIssued: isSelfIssued(certificate), isLast }
    const next = afterCertificate(state, step)
    if (typeof next === 'string') return next
    state = next
  }
  return null
}

/** RFC 5280, 6.1.3 (d) to (f), and 6.1.4 or 6.1.5. */
function afterCertificate(state: State, step: Step): State | string {
  const level = nextLevel(state, step)
  if (state.explicitPolicy === 0 && level.size === 0) return NO_POLICY
  if (step.isLast) return endFault(state, step, level) ?? state
  if (step.mappings.some((mapping) => mapping.includes(ANY_POLICY)))
    return 'invalid policy mapping: anyPolicy must not be mapped'
  const mapped = state.policyMapping > 0 ? withMappings(level, step) : withoutMappings(level, step)
  return { level: mapped, ...withConstraints(decremented(state, step.isSelfIssued), step) }
}

const NO_POLICY = 'no explicit policy: a certificate policy is required, and no policy is valid for the whole path'

/** RFC 5280, 6.1.5 (a), (b) and (g). */
function endFault({ explicitPolicy }: State, { requireExplicitPolicy }: Step, level: Level): string | null {
  const isRequired = explicitPolicy <= 1 || requireExplicitPolicy === 0
  return isRequired && level.size === 0 ? NO_POLICY : null
}

/** RFC 5280, 6.1.3 (d) and (e). */
function nextLevel({ level, inhibitAnyPolicy }: State, { policies, isSelfIssued: own, isLast }: Step): Level {
  if (policies === null || level.size === 0) return new Map()
  const expected = new Set([...level.values()].flatMap((set) => [...set]))
  const named = [...policies].filter(
    (policy) => policy !== ANY_POLICY && (expected.has(policy) || level.has(ANY_POLICY)),
  )
  const allowsAny = policies.has(ANY_POLICY) && (inhibitAnyPolicy > 0 || (own && !isLast))
  return new Map([...named, ...(allowsAny ? expected : [])].map((policy) => [policy, new Set([policy])]))
}

/** RFC 5280, 6.1.4 (b) (1). */
function withMappings(level: Level, { mappings }: Step): Level {
  const mapped = new Map<string, Set<string>>()
  for (const [issuer, subject] of mappings) {
    if (level.has(issuer) || level.has(ANY_POLICY)) mapped.set(issuer, (mapped.get(issuer) ?? new Set()).add(subject))
  }
  return new Map([...level, ...mapped])
}

/** RFC 5280, 6.1.4 (b) (2). */
function withoutMappings(level: Level, { mappings }: Step): Level {
  const issuers = new Set(mappings.map(([issuer]) => issuer))
  return new Map([...level].filter(([policy]) => !issuers.has(policy)))
}

type Counters = Omit<State, 'level'>

/** RFC 5280, 6.1.4 (h). */
function decremented(counters: Counters, isSelfIssued: boolean): Counters {
  const down = (count: number) => (isSelfIssued ? count : Math.max(count - 1, 0))
  return {
    explicitPolicy: down(counters.explicitPolicy),
    policyMapping: down(counters.policyMapping),
    inhibitAnyPolicy: down(counters.inhibitAnyPolicy),
  }
}

/** RFC 5280, 6.1.4 (i) and (j). */
function withConstraints(counters: Counters, limits: PolicyExtensions): Counters {
  const least = (count: number, limit: number | null) => Math.min(count, limit ?? count)
  return {
    explicitPolicy: least(counters.explicitPolicy, limits.requireExplicitPolicy),
    policyMapping: least(counters.policyMapping, limits.inhibitPolicyMapping),
    inhibitAnyPolicy: least(counters.inhibitAnyPolicy, limits.inhibitAnyPolicy),
  }
}
