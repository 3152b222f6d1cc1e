import { FpkiError } from '../errors.js'

/** Throws ERR_CLOCK on a machine whose clock was never set: a certificate lasts for decades. */
export function checkClock(now: Date): void {
  if (now.getTime() >= Date.UTC(2026, 0, 1)) return
  throw new FpkiError(
    'ERR_CLOCK',
    `The clock of this machine is wrong: it shows ${now.toISOString()}.`,
    'Set the clock, then run the same command again.',
  )
}
