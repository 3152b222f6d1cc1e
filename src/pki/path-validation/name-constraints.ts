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
  /** RFC 5280 has neither a minimum but 0 nor a maximum. */
  readonly hasDistance: boolean
}

/** As OpenSSL has it: names times constraints. */
const MAX_COMPARISONS = 1 << 20

/**
 * Why a name of a path is against a constraint above it (RFC 5280, 6.1.3 (b), (c)); null: none is. The root's own
 * constraints count, as OpenSSL has it and RFC 5937, 3.2 says.
 *
 * @param path the trust anchor first
 */
export function nameConstraintFault(path: readonly TbsCertificate[]): string | null {
  const constraints = path.map(readNameConstraints)
  return firstOf(path, (certificate, index) => {
    const isLast = index === path.length - 1
    // A CA's certificate for its own new key may have any name.
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

/** Where there are subtrees for the form of a name, it must be within one of them. */
function permittedFault(name: ConstrainedName, permitted: readonly Subtree[]): string | null {
  const sameForm = permitted.filter(({ base }) => matchName(name, base) !== null)
  const fault = undecided(name, sameForm)
  if (fault !== null || sameForm.length === 0) return fault
  if (sameForm.some(({ base }) => matchName(name, base) === 'inside')) return null
  const bases = sameForm.map(({ base }) => formatConstrainedName(base)).join(', ')
  return `permitted subtree violation: nameConstraints permit ${bases}, not ${formatConstrainedName(name)}`
}

function excludedFault(name: ConstrainedName, excluded: readonly Subtree[]): string | null {
  const sameForm = excluded.filter(({ base }) => matchName(name, base) !== null)
  const fault = undecided(name, sameForm)
  if (fault !== null) return fault
  const subtree = sameForm.find(({ base }) => matchName(name, base) === 'inside')
  if (subtree === undefined) return null
  return `excluded subtree violation: nameConstraints exclude ${formatConstrainedName(subtree.base)}, which ${formatConstrainedName(name)} is within`
}

/** Why it cannot be decided whether a name is within subtrees that are about its form. */
function undecided(name: ConstrainedName, sameForm: readonly Subtree[]): string | null {
  if (sameForm.some(({ hasDistance }) => hasDistance)) return 'name constraints minimum and maximum not supported'
  const matches = sameForm.map(({ base }) => matchName(name, base))
  if (matches.includes('unsupported')) return `unsupported name constraint type: ${formatConstrainedName(name)}`
  if (!matches.includes('syntax')) return null
  return `unsupported or invalid name constraint syntax: ${formatConstrainedName(name)}`
}

/** The nameConstraints of a certificate; null: it has none. Throws a plain Error when they are broken. */
function readNameConstraints({ extensions }: TbsCertificate): NameConstraints | null {
  const extension = extensions.find(({ type }) => type === 'nameConstraints')
  if (extension === undefined) return null
  const members = sequenceMembers(parseDer(extension.value), 0, 2)
  const tags = members.map(({ tag }) => tag)
  if (tags.some((tag, index) => ![0xa0, 0xa1].includes(tag) || tags.indexOf(tag) !== index))
    throw new Error('its nameConstraints are broken')
  const subtrees = (number: number) =>
    members.filter(({ tag }) => tag === (0xa0 | number)).flatMap((member) => taggedMembers(member, number, 1, ANY))
  return { permitted: subtrees(0).map(readSubtree), excluded: subtrees(1).map(readSubtree) }
}

function readSubtree(value: Der): Subtree {
  const [base, ...distance] = sequenceMembers(value, 1, 3)
  if (base === undefined) throw new Error('its nameConstraints are broken')
  // DER leaves the minimum out when it is 0.
  return { base: readConstrainedName(base), hasDistance: distance.length > 0 }
}
