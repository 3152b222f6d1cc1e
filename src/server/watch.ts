import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Facts, Log, LogLevel } from './log.js'
import type { RequestMetrics } from './metrics.js'

/** Where requests are counted and logged. */
export interface Watch {
  readonly metrics: RequestMetrics
  readonly log: Log
  /** What the log says of a request besides what it says of all; null: nothing is logged. */
  factsOf(request: FastifyRequest, status: number): Facts | null
}

/** Counts and logs every request, however it ends. */
export function watchRequests(app: FastifyInstance, { metrics, log, factsOf }: Watch): void {
  const onEnd = endings()
  app.addHook('onRequest', (request, reply, done) => {
    const begin = performance.now()
    // Read now: the connection may be closed when the line is written.
    const from = request.ip
    metrics.begin()
    onEnd(request.raw, reply.raw, () => {
      const seconds = (performance.now() - begin) / 1000
      const status = reply.raw.writableFinished ? reply.raw.statusCode : 0
      const route = request.routeOptions.url ?? 'none'
      const { method } = request
      metrics.end({ method, route, status, seconds })
      const facts = factsOf(request, status)
      const ms = Math.round(seconds * 10_000) / 10
      if (facts !== null) log[levelOf(status)]({ method, route, ...facts, status, ms, from }, 'request')
    })
    done()
  })
}

/**
 * Calls back once for each request: after its response, or when its connection ends. Of requests that a client sent without
 * waiting for answers, Node emits `close` only for the response that is next.
 */
export function endings(): (request: IncomingMessage, response: ServerResponse, done: () => void) => void {
  const bySocket = new WeakMap<Socket, Set<() => void>>()
  const openOf = (socket: Socket) => {
    const known = bySocket.get(socket)
    if (known !== undefined) return known
    const open = new Set<() => void>()
    bySocket.set(socket, open)
    socket.once('close', () => {
      for (const end of open) end()
    })
    return open
  }
  return ({ socket }, response, done) => {
    const open = openOf(socket)
    const end = () => {
      if (open.delete(end)) done()
    }
    open.add(end)
    response.once('close', end)
  }
}

/** The level for a status; 0 means no response. */
function levelOf(status: number): LogLevel {
  if (status === 0 || status === 401 || status === 403) return 'warn'
  return status >= 500 ? 'error' : 'info'
}
