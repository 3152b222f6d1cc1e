import { createPublicKey, ECDH, hash, type JsonWebKeyInput, type KeyObject, type PublicKeyInput } from 'node:crypto'
import type { Curve, Hash } from '../ports.js'
import { parseDer, rawDer, readObjectIdentifier, readOctetBitString, sequenceMembers, TAG } from './der.js'
import { bitString, objectIdentifier, sequence } from './der-write.js'
import { sameOctets } from './octets.js'
import { oid } from './oids.js'

/** A public key of a supported type. */
export type PublicKey =
  | { readonly kind: 'EC'; readonly curve: Curve; readonly spki: Uint8Array; readonly key: KeyObject }
  | {
      readonly kind: 'RSA'
      readonly bits: number
      readonly exponent: bigint
      readonly spki: Uint8Array
      readonly key: KeyObject
    }

/** The hash that goes with a curve. */
export const HASH_OF_CURVE: Readonly<Record<Curve, Hash>> = { 'P-256': 'sha256', 'P-384': 'sha384', 'P-521': 'sha512' }

/** Node's names for the curves. */
export const NODE_CURVE: Readonly<Record<Curve, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
}

const CURVES: readonly Curve[] = ['P-256', 'P-384', 'P-521']

/**
 * Parses a SubjectPublicKeyInfo: EC on a named curve of {@link Curve}, or RSA. Pass `key` when OpenSSL has already parsed
 * it. Throws a plain Error for other types, explicit curve parameters, and points that are not on the curve.
 */
export function readPublicKey(spki: Uint8Array, known?: KeyObject): PublicKey {
  if (isP256Spki(spki)) return { kind: 'EC', curve: 'P-256', spki, key: known ?? p256Key(spki) }
  const key = known ?? createKey(spki)
  if (key.asymmetricKeyType === 'rsa') {
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
    return { kind: 'RSA', bits: modulusLength, exponent: publicExponent, spki, key }
  }
  if (key.asymmetricKeyType === 'ec') return { kind: 'EC', curve: namedCurve(spki), spki, key }
  throw new Error(`its key type is not supported: ${key.asymmetricKeyType}`)
}

/** The SubjectPublicKeyInfo of a key on P-256 up to the coordinates of its uncompressed point (RFC 5480, 2). */
const P256_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex')
const P256_COORDINATE = 32

/** Whether `spki` has the only encoding of an uncompressed point on P-256. The point itself may be off the curve. */
export function isP256Spki(spki: Uint8Array): boolean {
  return (
    spki.length === P256_PREFIX.length + 2 * P256_COORDINATE && P256_PREFIX.equals(spki.subarray(0, P256_PREFIX.length))
  )
}

/** Imports a key on P-256 from its coordinates, which takes OpenSSL half as long as decoding the DER. */
function p256Key(spki: Uint8Array): KeyObject {
  const octets = Buffer.from(spki.buffer, spki.byteOffset, spki.length)
  const middle = P256_PREFIX.length + P256_COORDINATE
  const [x, y] = [octets.toString('base64url', P256_PREFIX.length, middle), octets.toString('base64url', middle)]
  return importKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' })
}

/** Why an RSA key is too weak; null for strong keys and for EC keys. */
export function rsaWeakness(key: PublicKey): string | null {
  if (key.kind === 'EC') return null
  if (key.bits < 2048) return `its RSA key is too weak: ${key.bits} bits (the minimum is 2048)`
  // FIPS 186-5, A.1.1; with exponent 1, a signature is the message itself.
  if (key.exponent < 65_537n || key.exponent % 2n === 0n)
    return `its RSA key has an unsafe public exponent: ${key.exponent}`
  return null
}

/** Formats the key type: `EC P-256`, `RSA 2048`. */
export function formatKeyType(key: PublicKey): string {
  return key.kind === 'EC' ? `EC ${key.curve}` : `RSA ${key.bits}`
}

/**
 * The key identifier: SHA-1 of the subjectPublicKey (RFC 5280, 4.2.1.2, method 1). Tools that issue device certificates
 * compute the issuer's identifier this way, so any other method would break their chains.
 */
export function keyIdentifier(spki: Uint8Array): Uint8Array {
  const [, subjectPublicKey] = sequenceMembers(parseDer(spki), 2)
  return hash('sha1', readOctetBitString(subjectPublicKey), 'buffer')
}

/** Whether the point of this EC key (SubjectPublicKeyInfo, DER) is not in uncompressed form (SEC 1, 2.3.3). */
export function isCompressed(spki: Uint8Array): boolean {
  const [, subjectPublicKey] = sequenceMembers(parseDer(spki), 2)
  return readOctetBitString(subjectPublicKey)[0] !== 0x04
}

/**
 * A SubjectPublicKeyInfo (DER) with its point uncompressed (SEC 1, 2.3.3), the only form that all software supports; other
 * keys unchanged. Throws a plain Error when the point is not on its curve, or the curve is not supported.
 */
export function uncompressedSpki(spki: Uint8Array): Uint8Array {
  const [algorithm, subjectPublicKey] = sequenceMembers(parseDer(spki), 2)
  const isEc = readObjectIdentifier(sequenceMembers(algorithm, 1, 2)[0]) === oid('id-ecPublicKey')
  if (!isEc || !isCompressed(spki)) return spki
  const curve = NODE_CURVE[namedCurve(spki)]
  const point = ECDH.convertKey(readOctetBitString(subjectPublicKey), curve, undefined, undefined, 'uncompressed')
  return sequence(rawDer(algorithm), bitString(Buffer.from(point)))
}

/** The SubjectPublicKeyInfo (DER) of a point on a curve, in the form in which the point is given (RFC 5480, 2). */
export function ecSpki(curve: Curve, point: Uint8Array): Uint8Array {
  return sequence(sequence(objectIdentifier(oid('id-ecPublicKey')), objectIdentifier(oid(curve))), bitString(point))
}

/** Whether two SubjectPublicKeyInfos (DER) contain the same key, in any point form. Throws like {@link uncompressedSpki}. */
export function sameSpki(a: Uint8Array, b: Uint8Array): boolean {
  return sameOctets(uncompressedSpki(a), uncompressedSpki(b))
}

/** Whether two keys are the same, however they are encoded. */
export function sameKey(a: PublicKey, b: PublicKey): boolean {
  // Comparing RSA with EC leaves an error in OpenSSL's queue, which Node then reports for the next key it parses.
  return a.kind === b.kind && a.key.equals(b.key)
}

function createKey(spki: Uint8Array): KeyObject {
  return importKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
}

function importKey(input: PublicKeyInput | JsonWebKeyInput): KeyObject {
  try {
    return createPublicKey(input)
  } catch (cause) {
    throw new Error('its key is invalid (an unknown type, or a point that is not on its curve)', { cause })
  }
}

/** Requires a named curve: explicit parameters can imitate a standard curve with a different generator. */
function namedCurve(spki: Uint8Array): Curve {
  const [algorithm] = sequenceMembers(parseDer(spki), 2)
  const [, parameters] = sequenceMembers(algorithm, 1, 2)
  if (parameters?.tag !== TAG.objectIdentifier) throw new Error('its EC key does not use a named curve')
  const identifier = readObjectIdentifier(parameters)
  const curve = CURVES.find((candidate) => oid(candidate) === identifier)
  if (curve === undefined) throw new Error(`its EC key is on an unsupported curve (${identifier})`)
  return curve
}
