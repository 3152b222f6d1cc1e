import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { FpkiError } from '../errors.js'
import { parseDer, readObjectIdentifier, TAG } from '../pki/der.js'
import { octetString } from '../pki/der-write.js'
import { oid } from '../pki/oids.js'
import { HASH_OF_CURVE, readPublicKey } from '../pki/public-key.js'
import type { Curve, Random, Signer } from '../ports.js'
import { badKey, privateKeyBlock } from './key-pem.js'

/** A new EC private key as PEM `EC PRIVATE KEY` (SEC 1), the form of contract.md 2. Secret. */
export function newPrivateKeyPem(random: Random, curve: Curve): string {
  return random.ecKeyPair(curve).privateKey.export({ format: 'pem', type: 'sec1' }).toString()
}

/**
 * The signer of a private key in PEM: SEC 1 or PKCS#8, encrypted or not. `what` names the file in errors, which never
 * hold a part of it. Throws ERR_BAD_KEY when the text is no EC key on a curve that fpki signs with, and ERR_PASSPHRASE
 * when it is encrypted and `passphrase` (secret) does not open it.
 */
export function pemSigner(pem: string, what: string, passphrase: string | null = null): Signer {
  const { key, publicKey, curve } = readPrivateKey(pem, what, passphrase)
  const hash = HASH_OF_CURVE[curve]
  return {
    publicKey,
    algorithm: { curve, hash },
    sign: async (data) => new Uint8Array(sign(hash, data, { key, dsaEncoding: 'der' })),
    close: async () => undefined,
  }
}

/**
 * A private key in PEM without its encryption: `pkcs8` as others take it, `sec1` as contract.md 2 has it. Secret. Arguments
 * and errors as those of {@link pemSigner}.
 */
export function clearKeyPem(pem: string, what: string, passphrase: string | null, type: 'pkcs8' | 'sec1'): string {
  return readPrivateKey(pem, what, passphrase).key.export({ format: 'pem', type }).toString()
}

/** What a private key is made of, for a token to take. */
export interface KeyMaterial {
  readonly curve: Curve
  /** The private scalar, big-endian, as long as the curve's order. Secret. */
  readonly scalar: Buffer
  /** The uncompressed point in a DER OCTET STRING. */
  readonly point: Buffer
}

/** The parts of a private key in PEM; arguments and errors as those of {@link pemSigner}. */
export function keyMaterial(pem: string, what: string, passphrase: string | null = null): KeyMaterial {
  const { key, curve } = readPrivateKey(pem, what, passphrase)
  const { d = '', x = '', y = '' } = key.export({ format: 'jwk' })
  const [scalar, ...coordinates] = [d, x, y].map((value) => Buffer.from(value, 'base64url'))
  if (scalar === undefined) throw badKey(what, 'does not hold a private key')
  return { curve, scalar, point: Buffer.from(octetString(Buffer.concat([Buffer.of(4), ...coordinates]))) }
}

function readPrivateKey(pem: string, what: string, passphrase: string | null) {
  const { text, isEncrypted, parameters } = privateKeyBlock(pem, what)
  const key = isEncrypted ? decrypted(text, what, passphrase) : parsed(text, what)
  const publicKey = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }))
  const curve = curveOf(publicKey, what)
  if (parameters !== null && curveNamedIn(parameters) !== oid(curve)) {
    throw badKey(what, `holds a key on ${curve}, and an EC PARAMETERS block that does not name that curve`)
  }
  return { key, publicKey, curve }
}

function parsed(text: string, what: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch {
    // OpenSSL's own error is left out: what it quotes is not ours to check.
    throw badKey(what, 'does not hold a private key')
  }
}

function decrypted(text: string, what: string, passphrase: string | null): KeyObject {
  const hint = 'Give its passphrase with --passphrase-file FILE (- is stdin) or FPKI_PASSPHRASE.'
  if (passphrase === null) throw new FpkiError('ERR_PASSPHRASE', `${what} is encrypted.`, hint)
  try {
    return createPrivateKey({ key: text, passphrase })
  } catch {
    // A wrong passphrase makes noise of the key, and what OpenSSL says of noise differs from time to time.
    const orBroken = 'If it is the right one, the file is broken, or its cipher is one that OpenSSL has given up.'
    throw new FpkiError('ERR_PASSPHRASE', `The passphrase does not open ${what}.`, `${hint} ${orBroken}`)
  }
}

function curveOf(publicKey: Uint8Array, what: string): Curve {
  const key = publicKeyOf(publicKey, what)
  if (key.kind === 'EC') return key.curve
  throw badKey(what, `cannot be used: its key is RSA ${key.bits}`)
}

function publicKeyOf(publicKey: Uint8Array, what: string) {
  try {
    return readPublicKey(publicKey)
  } catch (error) {
    throw badKey(what, `cannot be used: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The curve's identifier; null: explicit parameters, which can imitate a known curve, or none that hold. */
function curveNamedIn(parameters: Uint8Array): string | null {
  try {
    const value = parseDer(parameters)
    return value.tag === TAG.objectIdentifier ? readObjectIdentifier(value) : null
  } catch {
    return null
  }
}
