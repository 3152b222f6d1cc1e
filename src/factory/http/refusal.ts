import { STATUS_CODES } from 'node:http'
import { FactoryApiError } from '../api.js'
import { wireError } from '../wire.js'
import type { HttpAnswer, NoAnswer } from './exchange.js'
import type { Outcome } from './retry.js'

/** What a message is about. */
export interface FailedCall {
  /** The base URL of the server. */
  readonly server: string
  /** The call, such as `PATCH certs`. */
  readonly call: string
  /** What the call has left at the server; one sentence. */
  readonly left: string
}

/** No message carries more of what a server says. */
const MAX_REASON = 600

const HINTS: Readonly<Record<number, string>> = {
  401: 'Log in with `fpki login`, and look with `fpki config show` at where the token comes from.',
  403: 'The token may not do this: ask the owner of the factory for its scopes, or log in as another with `fpki login`.',
  404: 'Look at the names of the factory and of the API with `fpki config show`.',
  409: 'Look at what it knows with `fpki ca show --pretty --factory FACTORY`.',
  412: 'Somebody else changed it at the same time; run the same command again.',
  429: 'It has too much to do; run the same command again in a while.',
}

/** The error that an outcome which is no success ends with: what happened, what is left, and what to do. */
export function refusalOf({ answer, missing }: Outcome, failedCall: FailedCall): FactoryApiError {
  return missing === null ? badStatus(answer, failedCall) : noAnswerFrom(missing, failedCall)
}

/** An answer that has the right status and the wrong content; `member` is named in the words of the wire. */
export function badAnswer(
  { status, headers }: HttpAnswer,
  failedCall: FailedCall,
  member: string | null,
): FactoryApiError {
  const type = headers['content-type']
  const what =
    member === null
      ? `answers ${failedCall.call} with something that is no JSON object${type === null ? '' : ` (${type.slice(0, 80)})`}`
      : `answers ${failedCall.call} with a "${member.slice(0, 80)}" that is missing or of the wrong kind`
  const hint = `${failedCall.left} Look at the address with \`fpki config show\`: is there a Factory API, or a proxy's page?`
  return new FactoryApiError(status, `The Factory API at ${failedCall.server} ${what}.`, hint)
}

function badStatus(answer: HttpAnswer, { server, call, left }: FailedCall): FactoryApiError {
  const { status } = answer
  const line = `${status} ${STATUS_CODES[status] ?? ''}`.trim()
  if (status >= 300 && status < 400) {
    const message = `The Factory API at ${server} sends ${call} elsewhere (${line}: ${hostOf(answer, server)}).`
    return new FactoryApiError(status, message, `${left} The token was not sent there. Name the right API with --api.`)
  }
  const reason = reasonOf(answer.text)
  const message = `The Factory API at ${server} refuses ${call}: ${line}${reason === null ? '' : `: ${reason}`}.`
  return new FactoryApiError(status, message, `${left} ${hintFor(status)}`, reason === null ? {} : { reason })
}

function hintFor(status: number): string {
  const wait = 'The fault is its own; run the same command again in a while.'
  return HINTS[status] ?? (status >= 500 ? wait : 'Run the same command again when what it complains of is mended.')
}

/** Where a redirect goes to; never the whole address, which may hold anything. */
function hostOf({ headers }: HttpAnswer, server: string): string {
  const { location } = headers
  return location !== null && URL.canParse(location, server) ? new URL(location, server).host : 'to nowhere'
}

/** What the body of an error says (contract.md 4), in one line; null: nothing. */
function reasonOf(text: string): string | null {
  const parsed = wireError.safeParse(parsedJson(text))
  if (!parsed.success) return null
  const { msg, message, errors } = parsed.data
  const list = Array.isArray(errors)
    ? errors
    : Object.entries(errors ?? {}).map(([field, problem]) => `${field}: ${problem}`)
  const said = [msg || message || '', ...list].filter((part) => part !== '').join('; ')
  return said === '' ? null : said.slice(0, MAX_REASON).replace(/\.$/, '')
}

function noAnswerFrom({ fault, cause }: NoAnswer, { server, call, left }: FailedCall): FactoryApiError {
  const message = `The Factory API at ${server} did not answer ${call}: ${fault.reason}.`
  const hint = `${left} ${fault.hint ?? 'Run the same command again when it can be reached.'}`
  return new FactoryApiError(0, message, hint, { cause })
}

/** The value of a JSON text; undefined when it is none. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
