import { verify } from 'node:crypto'
import type { Signer } from '../ports.js'
import { type PublicKey, readPublicKey } from './public-key.js'
import { statement } from './statement.js'

/** Nothing that anybody could use as signed. */
const MESSAGE = 'fpki: a proof of possession, and nothing else. '

/**
 * Does the signer have the private key of this public key (SubjectPublicKeyInfo, DER)? It signs a message, and OpenSSL
 * verifies the signature: comparing public halves does not notice a damaged private one (RFC 4211, 4.1). Rejects with
 * what signing rejects with.
 *
 * @param nonce what makes the message new, where a signature from earlier could be played back
 */
export async function provesPossession(
  { algorithm, sign }: Signer,
  spki: Uint8Array,
  nonce: Uint8Array = new Uint8Array(),
): Promise<boolean> {
  const publicKey = readable(spki)
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
