import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { OcspAnswer, OcspOutcome, OcspService } from '../../operations/ocsp/model.js'
import { ocspError } from '../../pki/ocsp/response.js'
import type { Clock } from '../../ports.js'
import type { Facts } from '../log.js'
import type { OcspMetrics } from './metrics.js'
import { requestInPath } from './request-path.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** What the OCSP response says; null: there is none. */
    ocspOutcome: OcspOutcome | null
  }
}

/** What the routes need. */
export interface OcspRoutePorts {
  readonly service: Pick<OcspService, 'answer'>
  readonly metrics: OcspMetrics
  readonly clock: Clock
}

/** The media type of requests (RFC 6960, A.1.1). */
export const REQUEST_TYPE = 'application/ocsp-request'

/** The media type of answers (RFC 6960, A.1.2). */
const RESPONSE_TYPE = 'application/ocsp-response'

/** So many requests are answered at a time; those above get tryLater without any work. */
const MOST_IN_PROGRESS = 4096

/** Adds the routes of OCSP over HTTP (RFC 6960, appendix A; docs/ocsp.md): POST to /, and GET below it. */
export function addOcspRoutes(app: FastifyInstance, ports: OcspRoutePorts): void {
  app.decorateRequest('ocspOutcome', null)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(REQUEST_TYPE, { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  app.post('/', async (request, reply) => {
    const { body } = request
    return send(await answered(body instanceof Uint8Array ? body : new Uint8Array(), request, ports), reply)
  })
  app.route({
    method: ['GET', 'HEAD'],
    url: '/*',
    handler: async (request, reply) => {
      const octets = requestInPath(request.raw.url ?? '')
      // Whoever looks at the address with a browser is no OCSP client.
      if (octets === null) return reply.code(404).send({ message: 'not found: this is an OCSP responder' })
      const answer = await answered(octets, request, ports)
      return sendCached(answer, request, reply, ports.clock())
    },
  })
  app.route({
    method: ['PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    url: '/*',
    handler: async (_, reply) =>
      reply.code(405).header('Allow', 'GET, HEAD, POST').send({ message: 'this method is not allowed here' }),
  })
}

async function answered(
  octets: Uint8Array,
  request: FastifyRequest,
  { service, metrics }: OcspRoutePorts,
): Promise<OcspAnswer> {
  const answer = metrics.inFlight() > MOST_IN_PROGRESS ? BUSY : await service.answer(octets)
  request.ocspOutcome = answer.outcome
  metrics.answered(answer.outcome)
  return answer
}

const BUSY: OcspAnswer = { outcome: 'tryLater', der: ocspError('tryLater'), cache: null }

/** An OCSP response is an answer of HTTP whatever it says (RFC 6960, A.1.2). */
function send({ der }: Pick<OcspAnswer, 'der'>, reply: FastifyReply): FastifyReply {
  return reply.type(RESPONSE_TYPE).send(der)
}

/** The headers of RFC 5019, 6.2. */
function sendCached(answer: OcspAnswer, request: FastifyRequest, reply: FastifyReply, now: Date): FastifyReply {
  const { cache } = answer
  if (cache === null) return send(answer, reply.header('Cache-Control', 'no-store'))
  const { thisUpdate, nextUpdate, sha256 } = cache
  const etag = `"${sha256}"`
  const seconds = Math.max(0, Math.floor((nextUpdate.getTime() - now.getTime()) / 1000))
  reply
    .header('Cache-Control', `max-age=${seconds}, public, no-transform, must-revalidate`)
    .header('Last-Modified', thisUpdate.toUTCString())
    .header('Expires', nextUpdate.toUTCString())
    .header('ETag', etag)
  return request.headers['if-none-match'] === etag ? reply.code(304).send() : send(answer, reply)
}

/** What the log says of a request; null: nothing. Answers are counted only: gateways ask thousands of times a second. */
export function ocspFacts({ ocspOutcome }: FastifyRequest, status: number): Facts | null {
  return ocspOutcome === 'tryLater' || status >= 500 ? { outcome: ocspOutcome } : null
}
