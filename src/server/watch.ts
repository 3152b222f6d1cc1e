import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Log, LogLevel } from './log.js'
import type { Metrics } from './metrics.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The id of the token whose owner asks; null: nobody's. */
    tokenId: string | null
    /** The factory, when it was found to be one that its caller may ask for. */
    factory: string | null
  }
}

/** How a request ended. */
interface Ended {
  readonly route: string
  readonly status: number
  readonly seconds: number
  readonly from: string
}

/** Counts every request and writes a line about it, however it ends. */
export function watchRequests(app: FastifyInstance, metrics: Metrics, log: Log): void {
  app.decorateRequest('tokenId', null)
  app.decorateRequest('factory', null)
  app.addHook('onRequest', (request, reply, done) => {
    const begin = performance.now()
    // The connection may be gone when the line is written.
    const from = request.ip
    metrics.begin()
    // `close` comes behind an answer and behind a connection that was cut.
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

/** 0: there was no answer. */
function levelOf(status: number): LogLevel {
  if (status === 0 || status === 401 || status === 403) return 'warn'
  return status >= 500 ? 'error' : 'info'
}
