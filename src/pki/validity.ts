import { DAY } from '../day.js'

/** The validity of a certificate, both ends included (RFC 5280, 4.1.2.5). */
export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
  /** Shorter than the profile because the issuer expires first (docs/profile.md#validity). */
  readonly capped: boolean
}

/** How long a certificate is valid from now: calendar years, or days. */
export type Lifetime = number | { readonly days: number }

/** Certificates start an hour early, like those of public CAs, so that devices with a slow clock accept them at once. */
const BACKDATE = 3_600_000

/**
 * A validity of `lifetime` from `now`, starting an hour early and limited by the issuer's. As in
 * fioctl, 29 February becomes 1 March in years without one.
 *
 * @param issuer null for a root, which has no limit
 */
export function validityFrom(
  now: Date,
  lifetime: Lifetime,
  issuer: Pick<Validity, 'notBefore' | 'notAfter'> | null,
): Validity {
  const start = new Date(Math.floor(now.getTime() / 1000) * 1000)
  const profileEnd = endOf(start, lifetime)
  const notBefore = issuer === null ? hourBefore(start) : notBeforeUnder(issuer, start)
  const capped = issuer !== null && profileEnd > issuer.notAfter
  return { notBefore, notAfter: capped ? issuer.notAfter : profileEnd, capped }
}

/** The latest notAfter of a certificate of that lifetime whose notBefore is an hour before its issuance. */
export function latestEnd(notBefore: Date, lifetime: Lifetime): Date {
  return endOf(new Date(notBefore.getTime() + BACKDATE), lifetime)
}

function endOf(start: Date, lifetime: Lifetime): Date {
  return typeof lifetime === 'number' ? yearsAfter(start, lifetime) : daysAfter(start, lifetime.days)
}

/** Not backdated under an issuer that is not valid at `start`, so that the rules refuse the certificate. */
function notBeforeUnder(issuer: Pick<Validity, 'notBefore' | 'notAfter'>, start: Date): Date {
  if (start < issuer.notBefore || start >= issuer.notAfter) return start
  const early = hourBefore(start)
  return early < issuer.notBefore ? issuer.notBefore : early
}

function hourBefore(time: Date): Date {
  return new Date(time.getTime() - BACKDATE)
}

function yearsAfter(start: Date, years: number): Date {
  const end = new Date(start)
  end.setUTCFullYear(end.getUTCFullYear() + years)
  return end
}

function daysAfter(start: Date, days: number): Date {
  const end = new Date(start)
  end.setUTCDate(end.getUTCDate() + days)
  return end
}

/** Whole days from `now` until `notAfter`; negative when it has passed. */
export function daysLeft(notAfter: Date, now: Date): number {
  return Math.floor((notAfter.getTime() - now.getTime()) / DAY)
}
