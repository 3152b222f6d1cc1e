/** From when and until when a certificate holds, both ends included (RFC 5280, 4.1.2.5). */
export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
  /** The profile asked for more, and the issuer ends first (contract.md 6). */
  readonly capped: boolean
}

/**
 * `years` calendar years, or `days`, from `now` in whole seconds, no longer than the issuer. 29 February plus years that
 * have none is 1 March, as fioctl has it.
 */
export function validityFrom(
  now: Date,
  length: number | { readonly days: number },
  issuerNotAfter: Date | null,
): Validity {
  const notBefore = new Date(Math.floor(now.getTime() / 1000) * 1000)
  const wanted = new Date(notBefore)
  if (typeof length === 'number') wanted.setUTCFullYear(wanted.getUTCFullYear() + length)
  else wanted.setUTCDate(wanted.getUTCDate() + length.days)
  const capped = issuerNotAfter !== null && wanted > issuerNotAfter
  return { notBefore, notAfter: capped ? issuerNotAfter : wanted, capped }
}

/** Whole days from `now` until `notAfter`; negative when it has passed. */
export function daysLeft(notAfter: Date, now: Date): number {
  return Math.floor((notAfter.getTime() - now.getTime()) / 86_400_000)
}
