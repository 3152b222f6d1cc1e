import type * as z from 'zod/mini'
import { CONFLICT, type FactoryApi, FactoryApiError } from './api.js'
import {
  certificatesToWire,
  csrOrderFromWire,
  csrsToWire,
  updateFromWire,
  userToWire,
  wireCsrOrder,
  wireUpdate,
  wrongMember,
} from './wire.js'

/** A request to the Factory API. `body` is parsed JSON; undefined when absent. */
export interface WireRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly body: unknown
  /** The header If-Match. */
  readonly ifMatch?: string | undefined
}

/** A response; `body` is encoded as JSON. */
export interface WireAnswer {
  readonly status: number
  /** The header ETag. */
  readonly etag?: string | null
  readonly body: unknown
}

const PATH = /^\/ota\/factories\/([^/]+)\/(?:(certs)|users(?:\/([^/]+))?)\/$/

/**
 * Answers one request to a Factory API over HTTP (docs/profile.md#factory-api). Refusals become responses; other errors are thrown.
 *
 * @param apiOf the API of a factory for the caller; null when the factory does not exist
 */
export async function answerRequest(
  request: WireRequest,
  apiOf: (factory: string) => FactoryApi | null,
): Promise<WireAnswer> {
  const [, factory = '', certs, user] = PATH.exec(request.path) ?? []
  const api = factory === '' ? null : apiOf(factory)
  if (api === null) return messageAnswer(404, 'not found')
  try {
    return certs === undefined ? await users(api, request, user ?? null) : await certificates(api, request)
  } catch (error) {
    if (!(error instanceof FactoryApiError)) throw error
    return messageAnswer(error.status, error.reason ?? error.message)
  }
}

async function certificates(api: FactoryApi, { method, body, ifMatch }: WireRequest): Promise<WireAnswer> {
  switch (method) {
    case 'GET': {
      const current = await api.getCertificates()
      if (current === null) return messageAnswer(206, 'not initialized')
      return { status: 200, body: certificatesToWire(current), etag: current.version }
    }
    case 'POST': {
      const csrs = await api.requestCsrs(csrOrderFromWire(read(wireCsrOrder, body)))
      return { status: 201, body: csrsToWire(csrs) }
    }
    case 'PATCH': {
      const update = updateFromWire(read(wireUpdate, body))
      await api.updateCertificates(update, ifMatch === undefined ? null : await expectedVersion(api, ifMatch))
      return { status: 202, body: {} }
    }
    default:
      return messageAnswer(405, 'method not allowed')
  }
}

/**
 * The version that If-Match requires (RFC 9110, 13.1.1), which the API compares again under its lock; null for any. Throws
 * {@link FactoryApiError} with the status {@link CONFLICT} when the current version is not in the list.
 */
async function expectedVersion(api: FactoryApi, ifMatch: string): Promise<string | null> {
  const current = await api.getCertificates()
  if (current !== null && ifMatch.trim() === '*') return null
  const versions = ifMatch.split(',').map((version) => version.trim())
  if (current !== null && current.version !== null && versions.includes(current.version)) return current.version
  const reason = 'the certificates have changed since they were read'
  throw new FactoryApiError(CONFLICT, `Request refused: ${reason}.`, 'Nothing was changed.', { reason })
}

/** @param id null: all users of the factory */
async function users(api: FactoryApi, { method }: WireRequest, id: string | null): Promise<WireAnswer> {
  if (method !== 'GET') return messageAnswer(405, 'method not allowed')
  const user = await api.getUser()
  if (id === null) return { status: 200, body: [userToWire(user)] }
  return id === 'self' || id === user.polisId
    ? { status: 200, body: userToWire(user) }
    : messageAnswer(404, 'not found')
}

function read<T>(schema: z.ZodMiniType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const member = wrongMember(parsed.error)
  const reason = member === '' ? 'the body is not a JSON object' : `${member} is missing or has the wrong type`
  throw new FactoryApiError(400, `Invalid request: ${reason}.`, 'Nothing was changed.', { reason })
}

function messageAnswer(status: number, msg: string): WireAnswer {
  return { status, body: { msg } }
}
