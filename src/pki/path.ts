import { equivalentNames } from './name-comparison.js'
import { sameOctets } from './octets.js'
import { pathFault } from './path-validation/validate.js'
import { sameKey } from './public-key.js'
import { type Certificate, isIssuedBy } from './read-certificate.js'

/** What a certificate is validated against. */
interface PathAnchor {
  /** The trust anchor, which the caller vouches for. */
  readonly root: Certificate
  /** CA certificates that may appear between root and leaf. */
  readonly intermediates?: readonly Certificate[]
  readonly at: Date
}

/** The most certificates in a path, and the most signatures verified while searching for one (RFC 4158, 6). */
const MAX_PATH_LENGTH = 12
const MAX_SIGNATURES = 200

/**
 * Why no path from `certificate` to the root is valid (RFC 5280, 6.1); null when one is. Paths are tried, within limits,
 * until one is valid; the reason is the first failure. OpenSSL verifies the signatures.
 */
export function pathProblem(certificate: Certificate, { root, intermediates = [], at }: PathAnchor): string | null {
  const search = { root, intermediates, at, signaturesLeft: MAX_SIGNATURES, fault: null }
  return isValidFrom(search, [certificate]) ? null : (search.fault ?? NO_ISSUER)
}

const NO_ISSUER = 'unable to get local issuer certificate'

interface Search extends Required<PathAnchor> {
  signaturesLeft: number
  /** The first failure. */
  fault: string | null
}

/** Tries all extensions of `path` towards the root; its first certificate is the highest. */
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

/** The same name with the same key twice in a path is a loop (RFC 4158, 2.4.2). */
function isSameCa(one: Certificate, other: Certificate): boolean {
  return sameKey(one.publicKey, other.publicKey) && equivalentNames(one.subject, other.subject)
}

/** Whether `ca` issued `certificate`: by name, signature and authorityKeyIdentifier. */
function isIssuerOf(search: Search, ca: Certificate, certificate: Certificate): boolean {
  if (!equivalentNames(ca.subject, certificate.issuer) || search.signaturesLeft === 0) return false
  search.signaturesLeft--
  const isSigned = certificate.x509.verify(ca.publicKey.key)
  if (!isSigned) search.fault ??= 'certificate signature failure'
  // OpenSSL does not consider a CA without keyCertSign an issuer; validation reports that more precisely.
  return isSigned && (!maySign(ca) || isIssuedBy(certificate, ca))
}

function maySign({ parsedExtensions }: Certificate): boolean {
  return parsedExtensions.keyUsage === null || parsedExtensions.keyUsage.includes('keyCertSign')
}
