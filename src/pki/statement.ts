import type { CheckedOctets } from '../ports.js'
import { TAG } from './der.js'

/**
 * Octets that a PKI key may sign and that are not X.509: an entry of the audit log, or a test message. Throws a plain Error
 * when they start like a certificate, CRL or request, so that the signature can never be used for one.
 */
export function statement(text: string | Uint8Array): CheckedOctets {
  const octets = typeof text === 'string' ? new Uint8Array(Buffer.from(text)) : text
  if (octets[0] === TAG.sequence) throw new Error('a statement must not start like a certificate')
  return octets as CheckedOctets
}
