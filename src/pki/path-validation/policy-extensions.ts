import { ANY, type Der, isTagged, parseDer, readInteger, readObjectIdentifier, sequenceMembers, TAG } from '../der.js'
import { der } from '../der-write.js'

import type { TbsCertificate } from '../read-certificate.js'

/** anyPolicy (RFC 5280, 4.2.1.4). */
export const ANY_POLICY = '2.5.29.32.0'

/** The policy extensions of a certificate; null for those that are absent. */
export interface PolicyExtensions {
  readonly policies: ReadonlySet<string> | null
  /** Issuer domain policies and the equivalent subject domain policies. */
  readonly mappings: readonly (readonly [issuer: string, subject: string])[]
  readonly requireExplicitPolicy: number | null
  readonly inhibitPolicyMapping: number | null
  readonly inhibitAnyPolicy: number | null
}

/**
 * Parses certificatePolicies, policyMappings, policyConstraints and inhibitAnyPolicy (RFC 5280, 4.2.1.4, 4.2.1.5,
 * 4.2.1.11 and 4.2.1.14). Throws a plain Error when one is malformed.
 */
export function readPolicyExtensions({ extensions }: Pick<TbsCertificate, 'extensions'>): PolicyExtensions {
  const read = <T>(type: string, decode: (value: Der) => T): T | null => {
    const extension = extensions.find((candidate) => candidate.type === type)
    return extension === undefined ? null : decode(parseDer(extension.value))
  }
  return {
    policies: read('certificatePolicies', decodePolicies),
    mappings: read('policyMappings', decodeMappings) ?? [],
    inhibitAnyPolicy: read('inhibitAnyPolicy', decodeSkip),
    ...(read('policyConstraints', decodeConstraints) ?? { requireExplicitPolicy: null, inhibitPolicyMapping: null }),
  }
}

function decodePolicies(value: Der): ReadonlySet<string> {
  const policies = sequenceMembers(value, 1, ANY).map((information) =>
    readObjectIdentifier(sequenceMembers(information, 1, 2)[0]),
  )
  const unique = new Set(policies)
  if (unique.size !== policies.length) throw new Error('it has duplicate certificate policies')
  return unique
}

function decodeMappings(value: Der): PolicyExtensions['mappings'] {
  return sequenceMembers(value, 1, ANY).map((mapping) => {
    const [issuer, subject] = sequenceMembers(mapping, 2)
    return [readObjectIdentifier(issuer), readObjectIdentifier(subject)]
  })
}

function decodeConstraints(value: Der): Pick<PolicyExtensions, 'requireExplicitPolicy' | 'inhibitPolicyMapping'> {
  const members = sequenceMembers(value, 1, 2)
  if (!members.every((member) => isTagged(member, 0) || isTagged(member, 1)) || members[0]?.tag === members[1]?.tag)
    throw new Error('its policyConstraints are malformed')
  const skip = (number: number) => {
    const member = members.find((candidate) => isTagged(candidate, number))
    return member === undefined ? null : decodeSkip(parseDer(der(TAG.integer, member.content)))
  }
  return { requireExplicitPolicy: skip(0), inhibitPolicyMapping: skip(1) }
}

/** SkipCerts. */
function decodeSkip(value: Der): number {
  const skip = Number(readInteger(value))
  if (skip < 0) throw new Error('a SkipCerts value is negative')
  return skip
}
