import type { CertificateStatus, PkiStatus, PkiStatusResult } from '../../src/operations/audit/status-pki.js'
import { withDue } from '../../src/operations/audit/status-report.js'

/** A certificate of a status. */
export function certificateStatus(changes: Partial<CertificateStatus> = {}): CertificateStatus {
  return {
    role: 'tls',
    file: 'tls-crt',
    subject: 'CN=gateway, OU=acme',
    serial: '255',
    fingerprint: 'ab'.repeat(32),
    publicKey: 'ba'.repeat(32),
    notBefore: '2026-01-01T00:00:30Z',
    notAfter: '2027-06-30T12:00:00Z',
    daysLeft: 500,
    state: 'fine',
    notYetValid: false,
    disabled: false,
    revoked: false,
    ...changes,
  }
}

/** The status of one PKI, at the beginning of 2027. */
export function statusOfPki(
  certificates: readonly CertificateStatus[],
  changes: Partial<PkiStatus> & { readonly state?: PkiStatusResult['state']; readonly checkedAt?: string } = {},
): PkiStatusResult {
  const { state = 'fine', checkedAt = '2027-01-01T10:00:00Z', ...more } = changes
  const pki = {
    ...{ directory: '/srv/pki/acme', factory: 'acme', kit: false, devices: null },
    ...{ unfinished: null, backup: null, backupDue: false, problems: [], ...more },
    certificates: [...certificates],
  }
  return { checkedAt, warnDays: 60, backupDays: null, state, pkis: [withDue(pki)] }
}

/** Names that markup, mentions, links, terminals and line-based formats make something of. */
export const HOSTILE_NAMES = [
  '<!channel> <https://evil.example|click> & <at>all</at>',
  '@channel @all user@evil.example www.evil.example',
  '[click](https://evil.example) ```\n@here\n```',
  'a;b,c\\n\r\nEND:VEVENT\r\nBEGIN:VALARM',
  '\u202egnp.exe \u0007\u001b[31m',
  '証'.repeat(64),
  '🔐'.repeat(40),
] as const
