import type { AddressInfo } from 'node:net'
import { Server } from 'node:tls'
import { type FastifyInstance, fastify } from 'fastify'
import { FpkiError, type FpkiOption, systemErrorCode } from '../errors.js'
import { type Address, addressText } from './address.js'
import type { ServerIdentity } from './own-certificate.js'
import { addProtocolAnswers, protocolOptions, type TextMember } from './protocol.js'
import { type Watch, watchRequests } from './watch.js'

/** What the servers of fpki differ in. */
export interface HttpServerOptions {
  /** null for plain HTTP. */
  readonly identity: ServerIdentity | null
  /** Ask clients for a certificate, and let them in with any or none: the routes decide. */
  readonly asksForCertificate?: boolean
  readonly maxBodyBytes: number
  /** After so many requests, a connection is closed; 0, the default: never. */
  readonly maxRequestsPerSocket?: number
  /** See {@link TextMember}. */
  readonly textMember: TextMember
}

/** A listening server. */
export interface HttpServer {
  readonly url: string
  /** Stops accepting requests, and waits up to ten seconds for those in progress. */
  close(): Promise<void>
}

/** Timeouts in milliseconds. */
const TIMEOUTS = { headers: 5_000, request: 10_000, idle: 75_000, silence: 120_000, stop: 10_000 } as const

/**
 * A server with the limits, and the answers to broken requests, of all servers of fpki; it has no routes yet. Throws
 * ERR_BAD_KEY when key and certificate are not usable.
 */
export function newHttpServer(options: HttpServerOptions, watch: Watch): FastifyInstance {
  const app = newApp(options)
  app.removeContentTypeParser('text/plain')
  watchRequests(app, watch)
  addProtocolAnswers(app, options.textMember)
  return app
}

function newApp(options: HttpServerOptions): FastifyInstance {
  const { identity, asksForCertificate = false, maxBodyBytes, maxRequestsPerSocket = 0, textMember } = options
  const common = {
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle' as const,
    bodyLimit: maxBodyBytes,
    maxRequestsPerSocket,
    requestTimeout: TIMEOUTS.request,
    connectionTimeout: TIMEOUTS.silence,
    keepAliveTimeout: TIMEOUTS.idle,
    ...protocolOptions(textMember),
    routerOptions: { maxParamLength: 100 },
    // Requests are validated with zod, so fastify's schema compilers are not loaded.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
  }
  const limits = { headersTimeout: TIMEOUTS.headers, connectionsCheckingInterval: 2_000, requireHostHeader: false }
  if (identity === null) return fastify({ ...common, http: limits })
  const { key, certificate } = identity
  const tls = { key, cert: certificate, handshakeTimeout: TIMEOUTS.headers }
  const https = { ...limits, ...tls, requestCert: asksForCertificate, rejectUnauthorized: false }
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

/**
 * Listens on an address. Throws ERR_USAGE about `option` when it cannot.
 *
 * @param inFlight the number of requests in progress
 */
export async function listen(
  app: FastifyInstance,
  address: Address,
  { option, inFlight }: { readonly option: FpkiOption; inFlight(): number },
): Promise<HttpServer> {
  const sockets = new Set<{ destroy(): unknown }>()
  app.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await startListening(app, address, option)
  const { port } = app.server.address() as AddressInfo
  return {
    url: `${app.server instanceof Server ? 'https' : 'http'}://${addressText({ host: address.host, port })}`,
    close: async () => {
      const closed = app.close()
      await waitUntilIdle(inFlight)
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

async function startListening(app: FastifyInstance, { host, port }: Address, option: FpkiOption): Promise<void> {
  try {
    // For localhost, fastify would open a second server on ::1, outside our connection tracking.
    await app.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port })
  } catch (cause) {
    const code = systemErrorCode(cause)
    if (code === null || code.startsWith('FST_')) throw cause
    const text = `Cannot listen on ${addressText({ host, port })}: ${LISTEN_PROBLEMS[code] ?? code}.`
    // Often the same service, which is running already.
    const hint =
      code === 'EADDRINUSE'
        ? `Stop what listens there (\`ss -ltnp 'sport = :${port}'\` shows it), or use another address HOST:PORT.`
        : 'Use another address HOST:PORT.'
    throw new FpkiError('ERR_USAGE', text, hint, { cause, option })
  }
}

const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'address not available',
  EACCES: 'permission denied',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'temporary failure in name resolution',
}

/** Waits for requests in progress, and a moment longer for responses to be sent. */
async function waitUntilIdle(inFlight: () => number): Promise<void> {
  const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
  for (let waited = 0; inFlight() > 0 && waited < TIMEOUTS.stop; waited += 20) await wait(20)
  await wait(50)
}
