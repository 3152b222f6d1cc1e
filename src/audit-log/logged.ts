import { CRL_REASONS, type CrlReason } from '../pki/crl.js'
import { fingerprintOf } from '../pki/fingerprint.js'
import { formatName } from '../pki/name.js'
import type { Certificate } from '../pki/read-certificate.js'
import type { Crl } from '../pki/read-crl.js'
import type { AuditLogEntry } from './records.js'

/** A certificate, as a line of the audit log names it. */
export function logged(
  certificate: Certificate,
  profile: string | null,
  file: string | null,
): AuditLogEntry['certificates'][number] {
  const { serialNumber, subject, der } = certificate
  return {
    serial: serialNumber.toString(),
    subject: formatName(subject),
    fingerprint: fingerprintOf(der),
    profile,
    file,
  }
}

/** A CRL, as a line of the audit log names it. */
export function loggedCrl({ crlNumber, entries, der }: Crl, reason: CrlReason): NonNullable<AuditLogEntry['crl']> {
  const serials = entries.map(({ serialNumber }) => serialNumber.toString())
  return {
    number: (crlNumber ?? 0n).toString(),
    fingerprint: fingerprintOf(der),
    serials,
    reason: `${reason} (${CRL_REASONS[reason]})`,
  }
}
