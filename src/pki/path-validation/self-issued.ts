import { equivalentNames } from '../name-comparison.js'
import type { TbsCertificate } from '../read-certificate.js'

/** Whether subject and issuer are the same name (RFC 5280, 6.1); says nothing about the signature. */
export function isSelfIssued({ subject, issuer }: Pick<TbsCertificate, 'subject' | 'issuer'>): boolean {
  return equivalentNames(subject, issuer)
}
