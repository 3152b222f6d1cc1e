import { type Dispatcher, errors, Pool } from 'undici'
import { FpkiError, systemErrorCode } from '../../errors.js'
import type { ServerIdentity } from '../own-certificate.js'

/** Where a relay passes requests to. */
export interface Upstream {
  send(request: UpstreamRequest): Promise<UpstreamAnswer>
  /** Waits for the requests in progress. */
  close(): Promise<void>
}

export interface UpstreamRequest {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly path: string
  readonly contentType: string | null
  readonly body: Uint8Array | null
}

interface UpstreamAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** Options of {@link openUpstream}. */
export interface UpstreamOptions {
  /** `https://HOST:PORT`. */
  readonly origin: string
  /** The certificate and the key of the station. */
  readonly identity: ServerIdentity
  /** PEM of the only roots to trust; null: those of Node. */
  readonly roots: string | null
}

/** In milliseconds. A registration may wait for an HSM; a connection that is not made soon never is. */
const TIMEOUTS = { connect: 3_000, answer: 30_000, body: 10_000 } as const

const CONNECTIONS = 32

/** An answer has three certificates and sota.toml. */
const MAX_BYTES = 256 * 1024

/** The headers of an answer that mean something to a client. */
const PASSED = ['content-type', 'retry-after', 'www-authenticate', 'allow']

/** Connections to the registration service with the certificate of a station, which are kept. Throws ERR_BAD_KEY. */
export function openUpstream({ origin, identity, roots }: UpstreamOptions): Upstream {
  const { key, certificate: cert } = identity
  const pool = newPool(origin, { key, cert, ...(roots === null ? {} : { ca: roots }), timeout: TIMEOUTS.connect })
  const send = (request: UpstreamRequest) => exchange(pool, request)
  return {
    // A kept connection may end just when a request is sent on it. The service answers the repetition of a registration with
    // the certificate of the first, while a client never tries again.
    send: (request) =>
      send(request).catch((error) => (isLostConnection(error) ? send(request) : Promise.reject(error))),
    close: () => pool.close(),
  }
}

function newPool(origin: string, connect: Exclude<Pool.Options['connect'], undefined>): Pool {
  try {
    return new Pool(origin, {
      ...{ connect, connections: CONNECTIONS, pipelining: 1 },
      ...{ headersTimeout: TIMEOUTS.answer, bodyTimeout: TIMEOUTS.body, maxResponseSize: MAX_BYTES },
    })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const text = `Cannot use the key and the certificate of the station for TLS: ${reason}.`
    throw new FpkiError('ERR_BAD_KEY', text, 'Pass the PEM certificate and its unencrypted key.', { cause })
  }
}

async function exchange(pool: Pool, { method, path, contentType, body }: UpstreamRequest): Promise<UpstreamAnswer> {
  const headers = contentType === null ? {} : { 'content-type': contentType }
  const answer = await pool.request({ method, path, headers, body })
  return { status: answer.statusCode, headers: passed(answer), body: await answer.body.bytes() }
}

function passed({ headers }: Dispatcher.ResponseData): Readonly<Record<string, string>> {
  return Object.fromEntries(
    PASSED.flatMap((name) => {
      const value = [headers[name] ?? []].flat()[0]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

function isLostConnection(error: unknown): boolean {
  return error instanceof errors.SocketError || ['ECONNRESET', 'EPIPE'].includes(systemErrorCode(error) ?? '')
}
