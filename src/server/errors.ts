import type { FastifyInstance } from 'fastify'
import { FpkiError } from '../errors.js'
import type { WireAnswer } from '../factory/answer.js'
import type { Log } from './log.js'

/** Reasons for refusing a body, by fastify's code. */
const REASONS: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'the body is larger than 1 MB',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'the body must be application/json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'the body is empty',
}

/** Sets the responses to refused requests, unknown paths and failures. */
export function addErrorHandlers(app: FastifyInstance, log: Log): void {
  app.setNotFoundHandler((_, reply) => reply.code(404).send({ msg: 'not found' }))
  app.setErrorHandler((error, _, reply) => {
    const { statusCode = 500, code = '' } = error as { statusCode?: number; code?: string }
    const isClientError = statusCode >= 400 && statusCode < 500
    const { status, body } = isClientError
      ? { status: statusCode, body: { msg: REASONS[code] ?? 'invalid request: the body is not valid JSON' } }
      : failure(error, log)
    if (status === 503) reply.header('Retry-After', '1')
    return reply.code(status).send(body)
  })
}

/** The response to an internal error, whose details are only logged. */
function failure(error: unknown, log: Log): WireAnswer {
  const fpkiError = error instanceof FpkiError ? error : null
  const { message = String(error), stack = '' } = error instanceof Error ? error : {}
  log.error({ code: fpkiError?.code ?? 'ERR_DEFECT', message, ...(fpkiError === null ? { stack } : {}) }, 'failure')
  if (fpkiError?.code === 'ERR_LOCKED')
    return { status: 503, body: { msg: 'another change of this factory is still in progress' } }
  return { status: 500, body: { msg: 'internal server error; see the log of the server' } }
}
