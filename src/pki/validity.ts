/** From when and until when a certificate holds, both ends included (RFC 5280, 4.1.2.5). */
export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
  /** The profile asked for more, and the issuer ends first (contract.md 6). */
  readonly capped: boolean
}

/** How far before now a certificate begins: a device whose clock is behind accepts it at once, as with public CAs. */
const BACKDATE = 3_600_000

/**
 * `length` calendar years, or days, from `now` in whole seconds, and the hour before it, within the validity of the
 * issuer. 29 February plus years that have none is 1 March, as fioctl has it.
 *
 * @param issuer null: a root, which nothing limits
 */
export function validityFrom(
  now: Date,
  length: number | { readonly days: number },
  issuer: Pick<Validity, 'notBefore' | 'notAfter'> | null,
): Validity {
  const start = new Date(Math.floor(now.getTime() / 1000) * 1000)
  const wanted = typeof length === 'number' ? yearsAfter(start, length) : daysAfter(start, length.days)
  const notBefore = issuer === null ? hourBefore(start) : notBeforeUnder(issuer, start)
  const capped = issuer !== null && wanted > issuer.notAfter
  return { notBefore, notAfter: capped ? issuer.notAfter : wanted, capped }
}

/** The latest notAfter of a certificate of `years` years that begins at `notBefore`, an hour before it was made. */
export function latestEnd(notBefore: Date, years: number): Date {
  return yearsAfter(new Date(notBefore.getTime() + BACKDATE), years)
}

/** Under an issuer that is not valid at `start` nothing is backdated: the rules then refuse the certificate. */
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
  return Math.floor((notAfter.getTime() - now.getTime()) / 86_400_000)
}
