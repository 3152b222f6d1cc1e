import { FpkiError } from '../errors.js'

/** A certificate lasts for decades: a machine whose clock was never set must not make one. Throws ERR_CLOCK. */
export function checkClock(now: Date): void {
  if (now.getTime() >= Date.UTC(2026, 0, 1)) return
  throw new FpkiError(
    'ERR_CLOCK',
    `The clock of this machine says ${now.toISOString()}, which has passed long ago.`,
    'Set the clock, and run the same command again.',
  )
}
