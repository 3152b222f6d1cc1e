import { equivalentNames } from '../name-comparison.js'
import type { TbsCertificate } from '../read-certificate.js'

/** Are subject and issuer one name (RFC 5280, 6.1)? Who signed it is another question. */
export function isSelfIssued({ subject, issuer }: Pick<TbsCertificate, 'subject' | 'issuer'>): boolean {
  return equivalentNames(subject, issuer)
}
