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

/** The members of a TBSCertificate (RFC 5280, 4.1.2), read strictly. */
export interface TbsCertificate {
  readonly serialNumber: bigint
  /** How many octets the serial number's content takes. */
  readonly serialNumberOctets: number
  /** The name of the signature's algorithm, `ecdsa-with-SHA256`. */
  readonly signature: string
  /** Its AlgorithmIdentifier, DER. */
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

/** A certificate that has been read. */
export interface Certificate extends TbsCertificate {
  readonly der: Uint8Array
  readonly publicKey: PublicKey
  /** The same certificate as OpenSSL sees it; it verifies signatures. */
  readonly x509: X509Certificate
}

/** Far more than a certificate needs, and little enough to read at once. */
const MAX_CERTIFICATE_BYTES = 64 * 1024

/** Reads a DER certificate. `what` names it in errors. Throws ERR_BAD_CERTIFICATE. */
export function readCertificate(der: Uint8Array, what: string): Certificate {
  try {
    if (der.length > MAX_CERTIFICATE_BYTES) throw new Error(`it is larger than ${MAX_CERTIFICATE_BYTES} octets`)
    const [tbs, signatureAlgorithm, signature] = sequenceMembers(parseDer(der), 3)
    const certificate = readTbs(tbs)
    if (!sameOctets(rawDer(signatureAlgorithm), certificate.algorithm)) throw new Error('its two algorithms differ')
    readOctetBitString(signature)
    const x509 = new X509Certificate(der)
    return { ...certificate, der, x509, publicKey: readPublicKey(certificate.spki, x509.publicKey) }
  } catch (cause) {
    throw badCertificate(what, cause)
  }
}

/** The one certificate of a PEM text. Throws ERR_BAD_FILE or ERR_BAD_CERTIFICATE. */
export function readPemCertificate(pem: string, what: string): Certificate {
  return readCertificate(decodeOnePem('CERTIFICATE', pem, what), what)
}

/** All certificates of a PEM text, in its order. Throws ERR_BAD_FILE or ERR_BAD_CERTIFICATE. */
export function readPemCertificates(pem: string, what: string): readonly Certificate[] {
  return decodePem('CERTIFICATE', pem, what).map((der) => readCertificate(der, what))
}

/** A certificate of a list, as far as a list needs to know it. */
export type ListedCertificate = Pick<Certificate, 'serialNumber' | 'der'>

/** As {@link readPemCertificates}, but no more than tells one from another: a list may be long. */
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

/** Reads a DER TBSCertificate, before it has a signature. Throws a plain Error. */
export function readTbsCertificate(der: Uint8Array): TbsCertificate {
  return readTbs(parseDer(der))
}

/** Has `issuer` signed `certificate`, and does its name say so? Checked by OpenSSL. */
export function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  return certificate.x509.checkIssued(issuer.x509) && certificate.x509.verify(issuer.x509.publicKey)
}

function readTbs(value: Der | undefined): TbsCertificate {
  const [version, serial, signature, issuer, validity, subject, spki, wrapped] = sequenceMembers(value, 7, 8)
  if (readInteger(taggedMembers(version, 0, 1)[0]) !== 2n) throw new Error('it is not of X.509 version 3')
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

/** UTCTime through 2049, GeneralizedTime after it, both to the second and in Zulu (RFC 5280, 4.1.2.5). Throws a plain Error. */
export function readTime(value: Der | undefined): Date {
  const text = Buffer.from(value?.content ?? []).toString('latin1')
  const isUtcTime = value?.tag === TAG.utcTime
  const digits = isUtcTime ? `${centuryOf(text)}${text}` : text
  const known = isUtcTime || (value?.tag === TAG.generalizedTime && text >= '2050')
  if (!known || !/^\d{14}Z$/.test(digits)) throw new Error('a time is not as RFC 5280 has it')
  const time = new Date(digits.replace(/(....)(..)(..)(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6.000Z'))
  // Date takes 31 November for 1 December.
  if (Number.isNaN(time.getTime()) || time.toISOString().replace(/[-:T]|\.\d+/g, '') !== digits) {
    throw new Error('a time does not exist')
  }
  return time
}

function centuryOf(utcTime: string): '19' | '20' {
  return Number(utcTime.slice(0, 2)) >= 50 ? '19' : '20'
}

/** The name of the algorithm of an AlgorithmIdentifier; the parameters of those that fpki knows are absent or NULL. */
export function readAlgorithm(value: Der | undefined): string {
  const [algorithm, parameters] = sequenceMembers(value, 1, 2)
  const name = oidName(readObjectIdentifier(algorithm))
  if (name === 'RSASSA-PSS')
    throw new Error('it is signed with RSASSA-PSS, which is unsupported: sign it with PKCS #1 v1.5')
  if (parameters !== undefined && contentOf(parameters, 'null').length > 0) throw new Error('a NULL is broken')
  return name
}

function badCertificate(what: string, cause: unknown): FpkiError {
  if (cause instanceof FpkiError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new FpkiError(
    'ERR_BAD_CERTIFICATE',
    `${what} is not a certificate that holds: ${reason}.`,
    'Look at it with `openssl x509 -text`, and get it again from where it was made.',
    { cause },
  )
}
