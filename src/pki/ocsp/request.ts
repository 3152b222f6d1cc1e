import { evenHex } from '../../serial-hex.js'
import {
  contentOf,
  type Der,
  parseDer,
  rawDer,
  readInteger,
  readObjectIdentifier,
  sequenceMembers,
  taggedMembers,
} from '../der.js'
import { readExtensions } from '../extensions.js'
import { oidName } from '../oids.js'
import { MAX_SERIAL_OCTETS } from '../serial.js'

/** The hashes that a CertID may identify the issuer with. Others are read, and match no issuer. */
export const CERT_ID_HASHES = { 'SHA-1': 'sha1', 'SHA-256': 'sha256' } as const

/** One of {@link CERT_ID_HASHES}. */
export type CertIdHash = keyof typeof CERT_ID_HASHES

/** Which certificate is asked for (RFC 6960, 4.1.1). */
export interface CertId {
  /** The CertID as in the request, DER; the answer repeats it. */
  readonly raw: Uint8Array
  /** null: another hash. */
  readonly hash: CertIdHash | null
  readonly issuerNameHash: Uint8Array
  readonly issuerKeyHash: Uint8Array
  /** Lower-case hex, with an even number of digits; null: no positive number, which no certificate has. */
  readonly serial: string | null
}

/** An OCSPRequest (RFC 6960, 4.1.1). */
export interface OcspRequest {
  /** At least one. */
  readonly certIds: readonly CertId[]
  /** The nonce that the answer must have (RFC 9654); null: none. */
  readonly nonce: Uint8Array | null
}

/** Larger than any real request for {@link MAX_CERT_IDS} certificates. */
export const MAX_REQUEST_BYTES = 8 * 1024

/** Clients ask for one certificate, or for those of a chain. */
export const MAX_CERT_IDS = 32

/** RFC 9654, 2.1. */
const MAX_NONCE = 128

/** Twice as long as RFC 5280, 4.1.2.2 allows. */
const MAX_SERIAL = 2 * MAX_SERIAL_OCTETS

/**
 * Reads an OCSPRequest (DER), strictly. The signature of a signed request is not looked at (RFC 5019, 2.1.1): whoever asks gets
 * the same answer. Throws a plain Error when it is malformed, or has a critical extension.
 */
export function readOcspRequest(octets: Uint8Array): OcspRequest {
  if (octets.length > MAX_REQUEST_BYTES) throw new Error(`it is larger than ${MAX_REQUEST_BYTES} octets`)
  const [tbs, signature] = sequenceMembers(parseDer(octets), 1, 2)
  if (signature !== undefined) sequenceMembers(taggedMembers(signature, 0, 1)[0], 2, 3)
  const members = [...sequenceMembers(tbs, 1, 4)]
  const take = (number: number) => (members[0]?.tag === (0xa0 | number) ? members.shift() : undefined)
  // DER omits DEFAULT values, and there is no version but v1.
  if (take(0) !== undefined) throw new Error('its version is not 1')
  const requester = take(1)
  if (requester !== undefined) taggedMembers(requester, 1, 1)
  const list = members.shift()
  const extensions = take(2)
  if (members.length > 0) throw new Error('it has unexpected members')
  return {
    certIds: sequenceMembers(list, 1, MAX_CERT_IDS).map(readSingle),
    nonce: extensions === undefined ? null : readNonce(taggedMembers(extensions, 2, 1)[0]),
  }
}

/** A Request of the list. */
function readSingle(value: Der): CertId {
  const [certId, extensions] = sequenceMembers(value, 1, 2)
  if (extensions !== undefined) knownExtensions(taggedMembers(extensions, 0, 1)[0], [])
  return readCertId(certId)
}

function readCertId(value: Der | undefined): CertId {
  const [algorithm, name, key, serial] = sequenceMembers(value, 4)
  return {
    raw: rawDer(value),
    hash: readHash(algorithm),
    issuerNameHash: contentOf(name, 'octetString'),
    issuerKeyHash: contentOf(key, 'octetString'),
    serial: readSerial(serial),
  }
}

function readHash(value: Der | undefined): CertIdHash | null {
  const [algorithm, parameters] = sequenceMembers(value, 1, 2)
  // Absent, or NULL (RFC 5754, 2).
  if (parameters !== undefined && contentOf(parameters, 'null').length > 0) throw new Error('a NULL is malformed')
  const name = oidName(readObjectIdentifier(algorithm))
  return name === 'SHA-1' || name === 'SHA-256' ? name : null
}

function readSerial(value: Der | undefined): string | null {
  if (contentOf(value, 'integer').length > MAX_SERIAL) throw new Error('a serial number is too long')
  const serial = readInteger(value)
  return serial > 0n ? evenHex(serial) : null
}

/** The value of the nonce extension is an OCTET STRING (RFC 9654, 2.1). */
function readNonce(value: Der | undefined): Uint8Array | null {
  const nonce = knownExtensions(value, ['id-pkix-ocsp-nonce']).find(({ type }) => type === 'id-pkix-ocsp-nonce')
  if (nonce === undefined) return null
  const octets = contentOf(parseDer(nonce.value), 'octetString')
  if (octets.length === 0 || octets.length > MAX_NONCE) throw new Error('its nonce has an invalid length')
  return octets
}

/** Throws when another one is critical (RFC 6960, 4.4). */
function knownExtensions(value: Der | undefined, known: readonly string[]): ReturnType<typeof readExtensions> {
  const extensions = readExtensions(value)
  if (extensions.some(({ type, critical }) => critical && !known.includes(type)))
    throw new Error('it has an unknown critical extension')
  return extensions
}
