import { verify } from 'node:crypto'
import type { Signer } from '../ports.js'
import { type PublicKey, readPublicKey } from './public-key.js'
import { statement } from './statement.js'

/** A message that is useless as a signed statement. */
const MESSAGE = 'fpki: a proof of possession, and nothing else. '

/**
 * Whether the signer has the private key of this public key (parsed, or a SubjectPublicKeyInfo, DER): it signs a message,
 * and OpenSSL verifies the signature (RFC 4211, 4.1). Comparing public keys would not notice a damaged private key. Rejects
 * when signing does.
 *
 * @param nonce prevents replay of an earlier signature
 */
export async function provesPossession(
  { algorithm, sign }: Signer,
  of: PublicKey | Uint8Array,
  nonce: Uint8Array = new Uint8Array(),
): Promise<boolean> {
  const publicKey = of instanceof Uint8Array ? readable(of) : of
  if (publicKey?.kind !== 'EC' || publicKey.curve !== algorithm.curve) return false
  const message = statement(Buffer.concat([Buffer.from(MESSAGE), nonce]))
  return verify(algorithm.hash, message, publicKey.key, await sign(message))
}

function readable(spki: Uint8Array): PublicKey | null {
  try {
    return readPublicKey(spki)
  } catch {
    return null
  }
}
