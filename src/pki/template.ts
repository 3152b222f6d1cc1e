import type { GeneralName } from './extensions.js'
import type { Name } from './name.js'
import type { Profile, ProfileExtension } from './profiles.js'
import { keyIdentifier } from './public-key.js'
import type { Certificate } from './read-certificate.js'
import type { Validity } from './validity.js'

/** The contents of a new certificate. */
export interface CertificateTemplate {
  /** What the certificate is for, such as `tls-crt`; used in messages only. */
  readonly role: string
  readonly profile: Profile
  /** Big-endian octets of a positive INTEGER. */
  readonly serialNumber: Uint8Array
  readonly validity: Validity
  readonly subject: Name
  /** The subject's key: SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  /** null for a self-signed root. */
  readonly issuer: Certificate | null
  /** For subjectAltName, if the profile has it; the extension is omitted when empty. */
  readonly names: readonly GeneralName[]
  /** For a key that has another certificate already: the identifier in that one. Absent: computed from the key. */
  readonly subjectKeyIdentifier?: Uint8Array | undefined
}

/**
 * The extensions of a certificate, in order. subjectAltName is critical when the subject is empty (RFC 5280, 4.2.1.6).
 */
export function extensionsFor({ profile, subject, names }: CertificateTemplate): readonly ProfileExtension[] {
  return profile.extensions
    .filter(({ type }) => type !== 'subjectAltName' || names.length > 0)
    .map((spec) => (spec.type === 'subjectAltName' ? { ...spec, critical: subject.attributes.length === 0 } : spec))
}

/** The subjectKeyIdentifier: the one that the key has already, or the SHA-1 of the key (RFC 5280, 4.2.1.2, method 1). */
export function subjectKeyIdentifier({
  subjectKeyIdentifier: existing,
  spki,
}: Pick<CertificateTemplate, 'subjectKeyIdentifier' | 'spki'>): Uint8Array {
  return existing ?? keyIdentifier(spki)
}

/**
 * The authorityKeyIdentifier: a copy of the issuer's subjectKeyIdentifier (RFC 5280, 4.2.1.1), or computed from the issuer's
 * key when the issuer has none.
 */
export function issuerKeyIdentifier({ issuer, spki }: Pick<CertificateTemplate, 'issuer' | 'spki'>): Uint8Array {
  return issuer?.parsedExtensions.subjectKeyIdentifier ?? keyIdentifier(issuer?.spki ?? spki)
}
