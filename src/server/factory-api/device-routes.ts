import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { WireAnswer } from '../../factory/answer.js'
import { hasEmbeddedFactory } from '../../factory/embedded/index.js'
import {
  answerDenied,
  answerDeniedDevice,
  answerDevice,
  answerList,
  type FactoryDevices,
} from '../../operations/device-api/answer-devices.js'
import type { FactoryRegisters } from '../../operations/device-api/factory-registers.js'
import { putDevice, readNewDevice } from '../../operations/device-api/put-device.js'
import { refused } from '../../operations/device-api/refused.js'
import { serialized } from '../caching.js'
import { denialReason } from './authenticator.js'
import { injectFaultAfter, injectFaultBefore } from './inject-fault.js'
import { authenticate, METHODS, type RoutePorts } from './routes.js'

/** The ports for requests about devices. */
export interface DeviceRoutePorts extends RoutePorts {
  readonly registers: FactoryRegisters
}

/** A request about the devices of a factory, with a token that permits it. */
interface Asked {
  readonly request: FastifyRequest
  readonly factory: string
}

type Answering = (asked: Asked, ports: DeviceRoutePorts) => Promise<WireAnswer>

/** The parameters of a path or query; each may be missing or, in a query, be a list. */
type Parameters = Readonly<Record<string, unknown>>

/** Adds the paths of docs/api.md#devices, as fioctl and registration services ask for them. */
export function addDeviceRoutes(app: FastifyInstance, ports: DeviceRoutePorts): void {
  const one = serialized()
  const route = (url: string, answering: Readonly<Record<string, Answering>>) =>
    app.route({
      ...{ method: [...METHODS], url },
      onRequest: (request, reply) => authorize(ports, request, reply),
      handler: async (request, reply) => {
        const fault = ports.faults(request.method)
        if (injectFaultBefore(fault, reply)) return reply
        const factory = request.factory ?? ''
        const answer = () =>
          answering[request.method]?.({ request, factory }, ports) ?? refused(405, 'method not allowed')
        const { status, body } = await (request.method === 'GET' ? answer() : one(factory, async () => answer()))
        if (await injectFaultAfter(fault, reply)) return reply
        return reply.code(status).send(body)
      },
    })
  const device = { GET: aboutDevice, PATCH: aboutDevice, DELETE: aboutDevice }
  route('/ota/devices/', { GET: (asked, own) => list('others', asked, own), PUT: put })
  route('/ota/devices/:name/', device)
  route('/ota/factories/:factory/denied-devices/', { GET: (asked, own) => list('denied', asked, own) })
  route('/ota/factories/:factory/denied-devices/:name/', { GET: denied, DELETE: allow })
}

/** Checks the token before the body is read. The factory of PUT is in the certificate, and is checked when that was read. */
async function authorize(
  ports: DeviceRoutePorts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  allowEmptyBody(request)
  const token = await authenticate(ports, request, reply)
  if (token === null) return reply
  const { factory = (request.query as Parameters)['factory'] ?? token.factory ?? null } = request.params as Parameters
  const isPut = request.method === 'PUT'
  if (!isPut && typeof factory !== 'string') return reply.code(400).send({ msg: 'the parameter factory is missing' })
  const named = isPut ? (token.factory ?? '') : String(factory)
  const reason = denialReason(token, { factory: named, method: request.method })
  if (reason !== null) return reply.code(403).send({ msg: reason })
  if (!isPut && !(await exists(ports, named))) return reply.code(404).send({ msg: 'not found' })
  request.factory = named
  return undefined
}

/** Go's clients send DELETE with the type of a body, but without one. */
function allowEmptyBody({ method, raw: { headers } }: FastifyRequest): void {
  const isEmpty = (headers['content-length'] ?? '0') === '0' && headers['transfer-encoding'] === undefined
  if (method === 'DELETE' && isEmpty) delete headers['content-type']
}

async function list(which: 'denied' | 'others', { request, factory }: Asked, ports: DeviceRoutePorts) {
  const urlOf = (page: number) => {
    const url = new URL(request.url, originOf(request))
    url.searchParams.set('page', String(page))
    return url.href
  }
  return answerList(await devicesOf(ports, factory), { query: request.query, which, urlOf })
}

/** The server as the client knows it. A client that sends no valid host gets a URL of no use. */
function originOf({ protocol, host }: FastifyRequest): string {
  const origin = `${protocol}://${host}`
  return URL.canParse(origin) ? origin : `${protocol}://localhost`
}

async function aboutDevice({ request, factory }: Asked, ports: DeviceRoutePorts): Promise<WireAnswer> {
  const isUuid = ['1', 'true'].includes(String((request.query as Parameters)['by-uuid'] ?? ''))
  const name = { text: nameIn(request), isUuid }
  return answerDevice(await devicesOf(ports, factory), { method: request.method, name, body: request.body })
}

async function denied({ request, factory }: Asked, ports: DeviceRoutePorts): Promise<WireAnswer> {
  return answerDeniedDevice(await devicesOf(ports, factory), nameIn(request))
}

async function allow({ request, factory }: Asked, ports: DeviceRoutePorts): Promise<WireAnswer> {
  return answerDenied(await devicesOf(ports, factory), nameIn(request))
}

async function put({ request }: Asked, ports: DeviceRoutePorts): Promise<WireAnswer> {
  const device = readNewDevice(request.body)
  if ('status' in device) return device
  const { factory } = device
  const token = await ports.authenticator.owner(request.headers, ports.clock())
  const reason = token === null ? 'the token was revoked' : denialReason(token, { factory, method: 'PUT' })
  if (reason !== null) return refused(403, reason)
  const register = (await exists(ports, factory)) ? await ports.registers.create(factory) : null
  if (register === null) return refused(404, 'this server has no device register of the factory')
  return putDevice(device, { api: ports.apiOf(factory), register, clock: ports.clock })
}

function nameIn({ params }: FastifyRequest): string {
  return String((params as Parameters)['name'] ?? '')
}

async function devicesOf({ apiOf, registers, clock }: DeviceRoutePorts, factory: string): Promise<FactoryDevices> {
  return { factory, api: apiOf(factory), register: await registers.find(factory), clock }
}

function exists({ files, stateDirectory }: DeviceRoutePorts, factory: string): Promise<boolean> {
  return hasEmbeddedFactory(files, stateDirectory, factory)
}
