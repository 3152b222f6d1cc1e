import { X509Certificate } from 'node:crypto'
import { FpkiError } from '../errors.js'
import {
  contentOf,
  type Der,
  parseDer,
  rawDer,
  readInteger,
  readObjectIdentifier,
  readOctetBitString,
  sequenceMembers,
  TAG,
  taggedMembers,
} from './der.js'
import { type Extension, type ParsedExtensions, parseExtensions, readExtensions } from './extensions.js'
import { type Name, readName } from './name.js'
import { sameOctets } from './octets.js'
import { oidName } from './oids.js'
import { decodeOnePem, decodePem } from './pem.js'
import { type PublicKey, readPublicKey } from './public-key.js'

/** A strictly parsed TBSCertificate (RFC 5280, 4.1.2). */
export interface TbsCertificate {
  readonly serialNumber: bigint
  /** The length of the encoded serial number. */
  readonly serialNumberOctets: number
  /** The signature algorithm, such as `ecdsa-with-SHA256`. */
  readonly signature: string
  /** The AlgorithmIdentifier of the signature, DER. */
  readonly algorithm: Uint8Array
  readonly issuer: Name
  readonly notBefore: Date
  readonly notAfter: Date
  readonly subject: Name
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  readonly extensions: readonly Extension[]
  readonly parsedExtensions: ParsedExtensions
}

/** A parsed certificate. */
export interface Certificate extends TbsCertificate {
  readonly der: Uint8Array
  readonly publicKey: PublicKey
  /** The same certificate, parsed by OpenSSL. */
  readonly x509: X509Certificate
}

/** Far larger than any real certificate. */
const MAX_CERTIFICATE_BYTES = 64 * 1024

/**
 * Parses a DER certificate. `what` names it in errors. Throws ERR_BAD_CERTIFICATE.
 *
 * @param openssl the same certificate, when OpenSSL has parsed it already: this is half of the work
 */
export function readCertificate(der: Uint8Array, what: string, openssl?: X509Certificate): Certificate {
  try {
    if (der.length > MAX_CERTIFICATE_BYTES) throw new Error(`it is larger than ${MAX_CERTIFICATE_BYTES} octets`)
    const [tbs, signatureAlgorithm, signature] = sequenceMembers(parseDer(der), 3)
    const certificate = readTbs(tbs)
    if (!sameOctets(rawDer(signatureAlgorithm), certificate.algorithm))
      throw new Error('its inner and outer signature algorithms differ')
    readOctetBitString(signature)
    const x509 = openssl ?? new X509Certificate(der)
    return { ...certificate, der, x509, publicKey: readPublicKey(certificate.spki, x509.publicKey) }
  } catch (cause) {
    throw badCertificate(what, cause)
  }
}

/** Parses a PEM text with exactly one certificate. Throws ERR_BAD_FILE or ERR_BAD_CERTIFICATE. */
export function readPemCertificate(pem: string, what: string): Certificate {
  return readCertificate(decodeOnePem('CERTIFICATE', pem, what), what)
}

/** Parses all certificates of a PEM text, in order. Throws ERR_BAD_FILE or ERR_BAD_CERTIFICATE. */
export function readPemCertificates(pem: string, what: string): readonly Certificate[] {
  return decodePem('CERTIFICATE', pem, what).map((der) => readCertificate(der, what))
}

/** The fields that identify a certificate in a list. */
type ListedCertificate = Pick<Certificate, 'serialNumber' | 'der'>

/** Like {@link readPemCertificates}, but parses only what identifies each one: lists may be long. */
export function readPemList(pem: string, what: string): readonly ListedCertificate[] {
  return decodePem('CERTIFICATE', pem, what).map((der) => {
    try {
      const [tbs] = sequenceMembers(parseDer(der), 3)
      const [, serialNumber] = sequenceMembers(tbs, 7, 8)
      return { serialNumber: readInteger(serialNumber), der }
    } catch (cause) {
      throw badCertificate(what, cause)
    }
  })
}

/** Parses a TBSCertificate (DER) that is not signed yet. Throws a plain Error. */
export function readTbsCertificate(der: Uint8Array): TbsCertificate {
  return readTbs(parseDer(der))
}

/** Whether `issuer` issued and signed `certificate`, according to OpenSSL. */
export function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  return certificate.x509.checkIssued(issuer.x509) && certificate.x509.verify(issuer.x509.publicKey)
}

function readTbs(value: Der | undefined): TbsCertificate {
  const [version, serial, signature, issuer, validity, subject, spki, wrapped] = sequenceMembers(value, 7, 8)
  if (readInteger(taggedMembers(version, 0, 1)[0]) !== 2n) throw new Error('it is not an X.509 version 3 certificate')
  const [notBefore, notAfter] = sequenceMembers(validity, 2)
  const extensions = wrapped === undefined ? [] : readExtensions(taggedMembers(wrapped, 3, 1)[0])
  return {
    serialNumber: readInteger(serial),
    serialNumberOctets: serial?.content.length ?? 0,
    signature: readAlgorithm(signature),
    algorithm: rawDer(signature),
    issuer: readName(issuer),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    subject: readName(subject),
    spki: rawDer(spki),
    extensions,
    parsedExtensions: parseExtensions(extensions),
  }
}

/** UTCTime through 2049, GeneralizedTime later, both with seconds and in UTC (RFC 5280, 4.1.2.5). Throws a plain Error. */
export function readTime(value: Der | undefined): Date {
  const text = Buffer.from(value?.content ?? []).toString('latin1')
  const isUtcTime = value?.tag === TAG.utcTime
  const digits = isUtcTime ? `${centuryOf(text)}${text}` : text
  const isRightType = isUtcTime || (value?.tag === TAG.generalizedTime && text >= '2050')
  if (!isRightType || !/^\d{14}Z$/.test(digits)) throw new Error('a time is not encoded as RFC 5280 requires')
  const time = new Date(digits.replace(/(....)(..)(..)(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6.000Z'))
  // Date would accept 31 November as 1 December.
  if (Number.isNaN(time.getTime()) || time.toISOString().replace(/[-:T]|\.\d+/g, '') !== digits) {
    throw new Error('a time is not a valid date')
  }
  return time
}

function centuryOf(utcTime: string): '19' | '20' {
  return Number(utcTime.slice(0, 2)) >= 50 ? '19' : '20'
}

/** The algorithm of an AlgorithmIdentifier, whose parameters must be absent or NULL. */
export function readAlgorithm(value: Der | undefined): string {
  const [algorithm, parameters] = sequenceMembers(value, 1, 2)
  const name = oidName(readObjectIdentifier(algorithm))
  if (name === 'RSASSA-PSS') throw new Error('it is signed with RSASSA-PSS, which is not supported; use PKCS #1 v1.5')
  if (parameters !== undefined && contentOf(parameters, 'null').length > 0) throw new Error('a NULL is malformed')
  return name
}

function badCertificate(what: string, cause: unknown): FpkiError {
  if (cause instanceof FpkiError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new FpkiError(
    'ERR_BAD_CERTIFICATE',
    `${what} is not a valid certificate: ${reason}.`,
    'Inspect it with `openssl x509 -text`, and get a new copy from its issuer.',
    { cause },
  )
}
