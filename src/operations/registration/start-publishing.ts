import type { DeviceRegister } from '../../devices/register.js'
import type { DeviceApi } from '../../factory/device-api.js'
import {
  IN_FLIGHT,
  type PublishedBatch,
  type PublishPorts,
  publishBatch,
  reasonOf,
  type UnpublishedDevice,
} from './publish-batch.js'
import { LEASE, waitFor } from './publish-schedule.js'

/** Works off the outbox in the background. */
export interface Publisher {
  /** Looks into the outbox now, unless the API is left alone for a while. */
  nudge(): void
  status(): PublisherStatus
  /** Stops at once. What is not settled by then is left to the next start, or to another instance. Never rejects. */
  stop(): Promise<void>
}

/** What a {@link Publisher} has done since its start. */
interface PublisherStatus {
  readonly sent: number
  readonly conflicts: number
  readonly refused: number
  /** Until when the API is left alone, in milliseconds since 1970; null: it is not. */
  readonly pausedUntil: number | null
  /** Why the API, or the register, failed last, as a clause; null: it has not. It stays after the failure is over. */
  readonly lastFailure: string | null
}

/** What happens while a {@link Publisher} works, for a log. An outage is reported once, however long it lasts. */
export type PublishEvent =
  | { readonly kind: 'paused'; readonly reason: string; readonly until: number }
  | { readonly kind: 'resumed' }
  | ({ readonly kind: 'conflict' | 'refused' } & UnpublishedDevice)

/** The ports of {@link startPublishing}. */
export interface PublisherPorts extends PublishPorts {
  /** Waits, or until `signal` is aborted; never rejects. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
  report(event: PublishEvent): void
}

/** How often to look into the outbox without a nudge: for what another instance left, and for what is due again. */
const POLL = 5_000

/**
 * Starts to inform a Factory API of the devices in the outbox. While the API takes no device, it is left alone, and then tried
 * with a single one. The outbox is in the register, so that nothing is lost with the process.
 */
export function startPublishing(
  { outbox }: Pick<DeviceRegister, 'outbox'>,
  api: DeviceApi,
  ports: PublisherPorts,
): Publisher {
  const stop = new AbortController()
  const state = publisherState(ports)
  let idle = new AbortController()
  const round = async (): Promise<number> => {
    const now = ports.clock().getTime()
    const count = state.failures() === 0 ? IN_FLIGHT : 1
    const entries = await outbox.take({ count, at: now, until: now + LEASE })
    if (entries.length === 0 || stop.signal.aborted) return POLL
    const options = { signal: stop.signal, retries: false, failures: state.failures() }
    const batch = await publishBatch({ outbox, api }, entries, options, ports)
    state.add(batch)
    return batch.outage?.wait ?? 0
  }
  const run = async () => {
    while (!stop.signal.aborted) {
      idle = new AbortController()
      const wait = await round().catch((error: unknown) => (stop.signal.aborted ? 0 : state.failed(error)))
      // A nudge does not cut a pause short.
      if (wait > 0) await ports.wait(wait, state.failures() === 0 ? idle.signal : stop.signal)
    }
  }
  const running = run()
  return {
    nudge: () => idle.abort(),
    status: () => state.status(),
    stop: () => {
      stop.abort()
      idle.abort()
      return running
    },
  }
}

/** Counts, and reports what is new. */
function publisherState({ clock, random, report }: Pick<PublisherPorts, 'clock' | 'random' | 'report'>) {
  const counts = { sent: 0, conflicts: 0, refused: 0 }
  let failures = 0
  let pausedUntil: number | null = null
  let lastFailure: string | null = null
  const pause = (reason: string, wait: number) => {
    const until = clock().getTime() + Math.round(wait)
    if (failures === 0 || reason !== lastFailure) report({ kind: 'paused', reason, until })
    failures += 1
    pausedUntil = until
    lastFailure = reason
  }
  return {
    failures: () => failures,
    status: (): PublisherStatus => ({ ...counts, pausedUntil, lastFailure }),
    add: ({ sent, conflicts, refused, outage }: PublishedBatch) => {
      counts.sent += sent
      counts.conflicts += conflicts.length
      counts.refused += refused.length
      for (const device of conflicts) report({ kind: 'conflict', ...device })
      for (const device of refused) report({ kind: 'refused', ...device })
      if (outage !== null) return pause(reasonOf(outage.error), outage.wait)
      if (failures > 0) report({ kind: 'resumed' })
      failures = 0
      pausedUntil = null
    },
    /** The register is not available, or there is a defect: neither may end the service. Returns how long to wait. */
    failed: (error: unknown): number => {
      const wait = waitFor({ status: 0, retryAfter: null }, failures + 1, random)
      pause(error instanceof Error ? error.message.replace(/\.$/, '') : String(error), wait)
      return wait
    },
  }
}
