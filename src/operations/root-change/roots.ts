import { readableCertificates } from '../../directory/certificate-files.js'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import type { ProfileExtension } from '../../pki/profiles.js'
import { isIssuedBy } from '../../pki/read-certificate.js'
import type { OpenPki } from '../open-pki.js'

/** The path of the root certificate. */
export function pathOfRoot({ directory }: OpenPki): string {
  return `${directory.path}/${PKI_FILES.rootCertificate}`
}

/** The certificates in a PKI directory that its root has issued, current and earlier ones, but for those of the root. */
export async function issuedByRoot({ directory, root }: OpenPki) {
  const files = await readableCertificates(directory, (name) => !name.startsWith(PKI_FILES.rootCertificate))
  return files.filter(({ certificate }) => isIssuedBy(certificate, root))
}

const CARRIED: readonly string[] = [
  'keyUsage',
  'extKeyUsage',
  'basicConstraints',
  'subjectKeyIdentifier',
  'authorityKeyIdentifier',
] satisfies readonly ProfileExtension['type'][]

/**
 * A new certificate for a root has the extensions of its profile and no others: without name or policy constraints, the root
 * could do more than before. Throws ERR_CONSTRAINTS.
 *
 * @param what `a cross-certificate`
 */
export function requireNoConstraints(pki: OpenPki, what: string): void {
  const others = pki.root.extensions.map(({ type }) => type).filter((type) => !CARRIED.includes(type))
  if (others.length === 0) return
  throw new FpkiError(
    'ERR_CONSTRAINTS',
    `Refusing to sign ${what} for ${pathOfRoot(pki)}: it has extensions that ${what} of fpki does not have: ${others.join(', ')}.`,
    'Nothing was signed. Issue it with the software that issued this root.',
  )
}
