import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { FpkiError } from '../errors.js'
import { octetString } from '../pki/der-write.js'
import { HASH_OF_CURVE, readPublicKey } from '../pki/public-key.js'
import type { Curve, Random, Signer } from '../ports.js'

/** A new EC private key as PEM `EC PRIVATE KEY` (SEC 1), the form of contract.md 2. Secret. */
export function newPrivateKeyPem(random: Random, curve: Curve): string {
  return random.ecKeyPair(curve).privateKey.export({ format: 'pem', type: 'sec1' }).toString()
}

/**
 * The signer of a private key in PEM. `what` names the file in errors, which never hold a part of it. Throws
 * ERR_BAD_KEY when the text is no EC key on a curve that fpki signs with.
 */
export function pemSigner(pem: string, what: string): Signer {
  const key = readPrivateKey(pem, what)
  const publicKey = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }))
  const curve = curveOf(publicKey, what)
  const hash = HASH_OF_CURVE[curve]
  return {
    publicKey,
    algorithm: { curve, hash },
    sign: async (data) => new Uint8Array(sign(hash, data, { key, dsaEncoding: 'der' })),
    close: async () => undefined,
  }
}

/** What a private key is made of, for a token to take. */
export interface KeyMaterial {
  readonly curve: Curve
  /** The private scalar, big-endian, as long as the curve's order. Secret. */
  readonly scalar: Buffer
  /** The uncompressed point in a DER OCTET STRING. */
  readonly point: Buffer
}

/** The parts of a private key in PEM. `what` names the file in errors. Throws ERR_BAD_KEY. */
export function keyMaterial(pem: string, what: string): KeyMaterial {
  const { curve } = pemSigner(pem, what).algorithm
  const { d = '', x = '', y = '' } = readPrivateKey(pem, what).export({ format: 'jwk' })
  const [scalar, ...coordinates] = [d, x, y].map((value) => Buffer.from(value, 'base64url'))
  if (scalar === undefined) throw badKey(what, 'does not hold a private key')
  return { curve, scalar, point: Buffer.from(octetString(Buffer.concat([Buffer.of(4), ...coordinates]))) }
}

function readPrivateKey(pem: string, what: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    // OpenSSL's own error is left out: what it quotes is not ours to check.
    throw badKey(what, 'does not hold a private key')
  }
}

function curveOf(publicKey: Uint8Array, what: string): Curve {
  try {
    const key = readPublicKey(publicKey)
    if (key.kind === 'EC') return key.curve
  } catch {
    // Another kind or curve; the message below says what fits.
  }
  throw badKey(what, 'holds a key that is not EC P-256, P-384 or P-521')
}

function badKey(what: string, reason: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_KEY',
    `${what} ${reason}.`,
    'It must be an EC private key in PEM; take it from a backup.',
  )
}
