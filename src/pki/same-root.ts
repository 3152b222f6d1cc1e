import { sameName } from './name.js'
import { sameSpki } from './public-key.js'
import type { TbsCertificate } from './read-certificate.js'

/**
 * Whether two root certificates are of the same name and key: one certificate, or one that renews the other. Whatever the key
 * has signed verifies with both.
 */
export function sameRoot(
  a: Pick<TbsCertificate, 'subject' | 'spki'>,
  b: Pick<TbsCertificate, 'subject' | 'spki'>,
): boolean {
  return sameName(a.subject, b.subject) && sameSpki(a.spki, b.spki)
}
