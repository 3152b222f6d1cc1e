import { ANY, type Der, parseDer, sequenceMembers, taggedMembers } from '../der.js'
import type { TbsCertificate } from '../read-certificate.js'
import { type ConstrainedName, formatConstrainedName, readConstrainedName } from './general-name.js'
import { matchName } from './match-name.js'
import { isSelfIssued } from './self-issued.js'
import { namesOf } from './subject-names.js'

/** The nameConstraints of a CA (RFC 5280, 4.2.1.10). */
interface NameConstraints {
  readonly permitted: readonly Subtree[]
  readonly excluded: readonly Subtree[]
}

interface Subtree {
  readonly base: ConstrainedName
  /** Whether it has a minimum or maximum, which RFC 5280 does not allow. */
  readonly hasDistance: boolean
}

/** The limit on names times constraints, as in OpenSSL. */
const MAX_COMPARISONS = 1 << 20

/**
 * Why a name in a path violates a constraint above it (RFC 5280, 6.1.3 (b), (c)); null when none does. The constraints of
 * the trust anchor apply too (RFC 5937, 3.2), as in OpenSSL.
 *
 * @param path the trust anchor first
 */
export function nameConstraintFault(path: readonly TbsCertificate[]): string | null {
  const constraints = path.map(readNameConstraints)
  return firstOf(path, (certificate, index) => {
    const isLast = index === path.length - 1
    // RFC 5280, 6.1.3 (b): not for self-issued certificates, unless last in the path.
    if (!isLast && isSelfIssued(certificate)) return null
    const names = namesOf(certificate, isLast)
    return firstOf(constraints.slice(0, index), (limits) => (limits === null ? null : faultOf(names, limits)))
  })
}

function firstOf<T>(items: readonly T[], faultFor: (item: T, index: number) => string | null): string | null {
  for (const [index, item] of items.entries()) {
    const fault = faultFor(item, index)
    if (fault !== null) return fault
  }
  return null
}

function faultOf(names: readonly ConstrainedName[], { permitted, excluded }: NameConstraints): string | null {
  if (names.length * (permitted.length + excluded.length) > MAX_COMPARISONS) return 'too many names and constraints'
  return firstOf(names, (name) => permittedFault(name, permitted) ?? excludedFault(name, excluded))
}

/** If any permitted subtree applies to the form of a name, the name must be within one of them. */
function permittedFault(name: ConstrainedName, permitted: readonly Subtree[]): string | null {
  const sameForm = permitted.filter(({ base }) => matchName(name, base) !== null)
  const fault = undecided(name, sameForm)
  if (fault !== null || sameForm.length === 0) return fault
  if (sameForm.some(({ base }) => matchName(name, base) === 'inside')) return null
  const bases = sameForm.map(({ base }) => formatConstrainedName(base)).join(', ')
  return `permitted subtree violation: nameConstraints permit ${bases} but not ${formatConstrainedName(name)}`
}

function excludedFault(name: ConstrainedName, excluded: readonly Subtree[]): string | null {
  const sameForm = excluded.filter(({ base }) => matchName(name, base) !== null)
  const fault = undecided(name, sameForm)
  if (fault !== null) return fault
  const subtree = sameForm.find(({ base }) => matchName(name, base) === 'inside')
  if (subtree === undefined) return null
  return `excluded subtree violation: nameConstraints exclude ${formatConstrainedName(subtree.base)}, which contains ${formatConstrainedName(name)}`
}

/** Why fpki cannot decide whether a name is within the subtrees of its form. */
function undecided(name: ConstrainedName, sameForm: readonly Subtree[]): string | null {
  if (sameForm.some(({ hasDistance }) => hasDistance)) return 'name constraints minimum and maximum not supported'
  const matches = sameForm.map(({ base }) => matchName(name, base))
  if (matches.includes('unsupported')) return `unsupported name constraint type: ${formatConstrainedName(name)}`
  if (!matches.includes('syntax')) return null
  return `unsupported or invalid name constraint syntax: ${formatConstrainedName(name)}`
}

/** The nameConstraints of a certificate; null when absent. Throws a plain Error when they are malformed. */
function readNameConstraints({ extensions }: TbsCertificate): NameConstraints | null {
  const extension = extensions.find(({ type }) => type === 'nameConstraints')
  if (extension === undefined) return null
  const members = sequenceMembers(parseDer(extension.value), 0, 2)
  const tags = members.map(({ tag }) => tag)
  if (tags.some((tag, index) => ![0xa0, 0xa1].includes(tag) || tags.indexOf(tag) !== index))
    throw new Error('its nameConstraints are malformed')
  const subtrees = (number: number) =>
    members.filter(({ tag }) => tag === (0xa0 | number)).flatMap((member) => taggedMembers(member, number, 1, ANY))
  return { permitted: subtrees(0).map(readSubtree), excluded: subtrees(1).map(readSubtree) }
}

function readSubtree(value: Der): Subtree {
  const [base, ...distance] = sequenceMembers(value, 1, 3)
  if (base === undefined) throw new Error('its nameConstraints are malformed')
  // DER omits a minimum of 0.
  return { base: readConstrainedName(base), hasDistance: distance.length > 0 }
}
