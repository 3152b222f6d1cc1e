import type { EstStatus, RenewalService } from '../../operations/renewal/model.js'
import type { Address } from '../address.js'
import { addErrorHandlers } from '../errors.js'
import { type HttpServer, listen, newHttpServer } from '../http-server.js'
import type { Log } from '../log.js'
import type { ServerIdentity } from '../own-certificate.js'
import { MAX_REQUESTS_PER_SOCKET, RETRY_AFTER } from '../request-limits.js'
import { whatIsUnavailable } from '../unavailable.js'
import type { WrongCredentials } from '../wrong-credentials.js'
import { REQUEST_TYPE } from './messages.js'
import type { EstMetrics } from './metrics.js'
import { addEstRoutes, factsOf } from './routes.js'

/** Options of the EST server. */
export interface EstServerOptions extends Address {
  /** EST is HTTPS always (RFC 7030, 3.3). */
  readonly identity: ServerIdentity
  readonly status: EstStatus
}

/** Its ports. */
export interface EstServerPorts {
  readonly service: RenewalService
  readonly metrics: EstMetrics
  readonly wrong: WrongCredentials
  readonly log: Log
}

/** The request of a device has half a kilobyte. */
const MAX_REQUEST_BYTES = 16 * 1024

/**
 * Serves EST. It asks every client for a certificate and lets them in with any: the service judges. Throws ERR_USAGE when it
 * cannot listen on the address, ERR_BAD_KEY when key and certificate are not usable.
 */
export function serveEst(
  options: EstServerOptions,
  { service, metrics, wrong, log }: EstServerPorts,
): Promise<HttpServer> {
  const { identity, status } = options
  const limits = { maxBodyBytes: MAX_REQUEST_BYTES, maxRequestsPerSocket: MAX_REQUESTS_PER_SOCKET }
  const app = newHttpServer(
    { identity, asksForCertificate: true, textMember: null, ...limits },
    { metrics, log, factsOf },
  )
  app.removeAllContentTypeParsers()
  const texts = {
    member: null,
    bodies: REQUEST_TYPE,
    maxBody: '16 kB',
    whyNotNow: whatIsUnavailable,
    retryAfter: RETRY_AFTER,
  }
  addErrorHandlers(app, log, texts)
  addEstRoutes(app, { service, metrics, log, wrong, status })
  return listen(app, options, { option: 'est', inFlight: metrics.inFlight })
}
