import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { systemErrorCode } from '../../errors.js'
import { isUnknownIssuer } from '../../factory/http/faults.js'
import type { Address } from '../address.js'
import { addErrorHandlers } from '../errors.js'
import { type HttpServer, listen, newHttpServer } from '../http-server.js'
import type { Log } from '../log.js'
import { inFlightOnly } from '../metrics.js'
import { REGISTRATION_PATHS, unavailable } from '../registration/routes.js'
import { MAX_REGISTRATION_BYTES } from '../registration/server.js'
import { MOST_IN_PROGRESS, RETRY_AFTER } from '../request-limits.js'
import type { Upstream, UpstreamRequest } from './upstream.js'

/** What a relay needs. */
interface RelayPorts {
  readonly upstream: Upstream
  readonly log: Log
}

/**
 * Takes registrations in plain HTTP, and passes them on as a station. Bodies go both ways as they are. Tokens are not passed on:
 * the certificate of the station is the credential. Throws ERR_USAGE when it cannot listen on the address.
 */
export function serveRelay(address: Address, { upstream, log }: RelayPorts): Promise<HttpServer> {
  const metrics = inFlightOnly()
  const options = { identity: null, maxBodyBytes: MAX_REGISTRATION_BYTES, textMember: 'message' } as const
  const app = newHttpServer(options, { metrics, log, factsOf: () => ({}) })
  addErrorHandlers(app, log, { member: 'message', maxBody: '16 kB', whyNotNow: () => null, retryAfter: RETRY_AFTER })
  // Before the body is read: a client may send requests without waiting for any answer.
  app.addHook('onRequest', async (_, reply) =>
    metrics.inFlight() > MOST_IN_PROGRESS ? unavailable(reply, 'too many registrations are in progress') : undefined,
  )
  addRelayRoutes(app, upstream, log)
  return listen(app, address, { option: 'listen', inFlight: metrics.inFlight })
}

function addRelayRoutes(app: FastifyInstance, upstream: Upstream, log: Log): void {
  // Whatever is not JSON, the service refuses.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  for (const url of REGISTRATION_PATHS) {
    app.route({
      method: ['GET', 'HEAD', 'POST'],
      url,
      handler: (request, reply) => passOn(upstream, { ...requestOf(request), path: url }, reply, log),
    })
  }
}

function requestOf({ method, headers, body }: FastifyRequest): Omit<UpstreamRequest, 'path'> {
  return {
    method: method === 'POST' || method === 'HEAD' ? method : 'GET',
    contentType: headers['content-type'] ?? null,
    body: method === 'POST' && body instanceof Uint8Array ? body : null,
  }
}

/** What fpki issued for itself has a CA of its own. */
const UNTRUSTED =
  'Pass --ca FILE with the CA of the registration service: there, .fpki/registration/ca.pem in the PKI directory.'

async function passOn(
  upstream: Upstream,
  request: UpstreamRequest,
  reply: FastifyReply,
  log: Log,
): Promise<FastifyReply> {
  try {
    const { status, headers, body } = await upstream.send(request)
    reply.code(status).headers(headers)
    return reply.send(request.method === 'HEAD' ? undefined : Buffer.from(body))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const code = systemErrorCode(error)
    log.error({ code, reason, ...(isUnknownIssuer(code ?? '') ? { hint: UNTRUSTED } : {}) }, 'no answer')
    return unavailable(reply, 'the registration service does not answer; see the log of the relay')
  }
}
