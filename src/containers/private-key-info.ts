import { parseDer, readObjectIdentifier, sequenceMembers } from '../pki/der.js'
import { oid } from '../pki/oids.js'

/** Key types that OpenSSL parses without expensive computation. */
const SAFE_KEY_TYPES: readonly string[] = (
  ['id-ecPublicKey', 'rsaEncryption', 'RSASSA-PSS', 'Ed25519', 'Ed448'] as const
).map(oid)

/**
 * The key type of a PrivateKeyInfo (RFC 5958, section 2) that OpenSSL must not parse; null for safe types. OpenSSL computes
 * the public key of DSA and DH keys while parsing, which takes minutes for a hostile one of 60,000 bits. Throws a plain
 * Error when the structure is malformed.
 */
export function unsupportedKeyType(der: Uint8Array): string | null {
  const [, algorithm] = sequenceMembers(parseDer(der), 3, 5)
  const kind = readObjectIdentifier(sequenceMembers(algorithm, 1, 2)[0])
  return SAFE_KEY_TYPES.includes(kind) ? null : kind
}
