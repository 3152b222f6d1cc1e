import type { RegistrationService } from '../../operations/registration/model.js'
import type { Address } from '../address.js'
import { addErrorHandlers } from '../errors.js'
import { type HttpServer, listen, newHttpServer } from '../http-server.js'
import type { Log } from '../log.js'
import type { Networks } from '../networks.js'
import type { ServerIdentity } from '../own-certificate.js'
import { MAX_REQUESTS_PER_SOCKET, RETRY_AFTER } from '../request-limits.js'
import { whatIsUnavailable } from '../unavailable.js'
import type { WrongCredentials } from '../wrong-credentials.js'
import type { RegistrationMetrics } from './metrics.js'
import { addRegistrationRoutes, factsOf } from './routes.js'

/** Options of the registration server. */
export interface RegistrationServerOptions extends Address {
  /** null for plain HTTP. */
  readonly identity: ServerIdentity | null
  /** The only clients that are answered; null: all. */
  readonly clients: Networks | null
  readonly tokenHeader: string
}

/** Its ports. */
export interface RegistrationServerPorts {
  readonly service: RegistrationService
  readonly metrics: RegistrationMetrics
  readonly wrong: WrongCredentials
  readonly log: Log
}

/** The largest registration that a client sends is a tenth of it. */
export const MAX_REGISTRATION_BYTES = 16 * 1024

/**
 * Serves the registration of devices. Throws ERR_USAGE when it cannot listen on the address, ERR_BAD_KEY when key and
 * certificate are not usable.
 */
export function serveRegistration(
  options: RegistrationServerOptions,
  { service, metrics, wrong, log }: RegistrationServerPorts,
): Promise<HttpServer> {
  const { identity, clients } = options
  const limits = { maxBodyBytes: MAX_REGISTRATION_BYTES, maxRequestsPerSocket: MAX_REQUESTS_PER_SOCKET }
  const app = newHttpServer(
    { identity, asksForCertificate: true, textMember: 'message', ...limits },
    { metrics, log, factsOf },
  )
  if (clients !== null) {
    app.server.on('connection', (socket) => {
      if (!clients.has(socket.remoteAddress ?? '')) socket.destroy()
    })
  }
  const texts = { member: 'message', maxBody: '16 kB', whyNotNow: whatIsUnavailable, retryAfter: RETRY_AFTER } as const
  addErrorHandlers(app, log, texts)
  addRegistrationRoutes(app, { service, metrics, log, wrong, tokenHeader: options.tokenHeader.toLowerCase() })
  return listen(app, options, { option: 'register', inFlight: metrics.inFlight })
}
