import type { PresentedCertificate } from '../../devices/renewal.js'
import type { Clock, Progress } from '../../ports.js'
import { putNewest } from '../../recent.js'
import { inBatches } from '../registration/in-batches.js'
import type { ServiceRegister } from '../registration/issuing-thread/calls.js'

/** Tells the register which certificates were used. */
export interface SeenReporter {
  /** Each certificate once, soon. */
  report(certificate: PresentedCertificate['certificate']): void
  /** Resolves when all that was reported is recorded. */
  close(): Promise<void>
}

/** Nobody waits for these: one commit for many. */
const LIMITS = { least: 256, most: 1024, atOnce: 1, wait: 200 }

/** So many certificates are remembered as reported; more are asked of the register again. */
const MOST_RECENT = 100_000

/** A failure is a warning: the certificate is reported again when it is used again. */
export function seenReporter(
  register: Pick<ServiceRegister, 'seen'>,
  { clock, progress }: { readonly clock: Clock; readonly progress: Progress },
): SeenReporter {
  const recent = new Map<string, true>()
  const record = async (serials: readonly string[]) => {
    const at = clock().getTime()
    await register.seen(serials.map((serial) => ({ serial, at })))
    return serials
  }
  const batches = inBatches(record, LIMITS)
  return {
    report: ({ serial, seenAt }) => {
      if (seenAt !== null || recent.has(serial)) return
      putNewest(recent, serial, true, MOST_RECENT)
      batches.add(serial).catch((error: unknown) => {
        if (!recent.delete(serial)) return
        progress.warn(`A used certificate is not recorded: ${error instanceof Error ? error.message : String(error)}`)
      })
    },
    close: batches.close,
  }
}
