import { createHash } from 'node:crypto'

/** SHA-256 of a SubjectPublicKeyInfo (DER), lower-case hex. */
export function fingerprintOf(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('hex')
}
