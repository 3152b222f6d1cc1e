/** Milliseconds of a day: in UTC all are equally long. */
export const DAY = 86_400_000

/** The date (UTC) of a time in RFC 3339: `2026-11-27`. */
export function dateOf(time: string): string {
  return time.slice(0, 10)
}

/** The month of a day (in days since 1970, UTC): `2026-11`. */
export function monthOf(day: number): string {
  return new Date(day * DAY).toISOString().slice(0, 7)
}
