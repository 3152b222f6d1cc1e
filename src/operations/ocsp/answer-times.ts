import { type CertificateStatus, DENIAL_REASONS } from '../../devices/denial.js'
import type { OcspStatus, SingleResponse } from '../../pki/ocsp/response.js'

/** What an answer about one certificate depends on. */
export interface StatusNow {
  /** null: the register does not know the certificate. */
  readonly status: CertificateStatus | null
  /** The device CA that the client named: SHA-256 of its certificate, lower-case hex. */
  readonly ca: string
}

/** How long answers are valid. */
export interface AnswerLimits {
  /** In milliseconds. */
  readonly validity: number
  /** When the certificate of the responder expires: nothing that it signed is believed after that. */
  readonly responderEnds: Date
}

/** How long `unknown` is valid, in milliseconds: the device may be registered a moment later. */
const UNKNOWN_FOR = 5 * 60_000

/** The status of a certificate for OCSP. A certificate of another CA with that serial number is not the one that is meant. */
export function ocspStatus({ status, ca }: StatusNow): OcspStatus {
  if (status === null || status.ca !== ca) return { kind: 'unknown' }
  if (status.revocation === null) return { kind: 'good' }
  const { at, reason } = status.revocation
  return { kind: 'revoked', at: wholeSeconds(at), reason: DENIAL_REASONS[reason] }
}

/** Says the same for the same answer, so that an earlier one can be used again. */
export function statusText({ status, ca }: StatusNow): string {
  if (status === null || status.ca !== ca) return 'unknown'
  const { revocation, endsAt } = status
  return revocation === null ? `good ${endsAt}` : `revoked ${revocation.at} ${revocation.reason}`
}

/**
 * What is said of a certificate. `good` is never said for longer than until the certificate will be superseded.
 *
 * @param certId CertID, DER
 */
export function singleResponse(certId: Uint8Array, now: StatusNow, at: Date, limits: AnswerLimits): SingleResponse {
  const status = ocspStatus(now)
  const start = wholeSeconds(at.getTime())
  const most = status.kind === 'unknown' ? Math.min(limits.validity, UNKNOWN_FOR) : limits.validity
  const endsAt = (status.kind === 'good' ? now.status?.endsAt : null) ?? Number.POSITIVE_INFINITY
  const end = Math.min(start.getTime() + most, endsAt, limits.responderEnds.getTime())
  // Clients refuse an answer whose nextUpdate is not after its thisUpdate.
  const nextUpdate = wholeSeconds(Math.max(end, start.getTime() + 1000))
  return { certId, status, thisUpdate: start, nextUpdate }
}

function wholeSeconds(time: number): Date {
  return new Date(Math.floor(time / 1000) * 1000)
}
