import type { CertificateRole } from '../pki/describe.js'
import { attributeValues } from '../pki/name.js'
import type { Certificate } from '../pki/read-certificate.js'
import type { InspectedDirectory } from './inspect.js'
import { isCertificateFile, isCrossCertificate, isKeyFile, PKI_FILES } from './names.js'

/** The role of a certificate file by its name; any other `.pem` is a local CA (docs/profile.md#files). */
export function roleOfFile(name: string): CertificateRole {
  if (name === PKI_FILES.rootCertificate) return 'root'
  if (isCrossCertificate(name)) return 'cross'
  if (name === PKI_FILES.tlsCertificate) return 'tls'
  if (name === PKI_FILES.estTlsCertificate) return 'est-tls'
  return name === PKI_FILES.onlineCaCertificate ? 'online-ca' : 'local-ca'
}

/** The current certificates (root first) and the keys of a PKI directory. */
export function pkiFilesOf({ names }: InspectedDirectory): {
  certificates: readonly string[]
  keys: readonly string[]
} {
  const [roots, others] = [true, false].map((isRoot) =>
    names.filter((name) => isCertificateFile(name) && (name === PKI_FILES.rootCertificate) === isRoot),
  )
  return { certificates: [...(roots ?? []), ...(others ?? [])], keys: names.filter(isKeyFile) }
}

/** The factory of a PKI directory, from its record or the root certificate. */
export function factoryIn({ state }: InspectedDirectory, root: Certificate | null): string | null {
  return state?.factory ?? (root === null ? null : (attributeValues(root.subject, 'OU')[0] ?? null))
}

/** The key file of a local CA's certificate; null for other certificates. */
export function keyFileOf(certificate: string): string | null {
  const isLocalCa = isCertificateFile(certificate) && roleOfFile(certificate) === 'local-ca'
  return isLocalCa ? certificate.replace(/\.pem$/, '.key') : null
}
