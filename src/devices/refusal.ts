import { REQUEST_REFUSALS } from '../pki/device-policy.js'

/** Why a device that has a certificate gets no other one by EST (docs/renewal.md#refusals). */
export const RENEWAL_REFUSALS = [
  'client-missing',
  'client-malformed',
  'client-issuer',
  'client-ca',
  'client-purpose',
  'client-subject',
  'client-not-yet-valid',
  'client-expired',
  'client-unknown',
  'client-abandoned',
  'client-replaced',
  'client-mapping',
  'renewal-subject',
  'renewal-early',
  'other-line',
] as const

/** Why a device gets no certificate. The codes are stable: they are in files of refused rows, metrics and logs. */
export const REFUSAL_CODES = [
  'input-unreadable',
  ...REQUEST_REFUSALS,
  'uuid-mismatch',
  'key-reused',
  'serial-taken',
  'uuid-taken',
  'hardware-id',
  'group',
  'quota',
  'daily-quota',
  'window',
  'line-paused',
  'line-closed',
  'credential',
  'not-listed',
  'denied',
  'renewal-too-often',
  ...RENEWAL_REFUSALS,
] as const

/** See {@link REFUSAL_CODES}. */
export type RefusalCode = (typeof REFUSAL_CODES)[number]

/** A request that is refused, and why: a clause, to be read after "refused: ". */
export interface Refusal {
  readonly code: RefusalCode
  readonly reason: string
}
