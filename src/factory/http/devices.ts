import { FactoryApiError } from '../api.js'
import type { DenyOutcome, DeviceApi, PublishedDevice, PutOptions, PutOutcome } from '../device-api.js'
import { type CallOptions, call } from './call.js'
import { type HttpRequest, SUCCESS } from './exchange.js'
import { badAnswer, isAccepted, refusalOf } from './refusal.js'
import { type Outcome, type RetryPorts, retryAfter, withRetries } from './retry.js'

const DEVICES = '/ota/devices/'

/** The statuses that are about one device. Another refusal is about the path or the caller, and every device would get it. */
const ABOUT_THE_DEVICE: readonly number[] = [400, 413, 422]

interface DevicesOptions extends CallOptions, RetryPorts {
  /** The factory of devices that are named by their UUID alone. */
  readonly factory: string
}

/** The devices of a Foundries-compatible Factory API over HTTP(S). */
export function httpDevices(options: DevicesOptions): DeviceApi {
  return {
    name: options.url,
    put: (device, how) => put(options, device, how),
    deny: (uuid, how) => deny(options, uuid, how),
    allow: (uuid, how) => allow(options, uuid, how),
  }
}

/** The credentials and the certificate decide the factory. */
async function put(
  options: DevicesOptions,
  { certificate, name, group }: PublishedDevice,
  how: PutOptions,
): Promise<PutOutcome> {
  const body = {
    'client.pem': certificate,
    ...(name === null ? {} : { name }),
    ...(group === null ? {} : { group }),
  }
  const what = { call: 'PUT devices', aboutDevice: ABOUT_THE_DEVICE, conflict: [409], none: [] }
  return knownOnly(await exchange(options, { method: 'PUT', path: DEVICES, body }, what, how))
}

/** Deleting a device denies it. One that the API does not have may be denied already, such as when an answer was lost. */
async function deny(options: DevicesOptions, uuid: string, how: PutOptions): Promise<DenyOutcome> {
  const query = new URLSearchParams({ factory: options.factory, 'by-uuid': '1' })
  const path = `${DEVICES}${encodeURIComponent(uuid)}/?${query}`
  const what = { call: 'DELETE devices', aboutDevice: [...ABOUT_THE_DEVICE, 409], conflict: [], none: [404] }
  const deleted = await exchange(options, { method: 'DELETE', path }, what, how)
  if (deleted.kind !== 'unknown') return deleted
  const call = { call: 'GET denied-devices', aboutDevice: ABOUT_THE_DEVICE, conflict: [], none: [404, 405] }
  const listed = await exchange(options, { method: 'GET', path: deniedPath(options, uuid) }, call, how)
  return listed.kind === 'unknown' ? deleted : listed
}

async function allow(options: DevicesOptions, uuid: string, how: PutOptions): Promise<PutOutcome> {
  const path = deniedPath(options, uuid)
  // 403: it is denied for ever. The owner of a token without the scope learns it from the reason.
  const what = {
    call: 'DELETE denied-devices',
    aboutDevice: [...ABOUT_THE_DEVICE, 403, 409],
    conflict: [],
    none: [404],
  }
  const outcome = await exchange(options, { method: 'DELETE', path }, what, how)
  return outcome.kind === 'unknown' ? { kind: 'done' } : outcome
}

function deniedPath({ factory }: DevicesOptions, uuid: string): string {
  return `/ota/factories/${encodeURIComponent(factory)}/denied-devices/${encodeURIComponent(uuid)}/`
}

/** A call, and what the statuses of its answers mean. */
interface Meanings {
  readonly call: string
  readonly aboutDevice: readonly number[]
  readonly conflict: readonly number[]
  /** There is no such device. */
  readonly none: readonly number[]
}

async function exchange(
  options: DevicesOptions,
  request: Pick<HttpRequest, 'method'> & { readonly path: string; readonly body?: unknown },
  meanings: Meanings,
  { signal, retries }: PutOptions,
): Promise<DenyOutcome> {
  const attempt = () => call(options, { ...request, signal })
  try {
    const outcome = await withRetries(attempt, options, async () => !signal.aborted, retries ? undefined : 1)
    signal.throwIfAborted()
    return outcomeOf(outcome, meanings, options)
  } catch (error) {
    // No OAuth token.
    if (error instanceof FactoryApiError) return { kind: 'unavailable', error, retryAfter: null }
    throw error
  }
}

function outcomeOf(
  outcome: Outcome,
  { call: what, aboutDevice, conflict, none }: Meanings,
  { url, clock }: DevicesOptions,
): DenyOutcome {
  if (isAccepted(outcome)) return { kind: 'done' }
  const { answer } = outcome
  const about = { server: url, factory: null, call: what, effect: 'The device register keeps the device.' }
  if (answer !== null && SUCCESS.has(answer.status))
    return { kind: 'unavailable', error: badAnswer(answer, about, null), retryAfter: null }
  const error = refusalOf(outcome, about)
  const status = answer?.status ?? 0
  if (none.includes(status)) return { kind: 'unknown', error }
  if (conflict.includes(status)) return { kind: 'conflict', error }
  if (aboutDevice.includes(status)) return { kind: 'refused', error }
  return { kind: 'unavailable', error, retryAfter: retryAfter(answer?.headers['retry-after'] ?? null, clock) }
}

function knownOnly(outcome: DenyOutcome): PutOutcome {
  return outcome.kind === 'unknown' ? { kind: 'unavailable', error: outcome.error, retryAfter: null } : outcome
}
