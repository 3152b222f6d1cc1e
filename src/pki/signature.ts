import { verify } from 'node:crypto'
import type { Curve } from '../ports.js'
import type { OidName } from './oids.js'
import type { PublicKey } from './public-key.js'

/** The signature algorithm of each curve (RFC 5758, 3.2). */
export const ECDSA_OF_CURVE: Readonly<Record<Curve, OidName>> = {
  'P-256': 'ecdsa-with-SHA256',
  'P-384': 'ecdsa-with-SHA384',
  'P-521': 'ecdsa-with-SHA512',
}

/** The hashes of the supported signature algorithms. */
const HASHES: Readonly<Record<string, string>> = {
  'ecdsa-with-SHA256': 'sha256',
  'ecdsa-with-SHA384': 'sha384',
  'ecdsa-with-SHA512': 'sha512',
  sha256WithRSAEncryption: 'sha256',
  sha384WithRSAEncryption: 'sha384',
  sha512WithRSAEncryption: 'sha512',
}

/** A signed structure: the signed DER, the name of the algorithm, and the signature. */
export interface Signed {
  readonly tbs: Uint8Array
  readonly algorithm: string
  readonly signature: Uint8Array
}

/**
 * Whether the signature verifies with `publicKey`, according to OpenSSL. Throws a plain Error when the algorithm is not
 * supported, or does not match the key type.
 */
export function isSignedBy({ tbs, algorithm, signature }: Signed, publicKey: PublicKey): boolean {
  const hash = HASHES[algorithm]
  const isEcdsa = algorithm.startsWith('ecdsa')
  if (hash === undefined || isEcdsa !== (publicKey.kind === 'EC')) {
    throw new Error(`its signature algorithm is not supported: ${algorithm}`)
  }
  return verify(hash, tbs, publicKey.key, signature)
}
