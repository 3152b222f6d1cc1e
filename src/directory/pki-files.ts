import type { CertificateRole } from '../pki/describe.js'
import { attributeValues } from '../pki/name.js'
import type { Certificate } from '../pki/read-certificate.js'
import type { InspectedDirectory } from './inspect.js'
import { isCertificateFile, isKeyFile, PKI_FILES } from './names.js'

/** The role that the name of a certificate's file gives it; every further `.pem` is a local CA (contract.md 2). */
export function roleOfFile(name: string): CertificateRole {
  if (name === PKI_FILES.rootCertificate) return 'root'
  if (name === PKI_FILES.tlsCertificate) return 'tls'
  if (name === PKI_FILES.estTlsCertificate) return 'est-tls'
  return name === PKI_FILES.onlineCaCertificate ? 'online-ca' : 'local-ca'
}

/** The certificates in use, and the keys, that a PKI directory holds; the root first. */
export function pkiFilesOf({ names }: InspectedDirectory): {
  certificates: readonly string[]
  keys: readonly string[]
} {
  const [roots, others] = [true, false].map((isRoot) =>
    names.filter((name) => isCertificateFile(name) && (name === PKI_FILES.rootCertificate) === isRoot),
  )
  return { certificates: [...(roots ?? []), ...(others ?? [])], keys: names.filter(isKeyFile) }
}

/** The factory of a PKI directory: what fpki remembers, or what the root certificate says. */
export function factoryIn({ state }: InspectedDirectory, root: Certificate | null): string | null {
  return state?.factory ?? (root === null ? null : (attributeValues(root.subject, 'OU')[0] ?? null))
}

/** The file with the key of a local CA's certificate; null when the key of `certificate` is none of a local CA's. */
export function keyFileOf(certificate: string): string | null {
  const isLocalCa = isCertificateFile(certificate) && roleOfFile(certificate) === 'local-ca'
  return isLocalCa ? certificate.replace(/\.pem$/, '.key') : null
}
