import { equivalentNames } from './name-comparison.js'
import { sameOctets } from './octets.js'
import { pathFault } from './path-validation/validate.js'
import { sameKey } from './public-key.js'
import { type Certificate, isIssuedBy } from './read-certificate.js'

/** What a certificate is held against. */
export interface PathAnchor {
  /** Trusted as it is; nobody but the caller can say that it is the right one. */
  readonly root: Certificate
  /** CA certificates that may appear between root and leaf. */
  readonly intermediates?: readonly Certificate[]
  readonly at: Date
}

/** How many certificates a path may have, and how many signatures are verified in search of one (RFC 4158, 6). */
const MAX_PATH_LENGTH = 12
const MAX_SIGNATURES = 200

/**
 * Why there is no valid path (RFC 5280, 6.1) from `certificate` to the root; null: there is one. Every path is tried, within
 * bounds, until one is valid; the reason is that of the first one. Signatures are OpenSSL's to verify.
 */
export function pathProblem(certificate: Certificate, { root, intermediates = [], at }: PathAnchor): string | null {
  const search = { root, intermediates, at, signaturesLeft: MAX_SIGNATURES, fault: null }
  return isValidFrom(search, [certificate]) ? null : (search.fault ?? NO_ISSUER)
}

const NO_ISSUER = 'unable to get local issuer certificate'

interface Search extends Required<PathAnchor> {
  signaturesLeft: number
  /** The first reason why a path was not valid. */
  fault: string | null
}

/** Tries all paths that go on upwards from `path`, whose first certificate is the highest so far. */
function isValidFrom(search: Search, path: readonly [Certificate, ...Certificate[]]): boolean {
  const { root, intermediates, at } = search
  const [highest] = path
  if (sameOctets(highest.der, root.der)) return isValidPath(search, path, at)
  if (isIssuerOf(search, root, highest) && isValidPath(search, [root, ...path], at)) return true
  if (path.length === MAX_PATH_LENGTH) return false
  return intermediates
    .filter((ca) => !path.some((certificate) => isSameCa(certificate, ca)))
    .some((ca) => isIssuerOf(search, ca, highest) && isValidFrom(search, [ca, ...path]))
}

function isValidPath(search: Search, path: readonly Certificate[], at: Date): boolean {
  const fault = pathFault(path, at)
  if (fault !== null) search.fault ??= fault
  return fault === null
}

/** One name with one key, a second time in a path, is a loop (RFC 4158, 2.4.2). */
function isSameCa(one: Certificate, other: Certificate): boolean {
  return sameKey(one.publicKey, other.publicKey) && equivalentNames(one.subject, other.subject)
}

/** Has `ca` signed `certificate`, by name, by signature and by authorityKeyIdentifier? */
function isIssuerOf(search: Search, ca: Certificate, certificate: Certificate): boolean {
  if (!equivalentNames(ca.subject, certificate.issuer) || search.signaturesLeft === 0) return false
  search.signaturesLeft--
  const isSigned = certificate.x509.verify(ca.publicKey.key)
  if (!isSigned) search.fault ??= 'certificate signature failure'
  // OpenSSL takes a CA that may not sign certificates for no issuer; that has a better reason, which is found later.
  return isSigned && (!maySign(ca) || isIssuedBy(certificate, ca))
}

function maySign({ parsedExtensions }: Certificate): boolean {
  return parsedExtensions.keyUsage === null || parsedExtensions.keyUsage.includes('keyCertSign')
}
