import { verify, type webcrypto } from 'node:crypto'
import { FpkiError } from '../errors.js'
import { parseDer, readInteger, sequenceMembers } from '../pki/der.js'
import { HASH_OF_CURVE, readPublicKey } from '../pki/public-key.js'
import type { CheckedOctets, Curve, Signer } from '../ports.js'
import { COORDINATE_SIZE } from './pkcs11/public-point.js'

/** What @peculiar/x509 signs with: the part of WebCrypto that it uses, and a key that stands for the signer's. */
export interface SigningCrypto {
  readonly crypto: webcrypto.Crypto
  readonly key: webcrypto.CryptoKey
  readonly algorithm: { readonly name: 'ECDSA'; readonly namedCurve: Curve; readonly hash: string }
}

/**
 * A signer as WebCrypto, for a library that lays out certificates, CRLs and requests. This is the only way from such a
 * library to a private key: the octets to be signed are checked first, and the signature is verified by OpenSSL before
 * anything is done with it.
 *
 * @param check throws when the octets are not what was meant; nothing is signed then
 * @param what names the new thing in the error ERR_SIGNATURE, for a signer whose answer is not a signature of its key
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

/** What lays out and checks as {@link signingCrypto} does, and signs nothing: zeros stand in the place of the signature. */
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
  // Everything that is missing would be a defect here: the library asks for these two only, and the tests show it.
  return { crypto: { subtle } as unknown as webcrypto.Crypto, key: key as webcrypto.CryptoKey, algorithm }
}

function isSignature({ spki, algorithm }: Signer, octets: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(algorithm.hash, octets, readPublicKey(spki).key, signature)
  } catch {
    return false
  }
}

/** r and s of an ECDSA-Sig-Value (RFC 5480, appendix A) side by side, as WebCrypto has them (IEEE P1363). */
function toP1363(signature: Uint8Array, size: number): ArrayBuffer {
  const numbers = sequenceMembers(parseDer(signature), 2).map((value) => readInteger(value).toString(16))
  const hex = numbers.map((digits) => digits.padStart(2 * size, '0')).join('')
  return new Uint8Array(Buffer.from(hex, 'hex')).buffer
}

function badSignature(what: string): FpkiError {
  return new FpkiError(
    'ERR_SIGNATURE',
    `OpenSSL does not accept ${what}: what the key returned is not its signature.`,
    'Nothing was written or sent. If the key is in a token, update its software; else take the key from a backup.',
  )
}
