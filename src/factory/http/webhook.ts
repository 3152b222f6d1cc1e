import { STATUS_CODES } from 'node:http'
import { FpkiError } from '../../errors.js'
import type { Send } from './exchange.js'
import { type Outcome, type RetryPorts, withRetries } from './retry.js'

/** A message for a webhook. */
export interface WebhookCall {
  /** Secret: chat systems have a token in the path. */
  readonly url: string
  /** JSON. */
  readonly body: string
}

interface WebhookPorts extends RetryPorts {
  readonly send: Send
  readonly userAgent: string
}

const HINTS: Readonly<Record<number, string>> = {
  400: 'Check that --webhook-format is that of the chat system.',
  401: 'Check the URL, or create another webhook in the chat system.',
  403: 'Check the URL, or create another webhook in the chat system.',
  404: 'Check the URL, or create another webhook in the chat system.',
  410: 'The webhook was removed: create another one in the chat system.',
  413: 'Pass fewer PKI directories.',
}

/**
 * Sends a message, and again after transient failures, even if it may have arrived: twice is better than never.
 *
 * @throws FpkiError ERR_WEBHOOK, with nothing of the URL but its origin, and nothing of the answer, which may repeat the URL
 */
export async function postWebhook({ url, body }: WebhookCall, ports: WebhookPorts): Promise<void> {
  const headers = { 'Content-Type': 'application/json', 'User-Agent': ports.userAgent, Accept: '*/*' }
  const outcome = await withRetries(() => ports.send({ method: 'POST', url, headers, body }), ports)
  const { answer } = outcome
  if (answer !== null && answer.status >= 200 && answer.status < 300) return
  throw notDelivered(new URL(url).origin, outcome)
}

function notDelivered(origin: string, { answer, missing }: Outcome): FpkiError {
  const failed = `The message was not delivered to the webhook at ${origin}:`
  if (answer === null) {
    const hint = missing.fault.hint ?? 'Run the same command again when the server is reachable.'
    return new FpkiError('ERR_WEBHOOK', `${failed} ${missing.fault.reason}.`, hint, { cause: missing.cause })
  }
  const { status } = answer
  const line = `${status} ${STATUS_CODES[status] ?? ''}`.trim()
  if (status >= 300 && status < 400) {
    const hint = 'Redirects are not followed: use the URL that the chat system shows.'
    return new FpkiError('ERR_WEBHOOK', `${failed} it redirects (${line}).`, hint)
  }
  const hint = HINTS[status] ?? 'Run the same command again later.'
  return new FpkiError('ERR_WEBHOOK', `${failed} it answered ${line}.`, hint)
}
