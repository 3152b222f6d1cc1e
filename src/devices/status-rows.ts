import type { CertificateStatus, Revocation } from './denial.js'
import type { CertificateState } from './register.js'
import {
  certificateState,
  damaged,
  denialOf,
  integer,
  octets,
  type Rows,
  serialHex,
  time,
  timeOrNull,
  uuidText,
} from './rows.js'

/** The columns of a certificate, and of its device, that its status depends on. */
export type StatusRow = Pick<Rows['certificates'], 'serial' | 'ca' | 'not_after' | 'state' | 'ended_at'> &
  Pick<Rows['devices'], 'uuid' | 'denied_at' | 'denied_reason'>

/** See {@link StatusRow}. */
export const STATUS_COLUMNS = [
  ...(['certificates.serial', 'certificates.ca', 'certificates.not_after'] as const),
  ...(['certificates.state', 'certificates.ended_at'] as const),
  ...(['devices.uuid', 'devices.denied_at', 'devices.denied_reason'] as const),
] as const

/** The status of a certificate at a time. `cas`: the fingerprints of the device CAs, by their rows. */
export function statusOf(row: StatusRow, cas: ReadonlyMap<number, string>, at: number): CertificateStatus {
  const state = certificateState(row.state, 'certificates.state')
  const endedAt = timeOrNull(row.ended_at, 'certificates.ended_at')
  const revocation = revocationOf({ state, endedAt, denied: denialOf(row) }, at)
  return {
    serial: serialHex(row.serial),
    uuid: uuidText(octets(row.uuid, 'devices.uuid', 16)),
    ca: cas.get(integer(row.ca, 'certificates.ca')) ?? damaged('certificates.ca'),
    notAfter: time(row.not_after, 'certificates.not_after'),
    revocation,
    endsAt: revocation === null ? endedAt : null,
  }
}

/** A certificate that ended before its device was denied was revoked for that. */
function revocationOf(
  {
    state,
    endedAt,
    denied,
  }: { readonly state: CertificateState; readonly endedAt: number | null; readonly denied: Revocation | null },
  at: number,
): Revocation | null {
  if (denied !== null && (endedAt === null || endedAt > denied.at)) return denied
  if (endedAt === null || endedAt > at) return null
  return { at: endedAt, reason: state === 'abandoned' ? 'cessationOfOperation' : 'superseded' }
}
