import { inform } from './inform.js'
import type { Announce } from './model.js'
import { type Publishing, type PublishPorts, reasonOf } from './publish-batch.js'
import { REFUSED_WAIT, waitFor } from './publish-schedule.js'

/**
 * Informs the Factory API of a device at once, for `require`. What fails waits in the outbox, and is published like everything
 * in it. Throws the reason of `signal`, and what the outbox throws.
 */
export function announceTo({ outbox, api }: Publishing, signal: AbortSignal, ports: PublishPorts): Announce {
  return async (device) => {
    const entry = { ...device, attempts: 0 }
    const outcome = await inform(api, entry, { signal, retries: true })
    if (outcome.kind === 'done') {
      await outbox.delivered([entry])
      return { kind: 'delivered' }
    }
    const reason = reasonOf(outcome.error)
    if (outcome.kind === 'conflict') {
      await outbox.conflict(entry)
      return { kind: 'conflict', reason }
    }
    const wait =
      outcome.kind === 'refused'
        ? REFUSED_WAIT
        : waitFor({ status: outcome.error.status, retryAfter: outcome.retryAfter }, 1, ports.random)
    await outbox.failed(entry, { at: ports.clock().getTime() + Math.round(wait), reason })
    return { kind: 'failed', reason }
  }
}
