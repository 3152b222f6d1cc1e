import type { Address } from './address.js'
import { addErrorHandlers } from './errors.js'
import { type HttpServer, listen, newHttpServer } from './http-server.js'
import type { Log } from './log.js'
import { inFlightOnly } from './metrics.js'

/** What a service says of itself to those who watch it. */
export interface ServiceStatus {
  /** Why it cannot do its work right now, as a clause; null: it can. */
  whyUnavailable(): Promise<string | null>
  /** In the text format of Prometheus. */
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>
}

/**
 * Serves `/healthz`, `/readyz` and `/metrics` in plain HTTP, apart from the service, so that who watches it needs neither its
 * certificate nor a place among its clients. Throws ERR_USAGE when it cannot listen on the address.
 */
export function serveStatus(address: Address, log: Log, status: ServiceStatus): Promise<HttpServer> {
  const metrics = inFlightOnly()
  const options = { identity: null, maxBodyBytes: 1024, textMember: 'message' } as const
  const app = newHttpServer(options, { metrics, log, factsOf: () => null })
  addErrorHandlers(app, log, { member: 'message', maxBody: '1 kB', whyNotNow: () => null, retryAfter: 1 })
  app.get('/healthz', () => ({ status: 'ok' }))
  app.get('/readyz', async (_, reply) => {
    const message = await status.whyUnavailable()
    return message === null ? { status: 'ok' } : reply.code(503).send({ message })
  })
  app.get('/metrics', async (_, reply) => {
    const { text, contentType } = await status.metrics()
    return reply.header('Content-Type', contentType).send(text)
  })
  return listen(app, address, { option: 'status', inFlight: metrics.inFlight })
}
