import { FpkiError } from '../../errors.js'
import type { ProfileExtension } from '../../pki/profiles.js'
import type { Certificate } from '../../pki/read-certificate.js'

const CARRIED: readonly string[] = [
  'keyUsage',
  'extKeyUsage',
  'basicConstraints',
  'subjectKeyIdentifier',
  'authorityKeyIdentifier',
] satisfies readonly ProfileExtension['type'][]

/**
 * A new certificate for a root has the extensions of its profile and no others: without name or policy constraints, the root
 * could do more than before. Throws ERR_CONSTRAINTS.
 *
 * @param what `a cross-certificate`
 */
export function requireNoConstraints({ extensions }: Certificate, path: string, what: string): void {
  const others = extensions.map(({ type }) => type).filter((type) => !CARRIED.includes(type))
  if (others.length === 0) return
  throw new FpkiError(
    'ERR_CONSTRAINTS',
    `Refusing to sign ${what} for ${path}: it has extensions that ${what} of fpki does not have: ${others.join(', ')}.`,
    'Nothing was signed. Issue it with the software that issued this root.',
  )
}
