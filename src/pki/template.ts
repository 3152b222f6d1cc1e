import type { GeneralName } from './extensions.js'
import type { Name } from './name.js'
import type { Profile, ProfileExtension } from './profiles.js'
import { keyIdentifier } from './public-key.js'
import type { Certificate } from './read-certificate.js'
import type { Validity } from './validity.js'

/** What a new certificate is to say. */
export interface CertificateTemplate {
  /** What it is for, `tls-crt` for instance; it appears in messages only. */
  readonly role: string
  readonly profile: Profile
  /** Big-endian octets of a positive INTEGER. */
  readonly serialNumber: Uint8Array
  readonly validity: Validity
  readonly subject: Name
  /** The subject's key: SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  /** Who signs; null for a root, which signs itself. */
  readonly issuer: Certificate | null
  /** For subjectAltName, where the profile has one; empty: the extension is left out. */
  readonly names: readonly GeneralName[]
}

/**
 * The extensions that a certificate from `template` has, in their order. Names that stand in for an empty subject are
 * critical (RFC 5280, 4.2.1.6).
 */
export function extensionsFor({ profile, subject, names }: CertificateTemplate): readonly ProfileExtension[] {
  return profile.extensions
    .filter(({ type }) => type !== 'subjectAltName' || names.length > 0)
    .map((spec) => (spec.type === 'subjectAltName' ? { ...spec, critical: subject.attributes.length === 0 } : spec))
}

/**
 * The keyIdentifier of the key that signs: a copy of the issuer's subjectKeyIdentifier, however that was computed (RFC 5280,
 * 4.2.1.1). It is computed from the key only when the issuer has none.
 */
export function issuerKeyIdentifier({ issuer, spki }: Pick<CertificateTemplate, 'issuer' | 'spki'>): Uint8Array {
  return issuer?.parsedExtensions.subjectKeyIdentifier ?? keyIdentifier(issuer?.spki ?? spki)
}
