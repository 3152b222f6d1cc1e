import { rootCertificates } from 'node:tls'
import { EnvHttpProxyAgent } from 'undici'
import { FpkiError } from '../../errors.js'
import { type HttpAnswer, type HttpRequest, NoAnswer, type Send } from './exchange.js'
import { noAnswer } from './faults.js'

/** How requests go out. */
export interface SendOptions {
  /** PEM of roots that are trusted beside those of Node; null: no more. */
  readonly extraRoots: string | null
  /** Take any certificate. */
  readonly insecure: boolean
  /** null: none. */
  readonly proxy: string | null
  /** Hosts that are not asked through the proxy, as NO_PROXY has them. */
  readonly noProxy: string
  /** For one exchange as a whole. */
  readonly timeoutMilliseconds: number
  /** A longer answer is none. */
  readonly maxBytes: number
  /** Ends the waiting, with its reason. */
  readonly signal: AbortSignal
}

/** Requests over undici: Node's own fetch has no proxies and no roots of one's own. Throws ERR_USAGE for a bad proxy. */
export function undiciSend(options: SendOptions): Send {
  const { extraRoots, insecure, proxy, noProxy, timeoutMilliseconds: timeout } = options
  const ca = extraRoots === null ? {} : { ca: [...rootCertificates, extraRoots] }
  const tls = { timeout: Math.min(timeout, 10_000), ...ca, rejectUnauthorized: !insecure }
  const dispatcher = new EnvHttpProxyAgent({
    connect: tls,
    requestTls: tls,
    proxyTls: tls,
    // Plain HTTP is for this machine only, and this machine is not asked through a proxy.
    httpProxy: '',
    httpsProxy: proxy === null ? '' : proxyUrl(proxy),
    noProxy: `localhost,127.0.0.1,[::1],${noProxy}`,
  })
  return async (request) => {
    const deadline = AbortSignal.timeout(timeout)
    const signal = AbortSignal.any([options.signal, deadline])
    try {
      return await exchange(request, { dispatcher, signal, timeout, maxBytes: options.maxBytes })
    } catch (error) {
      options.signal.throwIfAborted()
      throw deadline.aborted ? late(error) : noAnswer(error)
    }
  }
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
  const { origin, pathname: path } = new URL(url)
  const call = { origin, path, method, headers: { ...headers }, body: sent, signal, ...times }
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
  // Not the value: it may hold a password.
  throw new FpkiError('ERR_USAGE', 'HTTPS_PROXY is no address.', 'Give it as http://host:port.')
}

function late(error: unknown): NoAnswer {
  const reason = 'it did not answer in time'
  return new NoAnswer({ reason, hint: null, mayHaveArrived: true, isTransient: true }, { cause: error })
}

function tooLong(maxBytes: number): NoAnswer {
  const reason = `its answer is longer than ${maxBytes / 1024 / 1024} MiB`
  const hint = 'Look at the address: is this a Factory API?'
  return new NoAnswer({ reason, hint, mayHaveArrived: true, isTransient: false })
}
