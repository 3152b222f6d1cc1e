import { MAX_REQUEST_BYTES } from '../../pki/ocsp/request.js'
import type { Address } from '../address.js'
import { addErrorHandlers } from '../errors.js'
import { type HttpServer, listen, newHttpServer } from '../http-server.js'
import { MAX_REQUESTS_PER_SOCKET } from '../request-limits.js'
import { answerDirectly } from './direct.js'
import { addOcspRoutes, limited, type OcspRoutePorts, REQUEST_TYPE } from './routes.js'

/**
 * Serves OCSP over plain HTTP: answers are signed, and a client that checks the certificate of a server by OCSP could not
 * connect otherwise (RFC 6960, A.1). Throws ERR_USAGE when it cannot listen on the address.
 */
export function serveOcsp(options: Address, { metrics, log, clock, ...ports }: OcspRoutePorts): Promise<HttpServer> {
  const service = limited(ports.service)
  const limits = { maxBodyBytes: MAX_REQUEST_BYTES, maxRequestsPerSocket: MAX_REQUESTS_PER_SOCKET }
  const app = newHttpServer({ identity: null, textMember: 'message', ...limits }, { metrics, log, factsOf: () => null })
  const texts = { member: 'message', maxBody: '8 kB', bodies: REQUEST_TYPE } as const
  addErrorHandlers(app, log, { ...texts, whyNotNow: () => null, retryAfter: 1 })
  addOcspRoutes(app, { service, metrics, log, clock })
  answerDirectly(app.server, { service, metrics, log, clock })
  return listen(app, options, { option: 'ocsp', inFlight: metrics.inFlight })
}
