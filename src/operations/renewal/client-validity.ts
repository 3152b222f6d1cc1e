import type { RefusalCode } from '../../devices/refusal.js'
import { rfc3339 } from '../../pki/describe.js'
import type { Certificate } from '../../pki/read-certificate.js'

/** Why a client certificate is refused, and the reason as a clause. */
export type ClientProblem = readonly [RefusalCode, string]

/**
 * Why a client certificate is refused at a time because of its validity period; null: it is not.
 *
 * @param grace for how long after its end it is accepted, in milliseconds
 */
export function validityProblem(
  { notBefore, notAfter }: Pick<Certificate, 'notBefore' | 'notAfter'>,
  now: Date,
  grace = 0,
): ClientProblem | null {
  if (now < notBefore) return ['client-not-yet-valid', `its client certificate is valid from ${rfc3339(notBefore)}`]
  if (now.getTime() < notAfter.getTime() + grace) return null
  return ['client-expired', `its client certificate expired on ${rfc3339(notAfter)}`]
}
