import { rfc3339 } from '../../../pki/describe.js'
import { daysLeft } from '../../../pki/validity.js'
import { type Finding, found } from './finding.js'
import type { Scene, SeenCertificate } from './scene.js'

/** What has expired, or does within the days that were asked for. */
export function checkExpiry({ certificates, now, warnDays }: Scene): readonly Finding[] {
  return certificates.flatMap((seen) => checkOne(seen, now, warnDays))
}

function checkOne({ file, certificate }: SeenCertificate, now: Date, warnDays: number): readonly Finding[] {
  const { notBefore, notAfter } = certificate
  const left = daysLeft(notAfter, now)
  if (now > notAfter) return [found('expiry.expired', file, `${file} expired on ${rfc3339(notAfter)}.`)]
  if (now < notBefore)
    return [
      found(
        'expiry.not-yet',
        file,
        `${file} is not valid before ${rfc3339(notBefore)}, and the clock of this machine says ${rfc3339(now)}.`,
      ),
    ]
  if (left >= warnDays) return []
  return [
    found('expiry.soon', file, `${file} expires on ${rfc3339(notAfter)}, in ${left} ${left === 1 ? 'day' : 'days'}.`),
  ]
}
