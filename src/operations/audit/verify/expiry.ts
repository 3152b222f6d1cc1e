import { counted } from '../../../counted.js'
import { rfc3339 } from '../../../pki/describe.js'
import { daysLeft } from '../../../pki/validity.js'
import { remedyHint } from '../../certificate-roles.js'
import type { AuditContext, AuditedCertificate } from './context.js'
import { type Finding, failed } from './finding.js'

/** Certificates that have expired, or expire within `warnDays`. */
export function checkExpiry({ certificates, now, warnDays, directory }: AuditContext): readonly Finding[] {
  return certificates.flatMap((one) => checkOne(one, { now, warnDays, directory }))
}

function checkOne(
  { file, role, certificate }: AuditedCertificate,
  { now, warnDays, directory }: Pick<AuditContext, 'now' | 'warnDays' | 'directory'>,
): readonly Finding[] {
  // A kit is exported again.
  const hint = directory.kit === null ? remedyHint(role, directory.path) : undefined
  const { notBefore, notAfter } = certificate
  const left = daysLeft(notAfter, now)
  if (now > notAfter) return [failed('expiry.expired', file, `${file} expired on ${rfc3339(notAfter)}.`, hint)]
  if (now < notBefore)
    return [
      failed(
        'expiry.not-yet',
        file,
        `${file} is not valid before ${rfc3339(notBefore)}; the clock of this machine is at ${rfc3339(now)}.`,
      ),
    ]
  if (left >= warnDays) return []
  return [failed('expiry.soon', file, `${file} expires on ${rfc3339(notAfter)}, in ${counted(left, 'day')}.`, hint)]
}
