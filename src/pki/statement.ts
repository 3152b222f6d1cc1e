import type { CheckedOctets } from '../ports.js'
import { TAG } from './der.js'

/**
 * What a key of the PKI signs and that is neither a certificate, a CRL nor a request: an entry of the audit log, or a
 * test message. Throws a plain Error when it begins like one of those, so that no signature over it can be passed off as
 * one over a certificate.
 */
export function statement(text: string | Uint8Array): CheckedOctets {
  const octets = typeof text === 'string' ? new Uint8Array(Buffer.from(text)) : text
  if (octets[0] === TAG.sequence) throw new Error('a statement must not begin like a certificate')
  return octets as CheckedOctets
}
