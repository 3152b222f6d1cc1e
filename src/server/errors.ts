import type { FastifyInstance } from 'fastify'
import { FpkiError } from '../errors.js'
import type { Log } from './log.js'
import { sendError, type TextMember } from './protocol.js'

/** What the servers of fpki say of errors. */
export interface ErrorTexts {
  /** See {@link TextMember}. */
  readonly member: TextMember
  /** The content types of bodies; by default JSON. */
  readonly bodies?: string
  /** The size limit of a body, such as `1 MB`. */
  readonly maxBody: string
  /** What is not possible right now, as a clause; null when the error is not one that passes. */
  whyNotNow(error: FpkiError): string | null
  /** After how many seconds a client may try again what is not possible right now. */
  readonly retryAfter: number
}

/** Sets the responses to refused requests, unknown paths and failures. */
export function addErrorHandlers(app: FastifyInstance, log: Log, texts: ErrorTexts): void {
  const { member, maxBody, bodies = 'application/json' } = texts
  const reasons: Readonly<Record<string, string>> = {
    FST_ERR_CTP_BODY_TOO_LARGE: `the body is larger than ${maxBody}`,
    FST_ERR_CTP_INVALID_MEDIA_TYPE: `the body must be ${bodies}`,
    FST_ERR_CTP_EMPTY_JSON_BODY: 'the body is empty',
  }
  const broken = bodies === 'application/json' ? 'invalid request: the body is not valid JSON' : 'invalid request'
  app.setNotFoundHandler((_, reply) => sendError(reply, 404, member, 'not found'))
  app.setErrorHandler((error, _, reply) => {
    const { statusCode = 500, code = '' } = error as { statusCode?: number; code?: string }
    const isClientError = statusCode >= 400 && statusCode < 500
    const { status, text } = isClientError
      ? { status: statusCode, text: reasons[code] ?? broken }
      : failure(error, log, texts)
    if (status === 503) reply.header('Retry-After', String(texts.retryAfter))
    return sendError(reply, status, member, text)
  })
}

/** The response to an internal error, whose details are only logged. */
function failure(error: unknown, log: Log, { whyNotNow }: ErrorTexts): { status: number; text: string } {
  const fpkiError = error instanceof FpkiError ? error : null
  const { message = String(error), stack = '' } = error instanceof Error ? error : {}
  log.error({ code: fpkiError?.code ?? 'ERR_DEFECT', message, ...(fpkiError === null ? { stack } : {}) }, 'failure')
  const reason = fpkiError === null ? null : whyNotNow(fpkiError)
  if (reason !== null) return { status: 503, text: reason }
  return { status: 500, text: 'internal server error; see the log of the server' }
}
