import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { FpkiError } from '../../errors.js'
import { embeddedFactories } from '../../factory/embedded/index.js'
import type { Address } from '../address.js'
import { addErrorHandlers } from '../errors.js'
import { type HttpServer, listen, newHttpServer } from '../http-server.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import type { ServerIdentity } from '../own-certificate.js'
import { addDeviceRoutes, type DeviceRoutePorts } from './device-routes.js'
import { answerGrant } from './oauth.js'
import { openApi } from './openapi.js'
import { addFactoryRoutes } from './routes.js'

/** Options for serving the embedded Factory API. */
interface ApiServerOptions extends Address {
  /** null for plain HTTP. */
  readonly identity: ServerIdentity | null
  /** Signs OAuth tokens. Secret. */
  readonly oauthKey: Uint8Array
  readonly version: string
}

/** The ports of the server. */
interface ApiServerPorts extends DeviceRoutePorts {
  readonly log: Log
  readonly metrics: Metrics
  /** The resident memory of this process, in octets. */
  residentBytes(): number
}

const MAX_BODY_BYTES = 1024 * 1024

declare module 'fastify' {
  interface FastifyRequest {
    /** The id of the token; null without a valid one. */
    tokenId: string | null
    /** The factory, if the token is valid for it. */
    factory: string | null
  }
}

/**
 * Serves the embedded Factory API of a state directory over HTTP(S). Throws ERR_USAGE when it cannot listen on the address,
 * ERR_BAD_KEY when key and certificate are not usable.
 */
export function serveFactories(options: ApiServerOptions, ports: ApiServerPorts): Promise<HttpServer> {
  const { log, metrics } = ports
  const { identity } = options
  const factsOf = ({ factory, tokenId }: FastifyRequest) => ({ factory, token: tokenId })
  const app = newHttpServer({ identity, maxBodyBytes: MAX_BODY_BYTES, textMember: 'msg' }, { metrics, log, factsOf })
  app.decorateRequest('tokenId', null)
  app.decorateRequest('factory', null)
  addErrorHandlers(app, log, { member: 'msg', maxBody: '1 MB', whyNotNow, retryAfter: 1 })
  addFactoryRoutes(app, ports)
  addDeviceRoutes(app, ports)
  addOtherRoutes(app, options, ports)
  addOAuth(app, options, ports)
  return listen(app, options, { option: 'listen', inFlight: metrics.inFlight })
}

function whyNotNow({ code }: FpkiError): string | null {
  return code === 'ERR_LOCKED' ? 'another change of this factory is still in progress' : null
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
