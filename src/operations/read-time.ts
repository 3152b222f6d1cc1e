import { FpkiError } from '../errors.js'

/** Parses a date (00:00 UTC) or an RFC 3339 time. `option` is for the message. Throws ERR_USAGE. */
export function readTime(word: string, option: 'since' | 'from' | 'until' | 'to' | 'start'): Date {
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(word)
  const time = new Date(isTime ? word : Number.NaN)
  // Date accepts 30 February as a day in March.
  const isDay = Number(word.slice(8, 10)) === new Date(word.slice(0, 10)).getUTCDate()
  if (isDay && !Number.isNaN(time.getTime())) return time
  const text = `Invalid date or time: ${JSON.stringify(word)}.`
  const hint = 'Use a date or a time: 2026-07-28 or 2026-07-28T12:00:00Z.'
  throw new FpkiError('ERR_USAGE', text, hint, { option })
}
