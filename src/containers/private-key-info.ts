import { parseDer, readObjectIdentifier, sequenceMembers } from '../pki/der.js'
import { oid } from '../pki/oids.js'

/** The kinds of keys that OpenSSL reads without computing anything that their parameters can make expensive. */
const SAFE_KEY_TYPES: readonly string[] = (
  ['id-ecPublicKey', 'rsaEncryption', 'RSASSA-PSS', 'Ed25519', 'Ed448'] as const
).map(oid)

/**
 * The kind of a PrivateKeyInfo (RFC 5958, section 2) that OpenSSL must not even read; null: it may. Of a DSA or DH key it
 * computes the public half while it reads, and a hostile one of 60,000 bits keeps it busy for minutes. Throws a plain Error
 * when it is broken.
 */
export function unsupportedKeyType(der: Uint8Array): string | null {
  const [, algorithm] = sequenceMembers(parseDer(der), 3, 5)
  const kind = readObjectIdentifier(sequenceMembers(algorithm, 1, 2)[0])
  return SAFE_KEY_TYPES.includes(kind) ? null : kind
}
