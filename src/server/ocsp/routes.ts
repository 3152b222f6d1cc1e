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

/** The answer to those above. */
const BUSY: OcspAnswer = { outcome: 'tryLater', der: ocspError('tryLater'), cache: null }

/**
 * A service that answers tryLater to requests above the limit, without any work. Those whose bodies are still on their way do not
 * count: a client that sends them slowly must not keep the others out.
 */
export function limited({ answer }: Pick<OcspService, 'answer'>, most = MOST_IN_PROGRESS): Pick<OcspService, 'answer'> {
  let inProgress = 0
  return {
    answer: async (octets) => {
      if (inProgress >= most) return BUSY
      inProgress++
      try {
        return await answer(octets)
      } finally {
        inProgress--
      }
    },
  }
}

/**
 * Adds the routes for what is not answered directly: requests in chunks, and those that are no OCSP requests (RFC 6960,
 * appendix A; docs/ocsp.md).
 */
export function addOcspRoutes(app: FastifyInstance, { service, metrics }: OcspRoutePorts): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(REQUEST_TYPE, { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  app.post('/', async ({ body }, reply) => {
    const octets = body instanceof Uint8Array ? body : new Uint8Array()
    const { der, outcome } = await service.answer(octets)
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
