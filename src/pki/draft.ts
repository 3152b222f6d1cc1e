import type { Curve } from '../ports.js'
import { algorithmIdentifier } from './algorithm.js'
import { explicit, integer, sequence, time } from './der-write.js'
import type { GeneralName } from './extensions.js'
import * as encode from './extensions.js'
import type { Name } from './name.js'
import type { Profile, ProfileExtension } from './profiles.js'
import { keyIdentifier } from './public-key.js'
import type { Certificate } from './read-certificate.js'
import type { Validity } from './validity.js'

/** What a new certificate is to say. */
export interface CertificateRequest {
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
  /** For subjectAltName, where the profile has one; none: the extension is left out. */
  readonly names: readonly GeneralName[]
}

/** A certificate before its signature. */
export interface CertificateDraft {
  readonly request: CertificateRequest
  /** The AlgorithmIdentifier of the signature to come; DER, as all of it. */
  readonly algorithm: Uint8Array
  readonly tbsCertificate: Uint8Array
}

/**
 * The extensions that a certificate for `request` has, in their order. Names that stand in for an empty subject are
 * critical (RFC 5280, 4.2.1.6).
 */
export function extensionsFor({ profile, subject, names }: CertificateRequest): readonly ProfileExtension[] {
  return profile.extensions
    .filter(({ type }) => type !== 'subjectAltName' || names.length > 0)
    .map((spec) => (spec.type === 'subjectAltName' ? { ...spec, critical: subject.attributes.length === 0 } : spec))
}

/**
 * The keyIdentifier of the key that signs `request`: a copy of the issuer's subjectKeyIdentifier, however that was
 * computed (RFC 5280, 4.2.1.1). It is computed from the key only when the issuer has none.
 */
export function issuerKeyIdentifier({ issuer, spki }: CertificateRequest): Uint8Array {
  return issuer?.known.subjectKeyIdentifier ?? keyIdentifier(issuer?.spki ?? spki)
}

/** Lays out the TBSCertificate (RFC 5280, 4.1.2). Names and keys go in as they are, octet by octet. */
export function draftCertificate(request: CertificateRequest, curve: Curve): CertificateDraft {
  const { validity, subject, spki, issuer } = request
  const algorithm = algorithmIdentifier(curve)
  const tbsCertificate = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(request.serialNumber),
    algorithm,
    (issuer?.subject ?? subject).der,
    sequence(time(validity.notBefore), time(validity.notAfter)),
    subject.der,
    spki,
    explicit(3, sequence(...extensionsFor(request).map((spec) => encode.encodeExtension(extensionOf(spec, request))))),
  )
  return { request, algorithm, tbsCertificate }
}

function extensionOf(spec: ProfileExtension, request: CertificateRequest) {
  return { type: spec.type, critical: spec.critical, value: extensionValue(spec, request) }
}

/** The DER inside of an extension's extnValue. */
export function extensionValue(spec: ProfileExtension, request: CertificateRequest): Uint8Array {
  switch (spec.type) {
    case 'keyUsage':
      return encode.encodeKeyUsage(spec.usages)
    case 'extKeyUsage':
      return encode.encodeExtKeyUsage(spec.purposes)
    case 'basicConstraints':
      return encode.encodeCaConstraints(spec.pathLenConstraint)
    case 'subjectKeyIdentifier':
      return encode.encodeSubjectKeyIdentifier(keyIdentifier(request.spki))
    case 'authorityKeyIdentifier':
      return encode.encodeAuthorityKeyIdentifier(issuerKeyIdentifier(request))
    case 'subjectAltName':
      return encode.encodeSubjectAltName(request.names)
  }
}
