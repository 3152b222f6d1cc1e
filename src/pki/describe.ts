import type { GeneralName, KnownExtensions } from './extensions.js'
import { formatName } from './name.js'
import { encodePem } from './pem.js'
import { formatKeyType } from './public-key.js'
import { type Certificate, isIssuedBy } from './read-certificate.js'
import { serialToHex } from './serial.js'
import { daysLeft } from './validity.js'

/** A certificate in plain words and values, for people, JSON and reports. Shapes as in cli.md ("Output"). */
export interface CertificateFacts {
  /** One line, in the order of the encoding. */
  readonly subject: string
  readonly issuer: string
  /** The ASN.1 string types of the subject's attributes, in their order. */
  readonly subjectEncodings: readonly string[]
  /** Decimal. */
  readonly serial: string
  /** Colon-separated upper-case hex, as OpenSSL prints it. */
  readonly serialHex: string
  /** RFC 3339, UTC. */
  readonly notBefore: string
  readonly notAfter: string
  /** Whole days; negative when it has expired. */
  readonly daysLeft: number
  readonly keyType: string
  readonly signatureAlgorithm: string
  readonly ca: boolean
  readonly pathLenConstraint: number | null
  readonly keyUsage: readonly string[]
  readonly extKeyUsage: readonly string[]
  readonly subjectAltNames: readonly string[]
  /** Lower-case hex. */
  readonly subjectKeyIdentifier: string | null
  readonly authorityKeyIdentifier: string | null
  /** SHA-256 of the DER, lower-case hex. */
  readonly fingerprint: string
  /** The signature was verified with the root's key; null when there is no root to verify it with. */
  readonly signedByRoot: boolean | null
  readonly pem: string
}

/** The facts of `certificate` at the time `now`, held against `root`. */
export function describeCertificate(certificate: Certificate, root: Certificate | null, now: Date): CertificateFacts {
  const { subject, issuer, serialNumber, notBefore, notAfter, known } = certificate
  return {
    subject: formatName(subject),
    issuer: formatName(issuer),
    subjectEncodings: subject.attributes.map(({ encoding }) => encoding),
    serial: serialNumber.toString(),
    serialHex: serialToHex(serialNumber),
    notBefore: rfc3339(notBefore),
    notAfter: rfc3339(notAfter),
    daysLeft: daysLeft(notAfter, now),
    keyType: formatKeyType(certificate.publicKey),
    signatureAlgorithm: certificate.signature,
    ...describeExtensions(known),
    fingerprint: certificate.x509.fingerprint256.replaceAll(':', '').toLowerCase(),
    signedByRoot: root === null ? null : isIssuedBy(certificate, root),
    pem: encodePem('CERTIFICATE', certificate.der),
  }
}

/** A time to the second, in RFC 3339 form. */
export function rfc3339(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z')
}

function describeExtensions(known: KnownExtensions) {
  return {
    ca: known.basicConstraints?.ca ?? false,
    pathLenConstraint: known.basicConstraints?.pathLenConstraint ?? null,
    keyUsage: known.keyUsage ?? [],
    extKeyUsage: known.extKeyUsage ?? [],
    subjectAltNames: (known.subjectAltName ?? []).map(formatGeneralName),
    subjectKeyIdentifier: hex(known.subjectKeyIdentifier),
    authorityKeyIdentifier: hex(known.authorityKeyIdentifier),
  }
}

function formatGeneralName({ type, value }: GeneralName): string {
  return `${type}:${value}`
}

function hex(octets: Uint8Array | null): string | null {
  return octets === null ? null : Buffer.from(octets).toString('hex')
}
