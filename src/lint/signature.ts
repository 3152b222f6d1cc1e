import { type KeyObject, verify } from 'node:crypto'
import type { Signed } from '../pki/signature.js'

/** The hash of each supported algorithm; null for a built-in one. */
const HASHES: Readonly<Record<string, string | null>> = {
  'ecdsa-with-SHA1': 'sha1',
  'ecdsa-with-SHA224': 'sha224',
  'ecdsa-with-SHA256': 'sha256',
  'ecdsa-with-SHA384': 'sha384',
  'ecdsa-with-SHA512': 'sha512',
  md5WithRSAEncryption: 'md5',
  sha1WithRSAEncryption: 'sha1',
  sha224WithRSAEncryption: 'sha224',
  sha256WithRSAEncryption: 'sha256',
  sha384WithRSAEncryption: 'sha384',
  sha512WithRSAEncryption: 'sha512',
  Ed25519: null,
  Ed448: null,
}

/** The hash of a signature algorithm; undefined when not supported. */
export function hashOf(algorithm: string): string | null | undefined {
  return HASHES[algorithm]
}

/** Whether the signature verifies with `key`; null when the key or the algorithm is not supported. */
export function verifies({ tbs, algorithm, signature }: Signed, key: KeyObject | null): boolean | null {
  const hash = hashOf(algorithm)
  if (hash === undefined || key === null) return null
  try {
    return fits(algorithm, key) && verify(hash, tbs, key, signature)
  } catch {
    return false
  }
}

function fits(algorithm: string, { asymmetricKeyType }: KeyObject): boolean {
  if (algorithm.startsWith('ecdsa')) return asymmetricKeyType === 'ec'
  return algorithm.endsWith('RSAEncryption')
    ? asymmetricKeyType === 'rsa'
    : asymmetricKeyType === algorithm.toLowerCase()
}
