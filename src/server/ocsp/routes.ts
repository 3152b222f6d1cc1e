import type { FastifyInstance } from 'fastify'
import type { OcspAnswer, OcspService } from '../../operations/ocsp/model.js'
import { ocspError } from '../../pki/ocsp/response.js'
import type { Clock } from '../../ports.js'
import type { Log } from '../log.js'
import { MOST_IN_PROGRESS } from '../request-limits.js'
import type { OcspMetrics } from './metrics.js'

/** What answers requests. */
export interface OcspRoutePorts {
  readonly service: Pick<OcspService, 'answer'>
  readonly metrics: OcspMetrics
  readonly log: Log
  readonly clock: Clock
}

/** The media type of requests (RFC 6960, A.1.1). */
export const REQUEST_TYPE = 'application/ocsp-request'

/** The media type of answers (RFC 6960, A.1.2). */
export const RESPONSE_TYPE = 'application/ocsp-response'

/** The answer to requests above {@link MOST_IN_PROGRESS}, without any work. */
export const BUSY: OcspAnswer = { outcome: 'tryLater', der: ocspError('tryLater'), cache: null }

/**
 * Adds the routes for what is not answered directly: requests in chunks, and those that are no OCSP requests (RFC 6960,
 * appendix A; docs/ocsp.md).
 */
export function addOcspRoutes(app: FastifyInstance, { service, metrics }: OcspRoutePorts): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(REQUEST_TYPE, { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  app.post('/', async ({ body }, reply) => {
    const octets = body instanceof Uint8Array ? body : new Uint8Array()
    const { der, outcome } = metrics.inFlight() > MOST_IN_PROGRESS ? BUSY : await service.answer(octets)
    metrics.answered(outcome)
    return reply.type(RESPONSE_TYPE).send(der)
  })
  app.route({
    method: ['PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    url: '/*',
    handler: async (_, reply) =>
      reply.code(405).header('Allow', 'GET, HEAD, POST').send({ message: 'this method is not allowed here' }),
  })
}
