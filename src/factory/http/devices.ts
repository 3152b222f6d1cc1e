import { FactoryApiError } from '../api.js'
import type { DeviceApi, PublishedDevice, PutOptions, PutOutcome } from '../device-api.js'
import { type CallOptions, call } from './call.js'
import { SUCCESS } from './exchange.js'
import { badAnswer, isAccepted, refusalOf } from './refusal.js'
import { type Outcome, type RetryPorts, retryAfter, withRetries } from './retry.js'

const DEVICES = '/ota/devices/'

/** The statuses that are about one device. Another refusal is about the path or the caller, and every device would get it. */
const ABOUT_THE_DEVICE: ReadonlySet<number> = new Set([400, 413, 422])

/** The devices of a Foundries-compatible Factory API over HTTP(S). The caller's credentials decide the factory. */
export function httpDevices(options: CallOptions & RetryPorts): DeviceApi {
  return { name: options.url, put: (device, how) => put(options, device, how) }
}

async function put(
  options: CallOptions & RetryPorts,
  { certificate, name, group }: PublishedDevice,
  { signal, retries }: PutOptions,
): Promise<PutOutcome> {
  const body = {
    'client.pem': certificate,
    ...(name === null ? {} : { name }),
    ...(group === null ? {} : { group }),
  }
  const attempt = () => call(options, { method: 'PUT', path: DEVICES, body, signal })
  try {
    const outcome = await withRetries(attempt, options, async () => !signal.aborted, retries ? undefined : 1)
    signal.throwIfAborted()
    return outcomeOf(outcome, options)
  } catch (error) {
    // No OAuth token.
    if (error instanceof FactoryApiError) return { kind: 'unavailable', error, retryAfter: null }
    throw error
  }
}

function outcomeOf(outcome: Outcome, { url, clock }: CallOptions & RetryPorts): PutOutcome {
  if (isAccepted(outcome)) return { kind: 'done' }
  const { answer } = outcome
  const about = { server: url, factory: null, call: 'PUT devices', effect: 'The device register keeps the device.' }
  if (answer !== null && SUCCESS.has(answer.status))
    return { kind: 'unavailable', error: badAnswer(answer, about, null), retryAfter: null }
  const error = refusalOf(outcome, about)
  if (answer?.status === 409) return { kind: 'conflict', error }
  if (answer !== null && ABOUT_THE_DEVICE.has(answer.status)) return { kind: 'refused', error }
  return { kind: 'unavailable', error, retryAfter: retryAfter(answer?.headers['retry-after'] ?? null, clock) }
}
