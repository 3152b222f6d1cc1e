import { rfc3339 } from '../describe.js'
import { formatName } from '../name.js'
import { equivalentNames } from '../name-comparison.js'
import type { TbsCertificate } from '../read-certificate.js'
import { nameConstraintFault } from './name-constraints.js'
import { policyFault } from './policies.js'
import { isSelfIssued } from './self-issued.js'

/** A path from the trust anchor to the certificate being validated. */
export type Path = readonly TbsCertificate[]

/**
 * Why a path is not valid at a time (RFC 5280, 6.1), in OpenSSL's words; null when it is. The constraints of the trust anchor
 * apply (RFC 5937, 3.2; OpenSSL does the same except for policies). Signatures are not checked, so that a certificate can be
 * validated before it is signed.
 */
export function pathFault(path: Path, at: Date): string | null {
  try {
    return CHECKS.reduce<string | null>((fault, check) => fault ?? check(path, at), null)
  } catch (error) {
    // Parsers of extensions throw plain errors.
    if (!(error instanceof Error)) throw error
    return `invalid certificate extension: ${error.message}`
  }
}

type Check = (path: Path, at: Date) => string | null

const CHECKS: readonly Check[] = [
  issuerNameFault,
  criticalExtensionFault,
  caFault,
  pathLengthFault,
  validityFault,
  nameConstraintFault,
  policyFault,
]

/** RFC 5280, 6.1.3 (a) (4). */
function issuerNameFault(path: Path): string | null {
  const other = path.find(({ issuer }, index) => {
    const above = path[index - 1]
    return above !== undefined && !equivalentNames(issuer, above.subject)
  })
  return other === undefined
    ? null
    : `subject issuer mismatch: ${formatName(other.issuer)} is not the subject of the issuing CA`
}

/**
 * The extensions that fpki, or whoever uses the certificate, processes (RFC 5280, 4.2). Any other critical extension makes a
 * certificate invalid.
 */
export const PROCESSED_EXTENSIONS: readonly string[] = [
  ...['keyUsage', 'extKeyUsage', 'basicConstraints', 'subjectAltName', 'nameConstraints'],
  ...['certificatePolicies', 'policyMappings', 'policyConstraints', 'inhibitAnyPolicy'],
]

/** RFC 5280, 6.1.4 (o) and 6.1.5 (f). */
function criticalExtensionFault(path: Path): string | null {
  const extensions = path.flatMap((certificate) => certificate.extensions)
  const unknown = extensions.find(({ critical, type }) => critical && !PROCESSED_EXTENSIONS.includes(type))
  return unknown === undefined ? null : `unhandled critical extension: ${unknown.type}`
}

/** RFC 5280, 6.1.4 (k) and (n), for every certificate but the last. */
function caFault(path: Path): string | null {
  for (const { parsedExtensions, subject } of path.slice(0, -1)) {
    if (!parsedExtensions.basicConstraints?.ca) return `invalid CA certificate: ${formatName(subject)} is not a CA`
    if (parsedExtensions.keyUsage !== null && !parsedExtensions.keyUsage.includes('keyCertSign'))
      return `invalid CA certificate: the keyUsage of ${formatName(subject)} lacks keyCertSign`
  }
  return null
}

/** RFC 5280, 6.1.4 (l) and (m). */
function pathLengthFault(path: Path): string | null {
  const broken = path.slice(0, -1).find(({ parsedExtensions }, index) => {
    const limit = parsedExtensions.basicConstraints?.pathLenConstraint ?? null
    const below = path.slice(index + 1, -1).filter((ca) => !isSelfIssued(ca)).length
    return limit !== null && below > limit
  })
  if (broken === undefined) return null
  const limit = broken.parsedExtensions.basicConstraints?.pathLenConstraint
  return `path length constraint exceeded: ${formatName(broken.subject)} allows ${limit} CAs below it`
}

/** RFC 5280, 6.1.3 (a) (2). */
function validityFault(path: Path, at: Date): string | null {
  for (const { subject, notBefore, notAfter } of path) {
    if (at < notBefore)
      return `certificate is not yet valid: ${formatName(subject)} is valid from ${rfc3339(notBefore)}`
    if (at > notAfter) return `certificate has expired: ${formatName(subject)} expired on ${rfc3339(notAfter)}`
  }
  return null
}
