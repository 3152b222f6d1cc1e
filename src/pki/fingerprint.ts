import { hash } from 'node:crypto'
import { sha256 } from '../sha256.js'

/** SHA-256 of a SubjectPublicKeyInfo or a certificate (DER), lower-case hex. */
export function fingerprintOf(der: Uint8Array): string {
  return sha256(der)
}

/** SHA-256 of a SubjectPublicKeyInfo (DER): the name of a key in the device register. */
export function keyHashOf(spki: Uint8Array): Uint8Array {
  return hash('sha256', spki, 'buffer')
}
