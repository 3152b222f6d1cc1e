import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Log, LogLevel } from './log.js'
import type { Metrics } from './metrics.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The id of the token; null without a valid one. */
    tokenId: string | null
    /** The factory, if the token is valid for it. */
    factory: string | null
  }
}

/** The end of a request. */
interface Ended {
  readonly route: string
  readonly status: number
  readonly seconds: number
  readonly from: string
}

/** Counts and logs every request, however it ends. */
export function watchRequests(app: FastifyInstance, metrics: Metrics, log: Log): void {
  app.decorateRequest('tokenId', null)
  app.decorateRequest('factory', null)
  app.addHook('onRequest', (request, reply, done) => {
    const begin = performance.now()
    // Read now: the connection may be closed when the line is written.
    const from = request.ip
    metrics.begin()
    // Emitted after a response, and after an aborted connection.
    reply.raw.once('close', () => {
      const seconds = (performance.now() - begin) / 1000
      const status = reply.raw.writableFinished ? reply.raw.statusCode : 0
      const route = request.routeOptions.url ?? 'none'
      metrics.end({ method: request.method, route, status, seconds })
      log[levelOf(status)](factsOf(request, { route, status, seconds, from }), 'request')
    })
    done()
  })
}

function factsOf({ method, factory, tokenId }: FastifyRequest, { route, status, seconds, from }: Ended) {
  return { method, route, factory, status, ms: Math.round(seconds * 10_000) / 10, token: tokenId, from }
}

/** The level for a status; 0 means no response. */
function levelOf(status: number): LogLevel {
  if (status === 0 || status === 401 || status === 403) return 'warn'
  return status >= 500 ? 'error' : 'info'
}
