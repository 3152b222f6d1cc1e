import { counted } from '../../../counted.js'
import { rfc3339 } from '../../../pki/describe.js'
import { daysLeft } from '../../../pki/validity.js'
import type { AuditContext, AuditedCertificate } from './context.js'
import { type Finding, failed } from './finding.js'

/** Certificates that have expired, or expire within `warnDays`. */
export function checkExpiry({ certificates, now, warnDays }: AuditContext): readonly Finding[] {
  return certificates.flatMap((one) => checkOne(one, now, warnDays))
}

function checkOne({ file, certificate }: AuditedCertificate, now: Date, warnDays: number): readonly Finding[] {
  const { notBefore, notAfter } = certificate
  const left = daysLeft(notAfter, now)
  if (now > notAfter) return [failed('expiry.expired', file, `${file} expired on ${rfc3339(notAfter)}.`)]
  if (now < notBefore)
    return [
      failed(
        'expiry.not-yet',
        file,
        `${file} is not valid before ${rfc3339(notBefore)}; the clock of this machine is at ${rfc3339(now)}.`,
      ),
    ]
  if (left >= warnDays) return []
  return [failed('expiry.soon', file, `${file} expires on ${rfc3339(notAfter)}, in ${counted(left, 'day')}.`)]
}
