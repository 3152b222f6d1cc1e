import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { OcspAnswer } from '../../operations/ocsp/model.js'
import { MAX_REQUEST_BYTES } from '../../pki/ocsp/request.js'
import type { Facts } from '../log.js'
import { MOST_IN_PROGRESS } from '../request-limits.js'
import { cachingHeaders } from './caching-headers.js'
import { requestInPath } from './request-path.js'
import { BUSY, type OcspRoutePorts, REQUEST_TYPE, RESPONSE_TYPE } from './routes.js'

/**
 * Answers ordinary requests without the framework, which takes as long as everything else together: a client of OCSP opens a
 * connection for each request. All others, and whatever is wrong, are left to the framework; the limits of the server hold for
 * both.
 */
export function answerDirectly(server: Server, ports: OcspRoutePorts): void {
  const [framework] = server.listeners('request')
  if (framework === undefined) throw new Error('a server without a handler')
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const octets = octetsOf(request)
    if (octets === null) Reflect.apply(framework, server, [request, response])
    else void exchange(octets, request, response, ports)
  })
}

/** The request in the path or in the body of an ordinary request; null: it is another one. */
function octetsOf(request: IncomingMessage): Uint8Array | (() => Promise<Uint8Array | null>) | null {
  const { method, url = '', headers } = request
  const { host, expect, 'transfer-encoding': encoding, 'content-type': type, 'content-length': length } = headers
  // RFC 9112, 3.2: HTTP/1.1 requires Host.
  if (host === undefined || expect !== undefined || encoding !== undefined) return null
  if (method === 'POST') {
    const isRequest = url === '/' && type === REQUEST_TYPE && Number(length ?? Number.NaN) <= MAX_REQUEST_BYTES
    return isRequest ? () => bodyOf(request) : null
  }
  return (method === 'GET' || method === 'HEAD') && length === undefined ? requestInPath(url) : null
}

/** null: the client left. */
function bodyOf(request: IncomingMessage): Promise<Uint8Array | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] ?? null) : Buffer.concat(chunks)))
    request.once('close', () => resolve(null))
  })
}

async function exchange(
  octets: Exclude<ReturnType<typeof octetsOf>, null>,
  request: IncomingMessage,
  response: ServerResponse,
  { service, metrics, clock, log }: OcspRoutePorts,
): Promise<void> {
  const begin = performance.now()
  const { method = '' } = request
  metrics.begin()
  response.once('close', () => {
    const status = response.writableFinished ? response.statusCode : 0
    metrics.end({ method, route: '/', status, seconds: (performance.now() - begin) / 1000 })
  })
  try {
    const der = octets instanceof Uint8Array ? octets : await octets()
    if (der === null) return
    const answer = metrics.inFlight() > MOST_IN_PROGRESS ? BUSY : await service.answer(der)
    metrics.answered(answer.outcome)
    if (answer.outcome === 'tryLater') log.warn(factsOf(answer, request), 'request')
    send(answer, request, response, clock())
  } catch (error) {
    const { message, stack = '' } = error instanceof Error ? error : new Error(String(error))
    log.error({ code: 'ERR_DEFECT', message, stack }, 'failure')
    response.writeHead(500).end()
  }
}

/** What the log says of a request. Others are counted only: gateways ask thousands of times a second. */
function factsOf({ outcome }: OcspAnswer, { method = '', socket }: IncomingMessage): Facts {
  return { method, outcome, from: socket.remoteAddress ?? '' }
}

/** An OCSP response is an answer of HTTP whatever it says (RFC 6960, A.1.2). */
function send(answer: OcspAnswer, { method, headers }: IncomingMessage, response: ServerResponse, now: Date): void {
  const { der } = answer
  const { etag, all } = method === 'POST' ? { etag: null, all: [] } : cachingHeaders(answer, now)
  if (etag !== null && headers['if-none-match'] === etag) {
    response.writeHead(304, [...all]).end()
    return
  }
  response.writeHead(200, ['Content-Type', RESPONSE_TYPE, 'Content-Length', String(der.length), ...all])
  if (method === 'HEAD') response.end()
  else response.end(der)
}
