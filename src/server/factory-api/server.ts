import type { AddressInfo } from 'node:net'
import { type FastifyInstance, fastify } from 'fastify'
import { FpkiError, systemErrorCode } from '../../errors.js'
import { embeddedFactories } from '../../factory/embedded/index.js'
import { addErrorHandlers } from '../errors.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import type { ServerIdentity } from '../own-certificate.js'
import { addProtocolAnswers, PROTOCOL_OPTIONS } from '../protocol.js'
import { watchRequests } from '../watch.js'
import { answerGrant } from './oauth.js'
import { openApi } from './openapi.js'
import { addFactoryRoutes, type RoutePorts } from './routes.js'

/** Options for serving the embedded Factory API. */
interface ApiServerOptions {
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  /** null for plain HTTP. */
  readonly identity: ServerIdentity | null
  /** Signs OAuth tokens. Secret. */
  readonly oauthKey: Uint8Array
  readonly version: string
}

/** The ports of the server. */
interface ApiServerPorts extends RoutePorts {
  readonly log: Log
  readonly metrics: Metrics
  /** The resident memory of this process, in octets. */
  residentBytes(): number
}

/** A listening server. */
interface ApiServer {
  readonly url: string
  /** Stops accepting requests, and waits up to ten seconds for those in progress. */
  close(): Promise<void>
}

const MAX_BODY_BYTES = 1024 * 1024

/** Timeouts in milliseconds. */
const TIMEOUTS = { headers: 5_000, request: 10_000, idle: 75_000, silence: 120_000, stop: 10_000 } as const

/**
 * Serves the embedded Factory API of a state directory over HTTP(S). Throws ERR_USAGE when it cannot listen on the address,
 * ERR_BAD_KEY when key and certificate are not usable.
 */
export async function serveFactories(options: ApiServerOptions, ports: ApiServerPorts): Promise<ApiServer> {
  const app = newApp(options)
  const sockets = new Set<{ destroy(): unknown }>()
  app.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  app.removeContentTypeParser('text/plain')
  watchRequests(app, ports.metrics, ports.log)
  addProtocolAnswers(app)
  addErrorHandlers(app, ports.log)
  addFactoryRoutes(app, ports)
  addOtherRoutes(app, options, ports)
  addOAuth(app, options, ports)
  await listen(app, options)
  const { port } = app.server.address() as AddressInfo
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    url: `${options.identity === null ? 'http' : 'https'}://${host}:${port}`,
    close: async () => {
      const closed = app.close()
      await waitUntilIdle(ports.metrics)
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function newApp({ identity }: ApiServerOptions): FastifyInstance {
  const common = {
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle' as const,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: TIMEOUTS.request,
    connectionTimeout: TIMEOUTS.silence,
    keepAliveTimeout: TIMEOUTS.idle,
    ...PROTOCOL_OPTIONS,
    routerOptions: { maxParamLength: 100 },
    // Requests are validated with zod, so fastify's schema compilers are not loaded.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
  }
  const limits = { headersTimeout: TIMEOUTS.headers, connectionsCheckingInterval: 2_000, requireHostHeader: false }
  if (identity === null) return fastify({ ...common, http: limits })
  const { key, certificate } = identity
  const https = { ...limits, key, cert: certificate, handshakeTimeout: TIMEOUTS.headers }
  try {
    return fastify({ ...common, https }) as unknown as FastifyInstance
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const hint =
      'Pass the PEM certificate, followed by its chain, with --tls-cert and its unencrypted key with --tls-key.'
    throw new FpkiError('ERR_BAD_KEY', `Cannot use the key and the certificate for TLS: ${reason}.`, hint, { cause })
  }
}

function noCompiler(): never {
  throw new Error('no route has a schema')
}

async function listen(app: FastifyInstance, { host, port }: ApiServerOptions): Promise<void> {
  try {
    // For localhost, fastify would open a second server on ::1, outside our connection tracking.
    await app.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port })
  } catch (cause) {
    const code = systemErrorCode(cause)
    if (code === null || code.startsWith('FST_')) throw cause
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
    const reason = LISTEN_PROBLEMS[code] ?? code
    const hint = 'Use another address with --listen HOST:PORT.'
    throw new FpkiError('ERR_USAGE', `Cannot listen on ${address}: ${reason}.`, hint, { cause })
  }
}

const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'address not available',
  EACCES: 'permission denied',
}

/** Routes about the server itself, without authentication. */
function addOtherRoutes(app: FastifyInstance, { version }: ApiServerOptions, ports: ApiServerPorts): void {
  app.get('/healthz', async () => {
    await embeddedFactories(ports.files, ports.stateDirectory)
    await ports.authenticator.tokens()
    return { status: 'ok' }
  })
  app.get('/metrics', async (_, reply) => {
    const tokens = (await ports.authenticator.tokens()).size
    const text = await ports.metrics.text({ residentBytes: ports.residentBytes(), tokens })
    return reply.header('Content-Type', ports.metrics.contentType).send(text)
  })
  const document = JSON.stringify(openApi(version))
  app.get('/openapi.json', async (_, reply) => reply.header('Content-Type', 'application/json').send(document))
}

/** The only route that accepts a form as its body. */
function addOAuth(
  app: FastifyInstance,
  { oauthKey }: ApiServerOptions,
  { authenticator, clock }: ApiServerPorts,
): void {
  app.register(async (inside) => {
    inside.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) =>
      done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    )
    inside.post('/oauth/token/', async (request, reply) => {
      const { status, body } = answerGrant(request.body, await authenticator.tokens(), oauthKey, clock())
      return reply.code(status).header('Cache-Control', 'no-store').send(body)
    })
  })
}

/** Waits for requests in progress, and a moment longer for responses to be sent. */
async function waitUntilIdle({ inFlight }: Pick<ApiServerPorts['metrics'], 'inFlight'>): Promise<void> {
  const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
  for (let waited = 0; inFlight() > 0 && waited < TIMEOUTS.stop; waited += 20) await wait(20)
  await wait(50)
}
