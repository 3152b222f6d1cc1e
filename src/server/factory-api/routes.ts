import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { answerRequest, type WireRequest } from '../../factory/answer.js'
import type { FactoryApi } from '../../factory/api.js'
import { hasEmbeddedFactory, readEmbeddedState } from '../../factory/embedded/index.js'
import type { StoredToken } from '../../factory/embedded/tokens.js'
import type { Clock, DurableFiles } from '../../ports.js'
import { cachedByText, coalesced, serialized } from '../caching.js'
import { type Authenticator, denialReason } from './authenticator.js'
import type { Faults } from './faults.js'
import { injectFaultAfter, injectFaultBefore } from './inject-fault.js'

/** The ports for requests to the Factory API. */
export interface RoutePorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly stateDirectory: string
  readonly authenticator: Authenticator
  readonly faults: Faults
  /** The embedded API of an existing factory. */
  apiOf(factory: string): FactoryApi
}

/** An encoded response. */
interface Answer {
  readonly status: number
  readonly text: string
  readonly etag: string | null
}

interface Params {
  readonly factory: string
  readonly id?: string
}

/** The methods that have an answer; that of the others is 404. */
export const METHODS = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'] as const

const CERTS = '/ota/factories/:factory/certs/'

/** Adds the paths of docs/profile.md#certs. */
export function addFactoryRoutes(app: FastifyInstance, ports: RoutePorts): void {
  const answerOf = answering(ports)
  const route = (url: string) =>
    app.route<{ Params: Params }>({
      ...{ method: [...METHODS], url },
      onRequest: (request, reply) => authorize(ports, request, reply),
      handler: async (request, reply) => {
        const fault = ports.faults(request.method)
        if (injectFaultBefore(fault, reply)) return reply
        const { status, text, etag } = await answerOf(request)
        if (await injectFaultAfter(fault, reply)) return reply
        if (etag !== null) reply.header('ETag', etag)
        return reply.code(status).header('Content-Type', 'application/json; charset=utf-8').send(text)
      },
    })
  route(CERTS)
  route('/ota/factories/:factory/users/')
  route('/ota/factories/:factory/users/:id/')
}

/** The token of a request; null: it has no valid one, and was answered. */
export async function authenticate(
  { authenticator, clock }: RoutePorts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<StoredToken | null> {
  const token = await authenticator.owner(request.headers, clock())
  if (token === null) {
    reply.header('WWW-Authenticate', 'Bearer')
    reply.code(401).send({ msg: 'the token is missing, invalid, expired or revoked' })
    return null
  }
  request.tokenId = token.id
  return token
}

/** Checks the token before the body is read. */
async function authorize(
  ports: RoutePorts,
  request: FastifyRequest<{ Params: Params }>,
  reply: FastifyReply,
): Promise<unknown> {
  const { factory } = request.params
  const token = await authenticate(ports, request, reply)
  if (token === null) return reply
  const reason = denialReason(token, { factory, method: request.method })
  if (reason !== null) return reply.code(403).send({ msg: reason })
  request.factory = factory
  return undefined
}

/** Concurrent reads share one result; changes run one after the other. */
function answering(ports: RoutePorts): (request: FastifyRequest<{ Params: Params }>) => Promise<Answer> {
  const { files, stateDirectory, apiOf } = ports
  const answer = async (factory: string, request: WireRequest): Promise<Answer> => {
    const exists = await hasEmbeddedFactory(files, stateDirectory, factory)
    const { status, body, etag = null } = await answerRequest(request, () => (exists ? apiOf(factory) : null))
    return { status, text: JSON.stringify(body), etag }
  }
  const certificates = coalesced(
    cachedByText(
      (factory) => readEmbeddedState(files, stateDirectory, factory),
      (factory) => answer(factory, { method: 'GET', path: `/ota/factories/${factory}/certs/`, body: undefined }),
    ),
  )
  const one = serialized()
  return ({ method, params: { factory, id }, body, headers, routeOptions: { url } }) => {
    if (method === 'GET' && url === CERTS) return certificates(factory)
    const users = id === undefined ? 'users' : `users/${id}`
    const path = `/ota/factories/${factory}/${url === CERTS ? 'certs' : users}/`
    return one(factory, () => answer(factory, { method, path, body, ifMatch: headers['if-match'] }))
  }
}
