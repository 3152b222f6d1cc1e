import * as z from 'zod/mini'
import { serialToHex } from '../serial-hex.js'
import { formatGeneralName, type ParsedExtensions } from './extensions.js'
import { formatName } from './name.js'
import { encodePem } from './pem.js'
import { formatKeyType } from './public-key.js'
import { type Certificate, isIssuedBy } from './read-certificate.js'
import { daysLeft } from './validity.js'

/**
 * A certificate for people, JSON and reports (docs/profile.md#output): times are RFC 3339 in UTC, serials decimal, identifiers
 * and fingerprints lower-case hex.
 */
export const certificateFacts = z.strictObject({
  /** In the order of the encoding: `CN=Factory-CA, OU=acme`. */
  subject: z.string(),
  issuer: z.string(),
  /** The ASN.1 string types of the subject's attributes, in order. */
  subjectEncodings: z.array(z.string()),
  serial: z.string(),
  /** Colon-separated upper-case hex, as OpenSSL prints it. */
  serialHex: z.string(),
  notBefore: z.string(),
  notAfter: z.string(),
  /** Whole days; negative when it has expired. */
  daysLeft: z.int(),
  /** `EC P-256`, `RSA 2048`. */
  keyType: z.string(),
  signatureAlgorithm: z.string(),
  ca: z.boolean(),
  pathLenConstraint: z.nullable(z.int()),
  keyUsage: z.array(z.string()),
  extKeyUsage: z.array(z.string()),
  /** `DNS:gateway.example`, `IP:192.0.2.1`. */
  subjectAltNames: z.array(z.string()),
  subjectKeyIdentifier: z.nullable(z.string()),
  authorityKeyIdentifier: z.nullable(z.string()),
  /** SHA-256 of the DER. */
  fingerprint: z.string(),
  /** Whether the signature verifies with the root's key. */
  signedByRoot: z.boolean(),
  pem: z.string(),
})

/** See {@link certificateFacts}. */
export type CertificateFacts = z.infer<typeof certificateFacts>

/** The role of a certificate in the hierarchy. */
export const certificateRole = z.enum(['root', 'cross', 'tls', 'est-tls', 'online-ca', 'local-ca'])

/** See {@link certificateRole}. */
export type CertificateRole = z.infer<typeof certificateRole>

/** Describes `certificate` at the time `now`, relative to `root`. */
export function describeCertificate(certificate: Certificate, root: Certificate, now: Date): CertificateFacts {
  const { subject, issuer, serialNumber, notBefore, notAfter, parsedExtensions } = certificate
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
    ...describeExtensions(parsedExtensions),
    fingerprint: certificate.x509.fingerprint256.replaceAll(':', '').toLowerCase(),
    signedByRoot: isIssuedBy(certificate, root),
    pem: encodePem('CERTIFICATE', certificate.der),
  }
}

/** Formats a time as RFC 3339, without fractions of a second. */
export function rfc3339(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z')
}

function describeExtensions(parsedExtensions: ParsedExtensions) {
  return {
    ca: parsedExtensions.basicConstraints?.ca ?? false,
    pathLenConstraint: parsedExtensions.basicConstraints?.pathLenConstraint ?? null,
    keyUsage: [...(parsedExtensions.keyUsage ?? [])],
    extKeyUsage: [...(parsedExtensions.extKeyUsage ?? [])],
    subjectAltNames: (parsedExtensions.subjectAltName ?? []).map(formatGeneralName),
    subjectKeyIdentifier: hex(parsedExtensions.subjectKeyIdentifier),
    authorityKeyIdentifier: hex(parsedExtensions.authorityKeyIdentifier),
  }
}

function hex(octets: Uint8Array | null): string | null {
  return octets === null ? null : Buffer.from(octets).toString('hex')
}
