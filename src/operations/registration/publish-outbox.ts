import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import type { DeviceApi } from '../../factory/device-api.js'
import { jsonDocument } from '../../json-document.js'
import type { Clock, DurableFiles, Random } from '../../ports.js'
import { noRegister, openExistingRegister, type RegisterChoice } from '../devices/open-register.js'
import { IN_FLIGHT, type PublishedBatch, type Publishing, publishBatch, reasonOf } from './publish-batch.js'
import { LEASE, REFUSED_WAIT } from './publish-schedule.js'

const published = {
  /** The Factory API. */
  api: z.string(),
  /** The devices that the API knows, denies or allows now. */
  sent: z.int(),
  /** The devices that are in the state `conflict` now: the API has another device with the UUID. */
  conflicts: z.int(),
  /** The devices that the API does not take. They wait too. */
  refused: z.int(),
  /** The devices that still wait. */
  waiting: z.int(),
  /** Why they wait; null: nothing does, or nobody knows. */
  reason: z.nullable(z.string()),
  /** The first 1,000 conflicts and refusals. */
  devices: z.array(z.strictObject({ uuid: z.string(), kind: z.enum(['conflict', 'refused']), reason: z.string() })),
}

/** How the Factory API was informed. */
export const publishedFacts = z.strictObject(published)

/** What `fpki devices publish --json` prints. */
export const publishOutboxResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  factory: z.string(),
  ...published,
})

/** See {@link publishOutboxResult}. */
export type PublishOutboxResult = z.infer<typeof publishOutboxResult>

/** Options of `devices publish`. */
export interface PublishOutboxOptions extends RegisterChoice {
  readonly factory: string
}

/** Ports of {@link publishOutbox}. */
export interface PublishOutboxPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
  /** null: the embedded API. */
  readonly api: DeviceApi | null
  readonly signal: AbortSignal
  /** Called while it works, with what is done so far. */
  onProgress(sent: number): void
}

/** How many conflicts and refusals are reported one by one. */
const MAX_REPORTED = 1000

/**
 * Informs the Factory API of all devices in the outbox, including those that are to be tried later. It ends when the API takes
 * no device.
 *
 * @throws FpkiError ERR_USAGE for the embedded API, ERR_NOT_INITIALIZED without a register, and as openDeviceRegister does;
 *   the reason of the signal
 */
export async function publishOutbox(
  { factory, ...choice }: PublishOutboxOptions,
  ports: PublishOutboxPorts,
): Promise<PublishOutboxResult> {
  const { api } = ports
  if (api === null) throw nothingToPublish()
  const register = (await openExistingRegister(choice, ports)) ?? (await noRegister(choice, ports))
  try {
    const { outbox } = register
    const { reason, ...published } = await publishAll({ outbox, api }, ports)
    const { waiting, lastFailure } = await outbox.state()
    const why = waiting === 0 ? null : (reason ?? lastFailure)
    return { directory: choice.directory, factory, api: api.name, ...published, waiting, reason: why }
  } finally {
    await register.close()
  }
}

type Published = Pick<PublishOutboxResult, 'sent' | 'conflicts' | 'refused' | 'devices' | 'reason'>

/** One pass over the outbox. */
async function publishAll(publishing: Publishing, ports: PublishOutboxPorts): Promise<Published> {
  const published = { sent: 0, conflicts: 0, refused: 0, devices: [] as Published['devices'] }
  // Everything that waits, up to what was refused before; what this pass is refused waits longer.
  const at = ports.clock().getTime() + REFUSED_WAIT - 1
  for (;;) {
    ports.signal.throwIfAborted()
    const until = ports.clock().getTime() + LEASE
    const entries = await publishing.outbox.take({ count: IN_FLIGHT, at, until })
    if (entries.length === 0) return { ...published, reason: null }
    const options = { signal: ports.signal, retries: true, failures: 0 }
    const batch = await publishBatch(publishing, entries, options, ports)
    published.sent += batch.sent
    published.conflicts += batch.conflicts.length
    published.refused += batch.refused.length
    published.devices.push(...reported(batch).slice(0, MAX_REPORTED - published.devices.length))
    if (batch.outage !== null) return { ...published, reason: reasonOf(batch.outage.error) }
    ports.onProgress(published.sent)
  }
}

function reported({ conflicts, refused }: PublishedBatch): Published['devices'] {
  return [
    ...conflicts.map((device) => ({ ...device, kind: 'conflict' as const })),
    ...refused.map((device) => ({ ...device, kind: 'refused' as const })),
  ]
}

function nothingToPublish(): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    'There is nothing to publish: the embedded Factory API reads the device register.',
    'Write a list for a gateway, or choose another Factory API.',
    { option: 'publish' },
  )
}
