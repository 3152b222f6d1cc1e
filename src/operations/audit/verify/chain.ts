import { PKI_FILES } from '../../../directory/names.js'
import { formatName } from '../../../pki/name.js'
import { sameOctets } from '../../../pki/octets.js'
import { pathProblem } from '../../../pki/path.js'
import { isSelfIssued } from '../../../pki/path-validation/self-issued.js'
import { type Certificate, isIssuedBy } from '../../../pki/read-certificate.js'
import type { AuditContext } from './context.js'
import { type Finding, failed } from './finding.js'

/** Each certificate has a valid path to the root. The root is trusted, but if self-issued it must be self-signed. */
export function checkChain({ root, certificates, now }: AuditContext): readonly Finding[] {
  const file = PKI_FILES.rootCertificate
  if (root === null) return [failed('chain.root', file, 'Cannot check the chain: there is no valid root certificate.')]
  if (isSelfIssued(root) && !isIssuedBy(root, root))
    return [failed('chain.root', file, `${file} is not signed by its own key.`)]
  return certificates
    .filter(({ role }) => role !== 'root')
    .flatMap(({ file: name, certificate }) => {
      const at = withinBoth(now, certificate, root)
      const problem = pathProblem(certificate, { root, at }) ?? spellingProblem(certificate, root)
      return problem === null
        ? []
        : [failed('chain.invalid', name, `${name} has no valid path to the root: ${problem}.`)]
    })
}

/** RFC 5280, 7.1 and OpenSSL ignore case and string type when comparing names; Go and GnuTLS compare the encoding. */
function spellingProblem({ issuer }: Certificate, { subject }: Certificate): string | null {
  if (sameOctets(issuer.der, subject.der)) return null
  return `its issuer, ${formatName(issuer)}, is encoded differently from the subject of the root, and Go and GnuTLS reject that`
}

/**
 * A time at which both are valid, close to `now`. Expiry and a wrong clock are left to the checks of expiry, because
 * recreating the certificate would not help.
 */
function withinBoth(now: Date, certificate: Certificate, root: Certificate): Date {
  const from = Math.max(certificate.notBefore.getTime(), root.notBefore.getTime())
  const until = Math.min(certificate.notAfter.getTime(), root.notAfter.getTime())
  return new Date(Math.min(Math.max(now.getTime(), from), until))
}
