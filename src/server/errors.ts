import type { FastifyInstance } from 'fastify'
import { FpkiError } from '../errors.js'
import type { WireAnswer } from '../factory/answer.js'
import type { Log } from './log.js'

/** Why a body was not read, by fastify's code. */
const REASONS: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'the body is larger than 1 MB',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'the body must be application/json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'the body is empty',
}

/** What a request is answered that fastify refuses, that asks for nothing there is, or that fails. */
export function addErrorHandlers(app: FastifyInstance, log: Log): void {
  app.setNotFoundHandler((_, reply) => reply.code(404).send({ msg: 'not found' }))
  app.setErrorHandler((error, _, reply) => {
    const { statusCode = 500, code = '' } = error as { statusCode?: number; code?: string }
    const isClientError = statusCode >= 400 && statusCode < 500
    const { status, body } = isClientError
      ? { status: statusCode, body: { msg: REASONS[code] ?? 'the request was not understood: the body is no JSON' } }
      : failure(error, log)
    if (status === 503) reply.header('Retry-After', '1')
    return reply.code(status).send(body)
  })
}

/** The answer to what went wrong here; what it was is for the log only. */
export function failure(error: unknown, log: Log): WireAnswer {
  const fpkiError = error instanceof FpkiError ? error : null
  const { message = String(error), stack = '' } = error instanceof Error ? error : {}
  log.error({ code: fpkiError?.code ?? 'ERR_DEFECT', message, ...(fpkiError === null ? { stack } : {}) }, 'failure')
  if (fpkiError?.code === 'ERR_LOCKED')
    return { status: 503, body: { msg: 'another change of this factory takes too long' } }
  return { status: 500, body: { msg: 'the server failed; its log says why' } }
}
