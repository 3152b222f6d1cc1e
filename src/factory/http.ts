import type * as z from 'zod/mini'
import { samePem } from '../pki/pem.js'
import {
  type CertificatesUpdate,
  type FactoryApi,
  FactoryApiError,
  type FactoryCertificates,
  type VersionedCertificates,
} from './api.js'
import type { Credentials } from './http/credentials.js'
import type { HttpAnswer, HttpRequest, Send } from './http/exchange.js'
import { badAnswer, parsedJson, refusalOf } from './http/refusal.js'
import { type Outcome, type RetryPorts, withRetries } from './http/retry.js'
import * as wire from './wire.js'

/** Options of a Factory API over HTTP. */
interface HttpFactoryOptions extends RetryPorts {
  /** The base URL, without a trailing slash. */
  readonly url: string
  readonly factory: string
  readonly credentials: Credentials
  /** Additional headers for each request. */
  readonly extraHeaders: Readonly<Record<string, string>>
  readonly userAgent: string
  readonly send: Send
}

const CERTS = 'certs/'
const SUCCESS: ReadonlySet<number> = new Set([200, 201, 202, 204])
const NOTHING_CHANGED = 'Nothing was changed there.'

/**
 * A Foundries-compatible Factory API over HTTP(S) (docs/profile.md#factory-api). Reads are retried after transient failures. An update is
 * retried only if the server did not receive it, or reading back shows that it had no effect; if its response was lost, it
 * counts as done when reading back shows its effect.
 */
export function httpFactory(options: HttpFactoryOptions): FactoryApi {
  return {
    name: options.url,
    getCertificates: () => getCertificates(options),
    requestCsrs: async (order) => {
      const call = () => exchange(options, 'POST', CERTS, wire.csrOrderToWire(order))
      const outcome = await withRetries(call, options, async ({ missing }) => {
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
  const call = () => exchange(options, 'PATCH', CERTS, wire.updateToWire(update), condition)
  const delivery = { mayHaveArrived: false }
  const outcome = await withRetries(call, options, async ({ missing }) => {
    if (missing?.fault.mayHaveArrived === false) return true
    delivery.mayHaveArrived = true
    return (await effectOf(options, update)) === 'none'
  })
  if (isSuccess(outcome)) return
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

/** Whether the server accepted the update. A proxy's page may have a success status too. */
function isSuccess({ answer }: Outcome): boolean {
  if (answer === null || !SUCCESS.has(answer.status)) return false
  return answer.text.trim() === '' || parsedJson(answer.text) !== undefined
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

/** Sends one request, and again after a 401 if there are new credentials. */
async function exchange(
  options: HttpFactoryOptions,
  method: HttpRequest['method'],
  path: string,
  body?: unknown,
  condition: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  const { url, factory, credentials, extraHeaders, userAgent, send } = options
  const attempt = async () => {
    const own = {
      ...(await credentials.headers()),
      'User-Agent': userAgent,
      Accept: 'application/json',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...condition,
    }
    const text = body === undefined ? null : JSON.stringify(body)
    const address = `${url}/ota/factories/${encodeURIComponent(factory)}/${path}`
    const headers = { ...extraHeaders, ...own }
    return redacted(await send({ method, url: address, headers, body: text }), headers)
  }
  const answer = await attempt()
  return answer.status === 401 && (await credentials.renew()) ? attempt() : answer
}

const PUBLIC: readonly string[] = ['User-Agent', 'Accept', 'Content-Type', 'If-Match']

/** Removes credentials from error responses: a server that repeats the token must not bring it into a log. */
function redacted(answer: HttpAnswer, headers: Readonly<Record<string, string>>): HttpAnswer {
  if (SUCCESS.has(answer.status)) return answer
  const values = Object.entries(headers).flatMap(([name, value]) => (PUBLIC.includes(name) ? [] : [value]))
  const bearers = values.flatMap((value) => (value.startsWith('Bearer ') ? [value.slice('Bearer '.length)] : []))
  const tokens = bearers.map((bearer) => Buffer.from(bearer, 'base64').toString('utf8'))
  const secrets = [...values, ...bearers, ...tokens].filter((secret) => secret.length >= MIN_SECRET)
  return { ...answer, text: secrets.reduce((text, secret) => text.replaceAll(secret, '***'), answer.text) }
}

/** Shorter values would also replace ordinary words. */
const MIN_SECRET = 6

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
