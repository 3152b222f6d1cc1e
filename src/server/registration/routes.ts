import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { credentialText } from '../../devices/credential-store.js'
import type { Caller, RegistrationOutcome, RegistrationService } from '../../operations/registration/model.js'
import { type ReadRegistrationRequest, readRegistrationRequest } from '../../operations/registration/request.js'
import { coalesced } from '../caching.js'
import type { Facts, Log } from '../log.js'
import { MOST_IN_PROGRESS, RETRY_AFTER } from '../request-limits.js'
import type { WrongCredentials } from '../wrong-credentials.js'
import { proofOf } from './credentials.js'
import type { RegistrationMetrics } from './metrics.js'
import { REFUSAL_ANSWERS } from './refusals.js'
import { readStrictJson } from './strict-json.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null without a valid credential. */
    caller: Caller | null
    /** How the registration ended; null when it did not. */
    registered: RegistrationOutcome | null
  }
}

/** What the routes need. */
export interface RegistrationRoutePorts {
  readonly service: RegistrationService
  readonly metrics: RegistrationMetrics
  readonly log: Log
  readonly wrong: WrongCredentials
  /** The header with a plain token, in lower case. */
  readonly tokenHeader: string
}

interface Ports extends RegistrationRoutePorts {
  /** What the service is registering, also for clients that have left. */
  readonly registering: Set<FastifyRequest>
}

/** The paths of the reference and of Foundries' API, as clients have them, and without what people forget or add at the end. */
export const REGISTRATION_PATHS: readonly string[] = ['/sign', '/sign/', '/ota/devices/', '/ota/devices']

const NO_CREDENTIALS =
  'a registration token is needed (OSF-TOKEN, or Authorization: Bearer); signing in with the OAuth device flow is not supported'

/** Adds the routes that devices use (docs/registration.md). */
export function addRegistrationRoutes(app: FastifyInstance, ports: RegistrationRoutePorts): void {
  app.decorateRequest('caller', null)
  app.decorateRequest('registered', null)
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  const own = { ...ports, registering: new Set<FastifyRequest>() }
  const whyUnavailable = coalesced(() => ports.service.whyUnavailable())
  for (const url of REGISTRATION_PATHS) {
    app.route({ method: ['GET', 'HEAD'], url, handler: async (_, reply) => ping(await whyUnavailable(''), reply) })
    app.post(url, {
      // Before the body is read: nobody else makes the server read any.
      onRequest: (request, reply) => authorize(own, request, reply),
      handler: (request, reply) => register(own, request, reply),
    })
    app.route({ method: ['PUT', 'PATCH', 'DELETE', 'OPTIONS'], url, handler: async (_, reply) => notAllowed(reply) })
  }
}

function ping(reason: string | null, reply: FastifyReply): FastifyReply {
  if (reason === null) return reply.send({ status: 'ok' })
  return unavailable(reply, reason)
}

/** Answers that a request may be repeated later. */
export function unavailable(reply: FastifyReply, message: string): FastifyReply {
  return reply.code(503).header('Retry-After', String(RETRY_AFTER)).send({ message })
}

function notAllowed(reply: FastifyReply): FastifyReply {
  return reply.code(405).header('Allow', 'GET, HEAD, POST').send({ message: 'this method is not allowed here' })
}

async function authorize(
  { service, metrics, wrong, tokenHeader, registering }: Ports,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  if (metrics.inFlight() > MOST_IN_PROGRESS || registering.size >= MOST_IN_PROGRESS)
    return unavailable(reply, 'too many registrations are in progress')
  const proof = proofOf(request.headers, request.raw.socket, tokenHeader)
  if (proof === null) return unauthorized(reply, NO_CREDENTIALS)
  const caller = await service.authenticate(proof)
  if (caller === null) {
    const retryAfter = wrong.count(request.ip)
    metrics.wrongCredential(retryAfter !== null)
    if (retryAfter === null) return unauthorized(reply, `the ${WHAT[proof.kind]} is wrong, expired or revoked`)
    return reply
      .code(429)
      .header('Retry-After', String(retryAfter))
      .send({ message: 'too many wrong credentials from this address' })
  }
  request.caller = caller
  return undefined
}

const WHAT = { token: 'token', station: 'client certificate' } as const

function unauthorized(reply: FastifyReply, message: string): FastifyReply {
  return reply.code(401).header('WWW-Authenticate', 'Bearer').send({ message })
}

async function register(
  { service, metrics, log, registering }: Ports,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request
  if (caller === null) throw new Error('a registration without a caller')
  const read = readBody(request.body)
  if ('errors' in read) {
    metrics.registered(caller.line, 'input-unreadable')
    return reply.code(400).send(unreadable(read.errors))
  }
  registering.add(request)
  try {
    request.registered = await service.register(read.request, caller)
  } catch (error) {
    metrics.registered(caller.line, 'failed')
    throw error
  } finally {
    registering.delete(request)
  }
  metrics.registered(caller.line, codeOf(request.registered))
  // The line of the request was written when its connection ended.
  if (reply.raw.destroyed) log.warn(registrationFacts(request), 'client left')
  return answer(request.registered, reply)
}

function readBody(body: unknown): ReadRegistrationRequest {
  const json = readStrictJson(body instanceof Uint8Array ? body : new Uint8Array())
  return 'problem' in json ? { errors: { body: json.problem } } : readRegistrationRequest(json.value)
}

/** `body` is no member that a client could print something about. */
function unreadable({ body, ...errors }: Readonly<Record<string, string>>) {
  const [member] = Object.entries(errors)
  const reason = body ?? (member === undefined ? 'it is not a registration' : member.join(': '))
  const message = `the request is not valid: ${reason}`
  return member === undefined ? { message } : { message, errors }
}

function answer(outcome: RegistrationOutcome, reply: FastifyReply): FastifyReply {
  if (outcome.kind !== 'refused') {
    // To text, fastify would add a charset, which the reference does not have.
    return reply
      .code(201)
      .header('Content-Type', 'application/json')
      .send(Buffer.from(filesText(outcome.files)))
  }
  const { status, field = null } = { field: undefined, ...REFUSAL_ANSWERS[outcome.code] }
  const errors = field === null ? {} : { errors: { [field]: outcome.reason } }
  return reply.code(status).send({ message: `the device was not registered: ${outcome.reason}`, ...errors })
}

/** The client writes each member to a file: exactly these. */
function filesText(files: Extract<RegistrationOutcome, { kind: 'issued' | 'reused' }>['files']): string {
  return JSON.stringify({
    'root.crt': files['root.crt'],
    'sota.toml': files['sota.toml'],
    'client.pem': files['client.pem'],
    'client.chained': files['client.chained'],
  })
}

/** What the log says of a request; null: nothing. Pings that succeed are counted only. */
export function factsOf(request: FastifyRequest, status: number): Facts | null {
  const isQuiet = status === 429 || (request.method !== 'POST' && status < 500)
  return isQuiet ? null : registrationFacts(request)
}

/** Never what a client wrote, except a UUID that was read as one. */
function registrationFacts({ caller, registered }: FastifyRequest): Facts {
  return {
    uuid: registered?.uuid ?? null,
    line: caller?.line ?? null,
    credential: caller === null ? null : credentialText(caller.credential),
    code: registered === null ? null : codeOf(registered),
  }
}

function codeOf(outcome: RegistrationOutcome): string {
  return outcome.kind === 'refused' ? outcome.code : outcome.kind
}
