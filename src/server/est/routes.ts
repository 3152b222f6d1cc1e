import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { certsOnly } from '../../containers/cms/certs-only.js'
import { FpkiError } from '../../errors.js'
import type {
  EstClient,
  EstOperation,
  EstOutcome,
  EstRefused,
  EstStatus,
  RenewalService,
} from '../../operations/renewal/model.js'
import { deviceCsrAttributes } from '../../pki/csr-attributes.js'
import type { Facts, Log } from '../log.js'
import { sendError } from '../protocol.js'
import { MOST_IN_PROGRESS, RETRY_AFTER } from '../request-limits.js'
import type { WrongCredentials } from '../wrong-credentials.js'
import {
  ATTRIBUTES_TYPE,
  base64Lines,
  CERTIFICATES_TYPE,
  certificateAnswer,
  REQUEST_TYPE,
  readBase64,
} from './messages.js'
import type { EstMetrics } from './metrics.js'
import { clientCertificate, lineOf, questionOf } from './question.js'
import { refusalStatus, TOO_OFTEN_AFTER } from './refusals.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks by EST; null: nobody who may. */
    estClient: EstClient | null
    /** How a request by EST ended; null when it did not. */
    estOutcome: EstOutcome | null
  }
}

/** What the routes need. */
export interface EstRoutePorts {
  readonly service: RenewalService
  readonly metrics: EstMetrics
  readonly log: Log
  readonly wrong: WrongCredentials
  readonly status: EstStatus
}

interface Ports extends EstRoutePorts {
  /** What the service is working on, also for clients that have left. */
  readonly working: Set<FastifyRequest>
}

const PREFIXES = ['/.well-known/est', '/.well-known/est/:line'] as const

const OPERATIONS: readonly (readonly [string, EstOperation])[] = [
  ['simpleenroll', 'enroll'],
  ['simplereenroll', 'renew'],
]

