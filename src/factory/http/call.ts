import type { Credentials } from './credentials.js'
import { type HttpAnswer, type HttpRequest, type Send, SUCCESS } from './exchange.js'

/** How a server is called. */
export interface CallOptions {
  /** The base URL, without a trailing slash. */
  readonly url: string
  readonly credentials: Credentials
  /** Additional headers for each request. */
  readonly extraHeaders: Readonly<Record<string, string>>
  readonly userAgent: string
  readonly send: Send
}

/** One call. */
interface Call {
  readonly method: HttpRequest['method']
  /** Begins with a slash. */
  readonly path: string
  /** Sent as JSON; undefined for none. */
  readonly body?: unknown
  /** Headers that make the call conditional. */
  readonly condition?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
}

/** Sends one request, and again after a 401 if there are new credentials. Throws NoAnswer. */
export async function call(options: CallOptions, { method, path, body, condition, signal }: Call): Promise<HttpAnswer> {
  const { url, credentials, extraHeaders, userAgent, send } = options
  const attempt = async () => {
    const own = {
      ...(await credentials.headers()),
      'User-Agent': userAgent,
      Accept: 'application/json',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...condition,
    }
    const text = body === undefined ? null : JSON.stringify(body)
    const headers = { ...extraHeaders, ...own }
    return redacted(await send({ method, url: `${url}${path}`, headers, body: text, signal }), headers)
  }
  const answer = await attempt()
  return answer.status === 401 && (await credentials.renew()) ? attempt() : answer
}

const PUBLIC: readonly string[] = ['User-Agent', 'Accept', 'Content-Type', 'If-Match']

/** Removes credentials from error responses: a server that repeats the token must not bring it into a log. */
function redacted(answer: HttpAnswer, headers: Readonly<Record<string, string>>): HttpAnswer {
  if (SUCCESS.has(answer.status)) return answer
  const values = Object.entries(headers).flatMap(([name, value]) => (PUBLIC.includes(name) ? [] : [value]))
  const bearers = values.flatMap((value) => (value.startsWith('Bearer ') ? [value.slice('Bearer '.length)] : []))
  const tokens = bearers.map((bearer) => Buffer.from(bearer, 'base64').toString('utf8'))
  const secrets = [...values, ...bearers, ...tokens].filter((secret) => secret.length >= MIN_SECRET)
  return { ...answer, text: secrets.reduce((text, secret) => text.replaceAll(secret, '***'), answer.text) }
}

/** Shorter values would also replace ordinary words. */
const MIN_SECRET = 6
