import { STATUS_CODES } from 'node:http'
import { FactoryApiError } from '../api.js'
import { wireError } from '../wire.js'
import { type HttpAnswer, type NoAnswer, SUCCESS } from './exchange.js'
import type { Outcome } from './retry.js'

/** A failed call, for error messages. */
interface FailedCall {
  /** The base URL of the server. */
  readonly server: string
  /** The call, such as `PATCH certs`. */
  readonly call: string
  /** One sentence about the effect of the call on the server. */
  readonly effect: string
  /** null for calls that do not name a factory. */
  readonly factory: string | null
}

/** The most characters of a server's text in a message. */
const MAX_REASON = 600

const HINTS: Readonly<Record<number, string>> = {
  401: 'Log in with `fpki login`; `fpki config show` shows where the token comes from.',
  403: 'The token does not permit this: ask the owner of the factory for its scopes, or log in as another user with `fpki login`.',
  404: 'Check the names of the factory and of the API with `fpki config show`.',
  412: 'Another client changed it at the same time; run the same command again.',
  429: 'The server is busy; run the same command again later.',
}

/** Whether a server accepted what was sent. A proxy's page may have a success status too. */
export function isAccepted({ answer }: Outcome): boolean {
  if (answer === null || !SUCCESS.has(answer.status)) return false
  return answer.text.trim() === '' || parsedJson(answer.text) !== undefined
}

/** The error for an unsuccessful outcome. */
export function refusalOf({ answer, missing }: Outcome, failed: FailedCall): FactoryApiError {
  return missing === null ? badStatus(answer, failed) : noAnswerFrom(missing, failed)
}

/** The error for a successful response with invalid content; `member` is the name of the invalid member, if any. */
export function badAnswer(
  { status, headers }: HttpAnswer,
  { server, call, effect }: FailedCall,
  member: string | null,
): FactoryApiError {
  const type = headers['content-type']
  const problem =
    member === null
      ? `not a JSON object${type === null ? '' : ` (${type.slice(0, 80)})`}`
      : `"${member.slice(0, 80)}" is missing or has the wrong type`
  const hint = `${effect} Check the address with \`fpki config show\`: is it a Factory API, or a proxy's page?`
  return new FactoryApiError(status, `Invalid response to ${call} from the Factory API at ${server}: ${problem}.`, hint)
}

function badStatus(answer: HttpAnswer, { server, call, effect, factory }: FailedCall): FactoryApiError {
  const { status } = answer
  const line = `${status} ${STATUS_CODES[status] ?? ''}`.trim()
  if (status >= 300 && status < 400) {
    const message = `The Factory API at ${server} redirected ${call} to ${hostOf(answer, server)} (${line}).`
    return new FactoryApiError(status, message, `${effect} The token was not sent there. Set the right API with --api.`)
  }
  const reason = reasonOf(answer.text)
  const message = `The Factory API at ${server} refused ${call}: ${line}${reason === null ? '' : `: ${reason}`}.`
  const hint = `${effect} ${hintFor(status, factory)}`
  return new FactoryApiError(status, message, hint, reason === null ? {} : { reason })
}

function hintFor(status: number, factory: string | null): string {
  if (status === 409 && factory !== null)
    return `To see its certificates: \`fpki ca show --pretty --factory ${factory}\`.`
  if (status >= 500) return 'The server failed; run the same command again later.'
  return HINTS[status] ?? 'Correct what it reports, then run the same command again.'
}

/** The host of a redirect; never the whole address, which may contain anything. */
function hostOf({ headers }: HttpAnswer, server: string): string {
  const { location } = headers
  return location !== null && URL.canParse(location, server) ? new URL(location, server).host : 'an invalid address'
}

/** The reason in the body of an error response (docs/profile.md#api-errors), on one line; null when absent. */
function reasonOf(text: string): string | null {
  const parsed = wireError.safeParse(parsedJson(text))
  if (!parsed.success) return null
  const { msg, message, errors } = parsed.data
  const list = Array.isArray(errors)
    ? errors
    : Object.entries(errors ?? {}).map(([field, problem]) => `${field}: ${problem}`)
  const reason = [msg || message || '', ...list].filter((part) => part !== '').join('; ')
  return reason === '' ? null : reason.slice(0, MAX_REASON).replace(/\.$/, '')
}

function noAnswerFrom({ fault, cause }: NoAnswer, { server, call, effect }: FailedCall): FactoryApiError {
  const message = `No response to ${call} from the Factory API at ${server}: ${fault.reason}.`
  const hint = `${effect} ${fault.hint ?? 'Run the same command again when the server is reachable.'}`
  return new FactoryApiError(0, message, hint, { cause })
}

/** Parses JSON; undefined when it is invalid. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
