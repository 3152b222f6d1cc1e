import { createCipheriv, createPrivateKey, type KeyObject, pbkdf2Sync } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { der, explicit, integer, objectIdentifier, octetString, sequence } from '../../src/pki/der-write.js'
import { oid } from '../../src/pki/oids.js'
import { encodePem } from '../../src/pki/pem.js'
import type { Curve } from '../../src/ports.js'

/** The orders of the curves (SEC 2, 2.4.2, 2.5.1, 2.6.1). */
const ORDER: Readonly<Record<Curve, string>> = {
  'P-256': 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  'P-384': `${'f'.repeat(48)}c7634d81f4372ddf581a0db248b0a77aecec196accc52973`,
  'P-521': `01${'f'.repeat(64)}fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`,
}

/** The parts of an EC private key. */
export interface KeyParts {
  readonly curve: Curve
  readonly scalar: Buffer
  /** null: the optional public key is left out. */
  readonly point: Buffer | null
}

/** The parts of an EC private key in PEM. */
export function partsOf(pem: string): KeyParts {
  const key = createPrivateKey(pem)
  const { d, x, y } = key.export({ format: 'jwk' })
  const octets = (value: string | undefined) => Buffer.from(value ?? '', 'base64url')
  return { curve: curveOf(key), scalar: octets(d), point: Buffer.concat([Buffer.of(4), octets(x), octets(y)]) }
}

function curveOf(key: KeyObject): Curve {
  const names: Readonly<Record<string, Curve>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }
  return names[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 'P-256'
}

/** What becomes of a key: each of these is worthless. */
export const DAMAGES: Readonly<Record<string, (parts: KeyParts) => KeyParts>> = {
  'a flipped bit in the scalar': (parts) => ({ ...parts, scalar: flipped(parts.scalar, parts.scalar.length >> 1) }),
  'the scalar 0': (parts) => ({ ...parts, scalar: Buffer.alloc(parts.scalar.length) }),
  'the scalar 0 without a public key': (parts) => ({
    ...parts,
    scalar: Buffer.alloc(parts.scalar.length),
    point: null,
  }),
  'an empty scalar': (parts) => ({ ...parts, scalar: Buffer.alloc(0) }),
  'a scalar equal to the order': (parts) => ({ ...parts, scalar: order(parts) }),
  'a scalar equal to the order without a public key': (parts) => ({ ...parts, scalar: order(parts), point: null }),
  'the scalar plus the order': (parts) => ({ ...parts, scalar: plusOrder(parts) }),
  'a scalar of all ones': (parts) => ({ ...parts, scalar: Buffer.alloc(parts.scalar.length, 0xff) }),
  'a scalar of all ones without a public key': (parts) => {
    return { ...parts, scalar: Buffer.alloc(parts.scalar.length, 0xff), point: null }
  },
  'a scalar that is much too long': (parts) => ({ ...parts, scalar: Buffer.alloc(500, 1) }),
  'a scalar that is much too long without a public key': (parts) => {
    return { ...parts, scalar: Buffer.alloc(500, 1), point: null }
  },
  'the point at infinity': (parts) => ({ ...parts, point: Buffer.of(0) }),
  'a point off the curve': (parts) => ({ ...parts, point: flipped(parts.point ?? Buffer.of(), -1) }),
  'a point that is cut off': (parts) => ({ ...parts, point: (parts.point ?? Buffer.of()).subarray(0, -1) }),
}

/** Puts a damaged key in the place of the one in a file. */
export async function damageKey(path: string, damage: string): Promise<void> {
  const change = DAMAGES[damage]
  if (change === undefined) throw new Error(`there is no damage ${damage}`)
  await writeFile(path, sec1Pem(change(partsOf(await readFile(path, 'utf8')))))
}

/** An ECPrivateKey (RFC 5915) as PEM. */
export function sec1Pem(parts: KeyParts): string {
  return `-----BEGIN EC PRIVATE KEY-----\n${lines(ecPrivateKey(parts))}-----END EC PRIVATE KEY-----\n`
}

/** A PrivateKeyInfo (RFC 5958) as PEM. */
export function pkcs8Pem(parts: KeyParts): string {
  return encodePem('PRIVATE KEY', pkcs8(parts))
}

/** An EncryptedPrivateKeyInfo as PEM, with PBKDF2 at a cost for tests. */
export function encryptedPem(parts: KeyParts, passphrase: string, rounds = 1000): string {
  return encryptedPkcs8(pkcs8(parts), passphrase, rounds)
}

/** The same around any PrivateKeyInfo. */
export function encryptedPkcs8(content: Uint8Array, passphrase: string, rounds = 1000): string {
  const salt = Buffer.alloc(16, 7)
  const cipher = createCipheriv('aes-256-cbc', pbkdf2Sync(passphrase, salt, rounds, 32, 'sha256'), salt)
  const encrypted = Buffer.concat([cipher.update(content), cipher.final()])
  const prf = sequence(objectIdentifier(oid('hmacWithSHA256')), der(5))
  const count = integer(Buffer.from(rounds.toString(16).padStart(8, '0'), 'hex'))
  return pbes2Pem('PBKDF2', [octetString(salt), count, prf], encrypted)
}

/** An EncryptedPrivateKeyInfo as PEM, whose derivation has these parameters. */
export function pbes2Pem(
  derivation: 'PBKDF2' | 'scrypt',
  parameters: readonly Uint8Array[],
  encrypted: Uint8Array = Buffer.alloc(128, 9),
): string {
  const kdf = sequence(objectIdentifier(oid(derivation)), sequence(...parameters))
  const cipher = sequence(objectIdentifier(oid('aes256-CBC')), octetString(Buffer.alloc(16, 7)))
  const algorithm = sequence(objectIdentifier(oid('PBES2')), sequence(kdf, cipher))
  return encodePem('ENCRYPTED PRIVATE KEY', sequence(algorithm, octetString(encrypted)))
}

function pkcs8(parts: KeyParts): Uint8Array {
  const algorithm = sequence(objectIdentifier(oid('id-ecPublicKey')), objectIdentifier(oid(parts.curve)))
  return sequence(der(2, Buffer.of(0)), algorithm, octetString(ecPrivateKey(parts)))
}

function ecPrivateKey({ curve, scalar, point }: KeyParts): Uint8Array {
  const bits = point === null ? [] : [explicit(1, der(3, Buffer.concat([Buffer.of(0), point])))]
  return sequence(der(2, Buffer.of(1)), octetString(scalar), explicit(0, objectIdentifier(oid(curve))), ...bits)
}

function order({ curve }: KeyParts): Buffer {
  return Buffer.from(ORDER[curve], 'hex')
}

function plusOrder(parts: KeyParts): Buffer {
  const sum = BigInt(`0x${parts.scalar.toString('hex')}`) + BigInt(`0x${ORDER[parts.curve]}`)
  const hex = sum.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

function flipped(octets: Buffer, at: number): Buffer {
  const copy = Buffer.from(octets)
  const index = at < 0 ? copy.length + at : at
  copy[index] = (copy[index] ?? 0) ^ 1
  return copy
}

function lines(octets: Uint8Array): string {
  return Buffer.from(octets)
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n')
}
