import type * as z from 'zod/mini'
import { samePem } from '../pki/pem.js'
import {
  type CertificatesUpdate,
  type FactoryApi,
  FactoryApiError,
  type FactoryCertificates,
  type VersionedCertificates,
} from './api.js'
import type { DeviceApi } from './device-api.js'
import { type CallOptions, call } from './http/call.js'
import { httpDevices } from './http/devices.js'
import { type HttpAnswer, type HttpRequest, SUCCESS } from './http/exchange.js'
import { badAnswer, isAccepted, parsedJson, refusalOf } from './http/refusal.js'
import { type Outcome, type RetryPorts, withRetries } from './http/retry.js'
import * as wire from './wire.js'

/** Options of a Factory API over HTTP. */
interface HttpFactoryOptions extends CallOptions, RetryPorts {
  readonly factory: string
}

/** A Factory API that is informed of devices, because it does not read the device register. */
export interface HttpFactory extends FactoryApi {
  readonly devices: DeviceApi
}

const CERTS = 'certs/'
const NOTHING_CHANGED = 'Nothing was changed there.'

/**
 * A Foundries-compatible Factory API over HTTP(S) (docs/profile.md#factory-api). Reads are retried after transient failures. An update is
 * retried only if the server did not receive it, or reading back shows that it had no effect; if its response was lost, it
 * counts as done when reading back shows its effect.
 */
export function httpFactory(options: HttpFactoryOptions): HttpFactory {
  return {
    name: options.url,
    devices: httpDevices(options),
    getCertificates: () => getCertificates(options),
    requestCsrs: async (order) => {
      const attempt = () => exchange(options, 'POST', CERTS, wire.csrOrderToWire(order))
      const outcome = await withRetries(attempt, options, async ({ missing }) => {
        // The effect of this call cannot be read back, so only check that the server responds again.
        return missing?.fault.mayHaveArrived === false || (await readBack(options)) !== 'failed'
      })
      const answered = read(options, 'POST', CERTS, wire.wireCsrs, outcome)
      const ordered = Object.entries(wire.csrOrderToWire(order)).filter(([, isOrdered]) => isOrdered)
      const missing = ordered.find(([name]) => name in wire.wireCsrs.shape && !answered[name as keyof typeof answered])
      const about = failedCall(options, 'POST', CERTS, NOTHING_CHANGED)
      if (missing !== undefined && outcome.answer !== null) throw badAnswer(outcome.answer, about, missing[0])
      return wire.csrsFromWire(answered)
    },
    updateCertificates: (update, version = null) => updateCertificates(options, update, version),
    getUser: async () => {
      const path = 'users/self/'
      const outcome = await withRetries(() => exchange(options, 'GET', path), options)
      return wire.userFromWire(read(options, 'GET', path, wire.wireUser, outcome))
    },
  }
}

async function getCertificates(options: HttpFactoryOptions): Promise<VersionedCertificates | null> {
  const outcome = await withRetries(() => exchange(options, 'GET', CERTS), options)
  if (outcome.answer?.status === 206) return null
  const certificates = wire.certificatesFromWire(read(options, 'GET', CERTS, wire.wireCertificates, outcome))
  return certificates === null ? null : { ...certificates, version: strongTag(outcome.answer?.headers.etag ?? null) }
}

/** If-Match compares only strong entity tags (RFC 9110, 8.8.3 and 13.1.1); a weak one would always fail. */
function strongTag(etag: string | null): string | null {
  return etag !== null && /^"[\x21\x23-\x7e]{1,200}"$/.test(etag) ? etag : null
}

async function updateCertificates(
  options: HttpFactoryOptions,
  update: CertificatesUpdate,
  version: string | null,
): Promise<void> {
  const condition: Readonly<Record<string, string>> = version === null ? {} : { 'If-Match': version }
  const attempt = () => exchange(options, 'PATCH', CERTS, wire.updateToWire(update), condition)
  const delivery = { mayHaveArrived: false }
  const outcome = await withRetries(attempt, options, async ({ missing }) => {
    if (missing?.fault.mayHaveArrived === false) return true
    delivery.mayHaveArrived = true
    return (await effectOf(options, update)) === 'none'
  })
  if (isAccepted(outcome)) return
  // After an attempt whose response was lost, a refusal may only mean that the first attempt succeeded.
  const isClear = outcome.answer !== null && outcome.answer.status >= 400 && outcome.answer.status < 500
  const isNew = outcome.missing?.fault.mayHaveArrived === false
  const effect = (isClear || isNew) && !delivery.mayHaveArrived ? 'none' : await effectOf(options, update)
  if (effect === 'done') return
  const unknown =
    'Whether it accepted the certificates is unknown. Nothing is lost: run the same command again, which checks first.'
  const about = failedCall(options, 'PATCH', CERTS, effect === 'none' ? NOTHING_CHANGED : unknown)
  // A success status with the wrong content, such as a proxy's page, is not a refusal.
  if (outcome.answer !== null && SUCCESS.has(outcome.answer.status)) throw badAnswer(outcome.answer, about, null)
  throw refusalOf(outcome, about)
}

/** Whether the server shows an update; 'unknown' when it does not respond. */
async function effectOf(options: HttpFactoryOptions, update: CertificatesUpdate): Promise<'done' | 'none' | 'unknown'> {
  const current = await readBack(options)
  if (current === 'failed') return 'unknown'
  return current !== null && hasAll(current, update) ? 'done' : 'none'
}

async function readBack(options: HttpFactoryOptions): Promise<VersionedCertificates | null | 'failed'> {
  try {
    return await getCertificates(options)
  } catch (error) {
    if (error instanceof FactoryApiError) return 'failed'
    throw error
  }
}

function hasAll(current: FactoryCertificates, { caRevokeCrl, ...certificates }: CertificatesUpdate): boolean {
  const compact = (text: string | null) => text?.replace(/\s/g, '')
  if (caRevokeCrl !== undefined && compact(caRevokeCrl) !== compact(current.caRevokeCrl)) return false
  const names = Object.keys(certificates) as (keyof typeof certificates)[]
  try {
    return names.every((name) => certificates[name] === undefined || samePem(certificates[name], current[name]))
  } catch {
    // Invalid PEM differs from the update.
    return false
  }
}

/** A call of this factory. */
function exchange(
  options: HttpFactoryOptions,
  method: HttpRequest['method'],
  path: string,
  body?: unknown,
  condition?: Readonly<Record<string, string>>,
): Promise<HttpAnswer> {
  return call(options, {
    method,
    path: `/ota/factories/${encodeURIComponent(options.factory)}/${path}`,
    body,
    condition,
  })
}

/** Parses a response. Throws {@link FactoryApiError} when it is not a success or its body is invalid. */
function read<T>(
  options: HttpFactoryOptions,
  method: HttpRequest['method'],
  path: string,
  schema: z.ZodMiniType<T>,
  outcome: Outcome,
): T {
  const about = failedCall(options, method, path, NOTHING_CHANGED)
  if (outcome.answer === null || !SUCCESS.has(outcome.answer.status)) throw refusalOf(outcome, about)
  const parsed = schema.safeParse(parsedJson(outcome.answer.text))
  if (parsed.success) return parsed.data
  throw badAnswer(outcome.answer, about, wire.wrongMember(parsed.error) || null)
}

function failedCall({ url, factory }: HttpFactoryOptions, method: string, path: string, effect: string) {
  return { server: url, factory, call: `${method} ${path.replace(/\/(self\/)?$/, '')}`, effect }
}
