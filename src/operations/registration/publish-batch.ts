import type { Outbox, OutboxEntry } from '../../devices/outbox.js'
import type { FactoryApiError } from '../../factory/api.js'
import type { DeviceApi, PutOutcome } from '../../factory/device-api.js'
import type { Clock, Random } from '../../ports.js'
import { inform } from './inform.js'
import { REFUSED_WAIT, waitFor } from './publish-schedule.js'

/** Where devices are published from, and to. */
export interface Publishing {
  readonly outbox: Outbox
  readonly api: DeviceApi
}

/** The ports of publishing. */
export interface PublishPorts {
  readonly clock: Clock
  readonly random: Pick<Random, 'bytes'>
}

/** How a batch is published. */
export interface PublishOptions {
  /** Aborts it; its reason is thrown. Entries that are not settled by then are left to the end of their lease. */
  readonly signal: AbortSignal
  /** Whether a device is tried again at once after a transient failure. */
  readonly retries: boolean
  /** How often the API has failed in succession before. */
  readonly failures: number
}

/** A device that the API does not take. */
export interface UnpublishedDevice {
  readonly uuid: string
  /** A clause. */
  readonly reason: string
}

/** What became of a batch. */
export interface PublishedBatch {
  readonly sent: number
  readonly conflicts: readonly UnpublishedDevice[]
  readonly refused: readonly UnpublishedDevice[]
  /** The API took no device, and how long to leave it alone, in milliseconds; null: it answered for at least one. */
  readonly outage: { readonly error: FactoryApiError; readonly wait: number } | null
}

/** How many requests are in flight at once. */
export const IN_FLIGHT = 8

/** A server's text may be long; what the register keeps is read by people. */
const MAX_REASON = 500

/**
 * Informs the API of devices, all at once, and then settles their entries; those that the API has answered for, even when it is
 * aborted. After a crash, the batch is sent again, which is harmless.
 */
export async function publishBatch(
  publishing: Publishing,
  entries: readonly OutboxEntry[],
  options: PublishOptions,
  ports: PublishPorts,
): Promise<PublishedBatch> {
  const ended = await Promise.allSettled(entries.map((entry) => publish(publishing, entry, options)))
  const outcomes = ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const of = <Kind extends PutOutcome['kind']>(kind: Kind) =>
    outcomes.flatMap(({ entry, outcome }) => (isOf(outcome, kind) ? [{ entry, outcome }] : []))
  const done = of('done')
  // One transaction: each is a write to the disk that registrations wait for.
  if (done.length > 0) await publishing.outbox.delivered(done.map(({ entry }) => entry))
  for (const { entry } of of('conflict')) await publishing.outbox.conflict(entry)
  for (const one of ended) if (one.status === 'rejected') throw one.reason
  const unavailable = of('unavailable')
  const [first] = unavailable
  const isOutage = first !== undefined && unavailable.length === outcomes.length
  const outage = isOutage ? outageOf(first.outcome, options.failures + 1, ports) : null
  const now = ports.clock().getTime()
  for (const { entry, outcome } of of('refused'))
    await publishing.outbox.failed(entry, { at: now + REFUSED_WAIT, reason: reasonOf(outcome.error) })
  for (const { entry, outcome } of unavailable) {
    const wait = waitFor(
      { status: outcome.error.status, retryAfter: outcome.retryAfter },
      entry.attempts + 1,
      ports.random,
    )
    const at = now + Math.round(Math.max(wait, outage?.wait ?? 0))
    await publishing.outbox.failed(entry, { at, reason: reasonOf(outcome.error) })
  }
  return {
    sent: done.length,
    conflicts: of('conflict').map(unpublished),
    refused: of('refused').map(unpublished),
    outage,
  }
}

/** Why the API did not take a device, as a clause. */
export function reasonOf({ message }: FactoryApiError): string {
  return message.replace(/\.$/, '').slice(0, MAX_REASON)
}

async function publish({ api }: Publishing, entry: OutboxEntry, { signal, retries }: PublishOptions) {
  return { entry, outcome: await inform(api, entry, { signal, retries }) }
}

function outageOf(
  { error, retryAfter }: PutOutcome & { readonly kind: 'unavailable' },
  failures: number,
  { random }: PublishPorts,
) {
  return { error, wait: waitFor({ status: error.status, retryAfter }, failures, random) }
}

function isOf<Kind extends PutOutcome['kind']>(
  outcome: PutOutcome,
  kind: Kind,
): outcome is PutOutcome & { readonly kind: Kind } {
  return outcome.kind === kind
}

function unpublished({
  entry,
  outcome,
}: {
  readonly entry: OutboxEntry
  readonly outcome: { readonly error: FactoryApiError }
}): UnpublishedDevice {
  return { uuid: entry.uuid, reason: reasonOf(outcome.error) }
}
