import { createSecureContext, rootCertificates } from 'node:tls'
import { EnvHttpProxyAgent } from 'undici'
import { FpkiError } from '../../errors.js'
import { type HttpAnswer, type HttpRequest, NoAnswer, type Send } from './exchange.js'
import { noAnswer } from './faults.js'

/** Options for sending requests. */
export interface SendOptions {
  /** PEM of roots to trust in addition to Node's; null for none. */
  readonly extraRoots: string | null
  /** Accept any certificate. */
  readonly insecure: boolean
  /** null for none. */
  readonly proxy: string | null
  /** Hosts to reach without the proxy, in the format of NO_PROXY. */
  readonly noProxy: string
  /** The time limit for one exchange. */
  readonly timeoutMilliseconds: number
  /** The size limit for a response. */
  readonly maxBytes: number
  /** Aborts requests; its reason is thrown. */
  readonly signal: AbortSignal
}

/** Sends requests with undici: Node's fetch supports neither proxies nor additional roots. Throws ERR_USAGE for a bad proxy. */
export function undiciSend(options: SendOptions): Send {
  const { extraRoots, insecure, proxy, noProxy, timeoutMilliseconds: timeout } = options
  const tls = { timeout: Math.min(timeout, 10_000), ...trustOf(extraRoots), rejectUnauthorized: !insecure }
  const dispatcher = new EnvHttpProxyAgent({
    connect: tls,
    requestTls: tls,
    proxyTls: tls,
    // Plain HTTP is only used for this machine, without a proxy.
    httpProxy: '',
    httpsProxy: proxy === null ? '' : proxyUrl(proxy),
    noProxy: `localhost,127.0.0.1,[::1],${noProxy}`,
  })
  return async (request) => {
    const deadline = AbortSignal.timeout(timeout)
    const stops = request.signal === undefined ? [options.signal] : [options.signal, request.signal]
    const signal = AbortSignal.any([...stops, deadline])
    try {
      return await exchange(request, { dispatcher, signal, timeout, maxBytes: options.maxBytes })
    } catch (error) {
      for (const stop of stops) stop.throwIfAborted()
      throw deadline.aborted ? late(error) : noAnswer(error)
    }
  }
}

/** For all connections: to parse Node's roots takes longer than a connection. */
function trustOf(extraRoots: string | null) {
  if (extraRoots === null) return {}
  return { secureContext: createSecureContext({ ca: [...rootCertificates, extraRoots] }) }
}

interface Exchange {
  readonly dispatcher: EnvHttpProxyAgent
  readonly signal: AbortSignal
  readonly timeout: number
  readonly maxBytes: number
}

async function exchange(
  request: HttpRequest,
  { dispatcher, signal, timeout, maxBytes }: Exchange,
): Promise<HttpAnswer> {
  const { url, method, headers, body: sent } = request
  const times = { headersTimeout: timeout, bodyTimeout: timeout }
  const { origin, pathname, search } = new URL(url)
  const call = { origin, path: `${pathname}${search}`, method, headers: { ...headers }, body: sent, signal, ...times }
  const answer = await dispatcher.request(call)
  const header = (name: string) => [answer.headers[name] ?? []].flat()[0] ?? null
  const parts: Buffer[] = []
  let size = 0
  for await (const part of answer.body) {
    parts.push(part)
    size += part.length
    // Leaving the loop closes the connection.
    if (size > maxBytes) throw tooLong(maxBytes)
  }
  return {
    status: answer.statusCode,
    headers: {
      'retry-after': header('retry-after'),
      location: header('location'),
      'content-type': header('content-type'),
      etag: header('etag'),
    },
    text: Buffer.concat(parts).toString('utf8'),
  }
}

/** A proxy is often written without `http://`. */
function proxyUrl(proxy: string): string {
  const text = proxy.includes('://') ? proxy : `http://${proxy}`
  if (URL.canParse(text) && /^https?:/.test(text)) return text
  // Without the value, which may contain a password.
  throw new FpkiError('ERR_USAGE', 'HTTPS_PROXY is not a valid address.', 'Use the form http://host:port.')
}

function late(error: unknown): NoAnswer {
  const reason = 'the request timed out'
  return new NoAnswer({ reason, hint: null, mayHaveArrived: true, isTransient: true }, { cause: error })
}

function tooLong(maxBytes: number): NoAnswer {
  const reason = `the response is larger than ${maxBytes / 1024 / 1024} MiB`
  const hint = 'Check the address: another server may answer there.'
  return new NoAnswer({ reason, hint, mayHaveArrived: true, isTransient: false })
}