/** Adds the routes of EST (RFC 7030, 3.2.2), with and without the name of a line as the label. */
export function addEstRoutes(app: FastifyInstance, ports: EstRoutePorts): void {
  app.decorateRequest('estClient', null)
  app.decorateRequest('estOutcome', null)
  app.addContentTypeParser(REQUEST_TYPE, { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  const own: Ports = { ...ports, working: new Set<FastifyRequest>() }
  for (const prefix of PREFIXES) {
    addRead(app, `${prefix}/cacerts`, own, cacerts)
    addRead(app, `${prefix}/csrattrs`, own, csrattrs)
    for (const [name, operation] of OPERATIONS) {
      app.post(`${prefix}/${name}`, {
        // Before the body is read: nobody else makes the server read any.
        onRequest: (request, reply) => authorize(own, operation, request, reply),
        handler: (request, reply) => certify(own, operation, request, reply),
      })
      addNotAllowed(app, `${prefix}/${name}`, ['GET', 'HEAD'], 'POST')
    }
    for (const name of ['serverkeygen', 'fullcmc'])
      app.post(`${prefix}/${name}`, (_, reply) => plain(reply, 501, `${name} is not supported`))
  }
}

type Handler = (ports: Ports, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

function addRead(app: FastifyInstance, url: string, ports: Ports, handler: Handler): void {
  const handle = async (request: FastifyRequest, reply: FastifyReply) => {
    await noteClient(ports, request)
    return handler(ports, request, reply)
  }
  const onRequest = async (_: FastifyRequest, reply: FastifyReply) => (isBusy(ports) ? busy(reply) : undefined)
  app.route({ method: ['GET', 'HEAD'], url, onRequest, handler: handle })
  addNotAllowed(app, url, ['POST'], 'GET, HEAD')
}

function addNotAllowed(app: FastifyInstance, url: string, more: readonly string[], allow: string): void {
  app.route({
    method: ['PUT', 'PATCH', 'DELETE', 'OPTIONS', ...more],
    url,
    onRequest: async (_, reply) => plain(reply.header('Allow', allow), 405, 'this method is not allowed here'),
    handler: () => undefined,
  })
}

/** A certificate that a device uses counts as seen whatever it asks; who asks these may be anybody. */
async function noteClient({ service }: Ports, request: FastifyRequest): Promise<void> {
  const certificate = clientCertificate(request)
  if (certificate === null) return
  try {
    await service.note(certificate)
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
  }
}

/** RFC 7030, 4.1.3. */
async function cacerts({ service }: Ports, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const certificates = await service.caCertificates(lineOf(request))
  if (certificates === null) return plain(reply, 404, 'not found')
  return sendBase64(reply, 200, CERTIFICATES_TYPE, base64Lines(certsOnly(certificates)))
}

/** RFC 7030, 4.5.2. */
async function csrattrs({ service }: Ports, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const line = lineOf(request)
  if (line !== null && (await service.caCertificates(line)) === null) return plain(reply, 404, 'not found')
  return sendBase64(reply, 200, ATTRIBUTES_TYPE, base64Lines(deviceCsrAttributes()))
}

/** The header is deprecated (RFC 8951, 3.1), and older clients want it (RFC 7030, 4.1.3). */
function sendBase64(reply: FastifyReply, status: number, type: string, body: string): FastifyReply {
  // To text, fastify would add a charset.
  return reply
    .code(status)
    .header('Content-Type', type)
    .header('Content-Transfer-Encoding', 'base64')
    .send(Buffer.from(body))
}

function plain(reply: FastifyReply, status: number, text: string): FastifyReply {
  return sendError(reply, status, null, text)
}

function isBusy({ metrics, working }: Ports): boolean {
  return metrics.inFlight() > MOST_IN_PROGRESS || working.size >= MOST_IN_PROGRESS
}

function busy(reply: FastifyReply): FastifyReply {
  return plain(reply.header('Retry-After', String(RETRY_AFTER)), 503, 'too many requests are in progress')
}

async function authorize(
  ports: Ports,
  operation: EstOperation,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  if (isBusy(ports)) return busy(reply)
  const { service, metrics, wrong } = ports
  const identified = await service.identify(questionOf(request, operation))
  if (identified.kind === 'client') {
    request.estClient = identified.client
    return undefined
  }
  if (identified.kind === 'no-line') return plain(reply, 404, 'not found')
  if (identified.kind === 'refused') return refuse({ metrics }, operation, request, reply, identified)
  if (identified.kind === 'anonymous')
    return unauthorized(reply, 'a client certificate or a registration token is needed')
  const retryAfter = wrong.count(request.ip)
  metrics.wrongCredential(retryAfter !== null)
  if (retryAfter === null) return unauthorized(reply, 'the token is wrong, expired or revoked')
  return plain(reply.header('Retry-After', String(retryAfter)), 429, 'too many wrong credentials from this address')
}

/** RFC 7030, 3.2.3. */
function unauthorized(reply: FastifyReply, text: string): FastifyReply {
  return plain(reply.header('WWW-Authenticate', 'Basic realm="fpki"'), 401, text)
}

function refuse(
  { metrics }: Pick<Ports, 'metrics'>,
  operation: EstOperation,
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: EstRefused,
): FastifyReply {
  request.estOutcome = refusal
  metrics.ended(operation, refusal.code)
  const status = refusalStatus(refusal.code)
  if (status === 429) reply.header('Retry-After', String(TOO_OFTEN_AFTER))
  return plain(reply, status, `the request was refused: ${refusal.reason}`)
}

async function certify(
  ports: Ports,
  operation: EstOperation,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { service, metrics, log, status, working } = ports
  const { estClient: client } = request
  if (client === null) throw new Error('a request without a client')
  if (request.headers['content-type'] === undefined) return plain(reply, 415, `the body must be ${REQUEST_TYPE}`)
  const read = readBase64(request.body)
  if ('problem' in read) {
    metrics.ended(operation, 'input-unreadable')
    return plain(reply, 400, `the request is not valid: ${read.problem}`)
  }
  working.add(request)
  try {
    request.estOutcome = await service.certify(read.der, client)
  } catch (error) {
    metrics.ended(operation, 'failed')
    throw error
  } finally {
    working.delete(request)
  }
  // The line of the request was written when its connection ended.
  if (reply.raw.destroyed) log.warn(estFacts(request), 'client left')
  const outcome = request.estOutcome
  if (outcome.kind === 'refused') return refuse(ports, operation, request, reply, outcome)
  metrics.ended(operation, outcome.kind)
  const answer = certificateAnswer(outcome.der, request.headers['user-agent'] ?? '', status)
  return sendBase64(reply, answer.status, answer.type, answer.body)
}

/** What the log says of a request; null: nothing. Reads that succeed are counted only. */
export function factsOf(request: FastifyRequest, status: number): Facts | null {
  const isLimited = status === 429 && request.estOutcome === null
  return isLimited || (request.method !== 'POST' && status < 500) ? null : estFacts(request)
}

/** Never what a client wrote, except a UUID that was read as one. */
function estFacts({ estClient, estOutcome }: FastifyRequest): Facts {
  return {
    uuid: estOutcome?.uuid ?? null,
    line: estClient?.line ?? null,
    client: estClient?.kind ?? null,
    code: estOutcome === null ? null : estOutcome.kind === 'refused' ? estOutcome.code : estOutcome.kind,
  }
}
