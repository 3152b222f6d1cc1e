import { verify, type webcrypto } from 'node:crypto'
import { FpkiError } from '../errors.js'
import { parseDer, readInteger, sequenceMembers } from '../pki/der.js'
import { HASH_OF_CURVE, readPublicKey } from '../pki/public-key.js'
import type { CheckedOctets, Curve, Signer } from '../ports.js'
import { COORDINATE_SIZE } from './pkcs11/public-point.js'

/** The part of WebCrypto that @peculiar/x509 uses, and a key that represents the signer's. */
export interface SigningCrypto {
  readonly crypto: webcrypto.Crypto
  readonly key: webcrypto.CryptoKey
  readonly algorithm: { readonly name: 'ECDSA'; readonly namedCurve: Curve; readonly hash: string }
}

/**
 * A signer as WebCrypto, for the library that encodes certificates, CRLs and requests. The library has no other access to a
 * private key: the octets are checked before signing, and OpenSSL verifies the signature afterwards.
 *
 * @param check throws when the octets must not be signed
 * @param what names the new object in ERR_SIGNATURE, when the signer returns an invalid signature
 */
export function signingCrypto(
  signer: Signer,
  check: (octets: Uint8Array) => CheckedOctets,
  what: string,
): SigningCrypto {
  const { curve } = signer.algorithm
  const sign = async (octets: Uint8Array) => {
    const checked = check(octets)
    const signature = await signer.sign(checked)
    if (!isSignature(signer, checked, signature)) throw badSignature(what)
    return toP1363(signature, COORDINATE_SIZE[curve])
  }
  return cryptoOf(curve, sign, signer.spki)
}

/** Like {@link signingCrypto}, but only checks: the signature is all zeros. */
export function checkingCrypto(curve: Curve, check: (octets: Uint8Array) => CheckedOctets): SigningCrypto {
  const sign = async (octets: Uint8Array) => {
    check(octets)
    return new ArrayBuffer(2 * COORDINATE_SIZE[curve])
  }
  return cryptoOf(curve, sign, new Uint8Array())
}

function cryptoOf(curve: Curve, sign: (octets: Uint8Array) => Promise<ArrayBuffer>, spki: Uint8Array): SigningCrypto {
  const hash = HASH_OF_CURVE[curve].replace('sha', 'SHA-')
  const algorithm = { name: 'ECDSA', namedCurve: curve, hash } as const
  const key = { type: 'private', algorithm, extractable: false, usages: ['sign'] }
  const subtle = {
    sign: (_algorithm: unknown, _key: unknown, octets: ArrayBuffer) => sign(new Uint8Array(octets)),
    exportKey: async () => spki,
  }
  // The library calls only these two functions.
  return { crypto: { subtle } as unknown as webcrypto.Crypto, key: key as webcrypto.CryptoKey, algorithm }
}

function isSignature({ spki, algorithm }: Signer, octets: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(algorithm.hash, octets, readPublicKey(spki).key, signature)
  } catch {
    return false
  }
}

/** Converts an ECDSA-Sig-Value (RFC 5480, appendix A) to r and s, concatenated, for WebCrypto (IEEE P1363). */
function toP1363(signature: Uint8Array, size: number): ArrayBuffer {
  const numbers = sequenceMembers(parseDer(signature), 2).map((value) => readInteger(value).toString(16))
  const hex = numbers.map((digits) => digits.padStart(2 * size, '0')).join('')
  return new Uint8Array(Buffer.from(hex, 'hex')).buffer
}

function badSignature(what: string): FpkiError {
  return new FpkiError(
    'ERR_SIGNATURE',
    `Refusing ${what}: the signature that the key returned does not verify.`,
    'Nothing was written or sent. If the key is in a token, update its software; otherwise restore the key from a backup.',
  )
}
