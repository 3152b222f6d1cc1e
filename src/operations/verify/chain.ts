import { PKI_FILES } from '../../directory/names.js'
import { formatName } from '../../pki/name.js'
import { sameOctets } from '../../pki/octets.js'
import { pathProblem } from '../../pki/path.js'
import { isSelfIssued } from '../../pki/path-validation/self-issued.js'
import { type Certificate, isIssuedBy } from '../../pki/read-certificate.js'
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
      const problem = pathProblem(certificate, { root, at: now }) ?? spellingProblem(certificate, root)
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
