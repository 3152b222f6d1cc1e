import { PKI_FILES } from '../../../directory/names.js'
import { formatName } from '../../../pki/name.js'
import { sameOctets } from '../../../pki/octets.js'
import { pathProblem } from '../../../pki/path.js'
import { isSelfIssued } from '../../../pki/path-validation/self-issued.js'
import { type Certificate, isIssuedBy } from '../../../pki/read-certificate.js'
import { type Finding, found } from './finding.js'
import type { Scene } from './scene.js'

/** A valid path leads from every certificate to the root, which is trusted as it is; but one that names itself has signed itself. */
export function checkChain({ root, certificates, now }: Scene): readonly Finding[] {
  const file = PKI_FILES.rootCertificate
  if (root === null) return [found('chain.root', file, 'There is no root certificate to hold the others against.')]
  if (isSelfIssued(root) && !isIssuedBy(root, root))
    return [found('chain.root', file, `${file} is not signed by its own key.`)]
  return certificates
    .filter(({ role }) => role !== 'root')
    .flatMap(({ file: name, certificate }) => {
      const at = withinBoth(now, certificate, root)
      const problem = pathProblem(certificate, { root, at }) ?? spellingProblem(certificate, root)
      return problem === null
        ? []
        : [found('chain.invalid', name, `${name} has no valid path to the root: ${problem}.`)]
    })
}

/** RFC 5280, 7.1 and OpenSSL take names in another case or string type for equal. Go and GnuTLS compare their octets. */
function spellingProblem({ issuer }: Certificate, { subject }: Certificate): string | null {
  if (sameOctets(issuer.der, subject.der)) return null
  return `its issuer, ${formatName(issuer)}, is not octet for octet the subject of the root, and Go and GnuTLS reject it`
}

/**
 * A time at which both are valid, `now` when they are: what has expired, and a clock that is wrong, the checks of expiry tell,
 * and there is nothing to make again.
 */
function withinBoth(now: Date, certificate: Certificate, root: Certificate): Date {
  const from = Math.max(certificate.notBefore.getTime(), root.notBefore.getTime())
  const until = Math.min(certificate.notAfter.getTime(), root.notAfter.getTime())
  return new Date(Math.min(Math.max(now.getTime(), from), until))
}
