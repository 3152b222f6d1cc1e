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

/** A request to the Factory API; `body` is parsed JSON, and undefined when there is none. */
export interface WireRequest {
  readonly method: string
  /** Without a query. */
  readonly path: string
  readonly body: unknown
  /** The header If-Match. */
  readonly ifMatch?: string | undefined
}

/** What a server answers; `body` becomes JSON. */
export interface WireAnswer {
  readonly status: number
  /** The header ETag. */
  readonly etag?: string | null
  readonly body: unknown
}

const PATH = /^\/ota\/factories\/([^/]+)\/(?:(certs)|users\/([^/]+))\/$/

/**
 * Answers one request as a Factory API does over HTTP (contract.md 4). What an API refuses is an answer too; anything
 * else that goes wrong is thrown.
 *
 * @param apiOf the API of a factory, for the caller of this request; null: there is no such factory
 */
export async function answerRequest(
  request: WireRequest,
  apiOf: (factory: string) => FactoryApi | null,
): Promise<WireAnswer> {
  const [, factory = '', certs, user] = PATH.exec(request.path) ?? []
  const api = factory === '' ? null : apiOf(factory)
  if (api === null) return messageAnswer(404, 'not found')
  try {
    return certs === undefined ? await users(api, request, user ?? '') : await certificates(api, request)
  } catch (error) {
    if (!(error instanceof FactoryApiError)) throw error
    return messageAnswer(error.status, error.reason ?? error.message)
  }
}

async function certificates(api: FactoryApi, { method, body, ifMatch }: WireRequest): Promise<WireAnswer> {
  switch (method) {
    case 'GET': {
      const known = await api.getCertificates()
      if (known === null) return messageAnswer(206, 'not initialized')
      return { status: 200, body: certificatesToWire(known), etag: known.version }
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
 * The version that If-Match allows (RFC 9110, 13.1.1); the API compares it again under its lock. null: any. Throws
 * {@link FactoryApiError} with the status {@link CONFLICT} when the present version is not in the list.
 */
async function expectedVersion(api: FactoryApi, ifMatch: string): Promise<string | null> {
  const known = await api.getCertificates()
  if (known !== null && ifMatch.trim() === '*') return null
  const versions = ifMatch.split(',').map((version) => version.trim())
  if (known !== null && known.version !== null && versions.includes(known.version)) return known.version
  const reason = 'the certificates have changed since they were read'
  throw new FactoryApiError(CONFLICT, `The request was refused: ${reason}.`, 'Nothing was changed.', { reason })
}

async function users(api: FactoryApi, { method }: WireRequest, id: string): Promise<WireAnswer> {
  if (method !== 'GET') return messageAnswer(405, 'method not allowed')
  const user = await api.getUser()
  return id === 'self' || id === user.polisId
    ? { status: 200, body: userToWire(user) }
    : messageAnswer(404, 'not found')
}

function read<T>(schema: z.ZodMiniType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const member = wrongMember(parsed.error)
  const reason = member === '' ? 'the body is no JSON object' : `${member} is missing or of the wrong kind`
  throw new FactoryApiError(400, `The request was not understood: ${reason}.`, 'Nothing was changed.', { reason })
}

function messageAnswer(status: number, msg: string): WireAnswer {
  return { status, body: { msg } }
}
