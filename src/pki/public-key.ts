import { createHash, createPublicKey, ECDH, type KeyObject } from 'node:crypto'
import type { Curve, Hash } from '../ports.js'
import { parseDer, rawDer, readObjectIdentifier, readOctetBitString, sequenceMembers, TAG } from './der.js'
import { bitString, sequence } from './der-write.js'
import { sameOctets } from './octets.js'
import { oid } from './oids.js'

/** A public key of a kind that fpki signs or verifies with. */
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

/** Node's names of the curves. */
export const NODE_CURVE: Readonly<Record<Curve, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
}

const CURVES: readonly Curve[] = ['P-256', 'P-384', 'P-521']

/**
 * Reads a SubjectPublicKeyInfo: EC on a named curve of {@link Curve}, or RSA. `key` is the same when OpenSSL has read it
 * already. Throws a plain Error that says what is wrong with it: another kind, explicit curve parameters, a point that
 * is not on the curve.
 */
export function readPublicKey(spki: Uint8Array, key: KeyObject = createKey(spki)): PublicKey {
  if (key.asymmetricKeyType === 'rsa') {
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
    return { kind: 'RSA', bits: modulusLength, exponent: publicExponent, spki, key }
  }
  if (key.asymmetricKeyType === 'ec') return { kind: 'EC', curve: namedCurve(spki), spki, key }
  throw new Error(`its key is of an unsupported kind, ${key.asymmetricKeyType}`)
}

/** Why an RSA key is not to be used; null: it is strong, or of another kind. */
export function rsaWeakness(key: PublicKey): string | null {
  if (key.kind === 'EC') return null
  if (key.bits < 2048) return `its RSA key has ${key.bits} bits; 2048 is the least`
  // FIPS 186-5, A.1.1; with 1 a signature is the message itself.
  if (key.exponent < 65_537n || key.exponent % 2n === 0n) return `its RSA key has the public exponent ${key.exponent}`
  return null
}

/** What people call the key: `EC P-256`, `RSA 2048`. */
export function formatKeyType(key: PublicKey): string {
  return key.kind === 'EC' ? `EC ${key.curve}` : `RSA ${key.bits}`
}

/**
 * The key identifier: the SHA-1 of the subjectPublicKey's octets (RFC 5280, 4.2.1.2, method 1). Tools that issue device
 * certificates compute the issuer's identifier this way, so a CA with any other one breaks their chains.
 */
export function keyIdentifier(spki: Uint8Array): Uint8Array {
  const [, subjectPublicKey] = sequenceMembers(parseDer(spki), 2)
  return createHash('sha1').update(readOctetBitString(subjectPublicKey)).digest()
}

/** Is the point of this EC key (SubjectPublicKeyInfo, DER) in another form than the uncompressed one (SEC 1, 2.3.3)? */
export function isCompressed(spki: Uint8Array): boolean {
  const [, subjectPublicKey] = sequenceMembers(parseDer(spki), 2)
  return readOctetBitString(subjectPublicKey)[0] !== 0x04
}

/**
 * A SubjectPublicKeyInfo (DER) with its point uncompressed (SEC 1, 2.3.3), the one form that everybody reads; any other key
 * as it is. Throws a plain Error when the point is not on its curve, or the curve is unsupported.
 */
export function uncompressedSpki(spki: Uint8Array): Uint8Array {
  const [algorithm, subjectPublicKey] = sequenceMembers(parseDer(spki), 2)
  const isEc = readObjectIdentifier(sequenceMembers(algorithm, 1, 2)[0]) === oid('id-ecPublicKey')
  if (!isEc || !isCompressed(spki)) return spki
  const curve = NODE_CURVE[namedCurve(spki)]
  const point = ECDH.convertKey(readOctetBitString(subjectPublicKey), curve, undefined, undefined, 'uncompressed')
  return sequence(rawDer(algorithm), bitString(Buffer.from(point)))
}

/** Are they the same key (SubjectPublicKeyInfo, DER), in whichever form each has its point? Throws as the above does. */
export function sameSpki(a: Uint8Array, b: Uint8Array): boolean {
  return sameOctets(uncompressedSpki(a), uncompressedSpki(b))
}

/** Are they the same key, whichever way each is encoded? */
export function sameKey(a: PublicKey, b: PublicKey): boolean {
  // Asked of an RSA and an EC key, OpenSSL leaves an error behind that Node takes for one of the next key it reads.
  return a.kind === b.kind && a.key.equals(b.key)
}

function createKey(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch (cause) {
    throw new Error('its key does not hold (unknown kind, or a point that is not on its curve)', { cause })
  }
}

/** The curve must be named in the key itself: explicit parameters can imitate a known curve with another generator. */
function namedCurve(spki: Uint8Array): Curve {
  const [algorithm] = sequenceMembers(parseDer(spki), 2)
  const [, parameters] = sequenceMembers(algorithm, 1, 2)
  if (parameters?.tag !== TAG.objectIdentifier) throw new Error('its EC key does not name a curve')
  const identifier = readObjectIdentifier(parameters)
  const curve = CURVES.find((candidate) => oid(candidate) === identifier)
  if (curve === undefined) throw new Error(`its EC key is on an unsupported curve, ${identifier}`)
  return curve
}
