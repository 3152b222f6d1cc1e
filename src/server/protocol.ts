import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/**
 * The member of a JSON error with its text: that of the Factory API, or that of the clients that register devices; null: an error
 * is plain text.
 */
export type TextMember = 'msg' | 'message' | null

/** The content type and the body of an error. */
function errorBody(member: TextMember, text: string): { readonly type: string; readonly body: string } {
  if (member === null) return { type: 'text/plain; charset=utf-8', body: `${text}\n` }
  return { type: 'application/json; charset=utf-8', body: JSON.stringify({ [member]: text }) }
}

/** Answers with an error. */
export function sendError(reply: FastifyReply, status: number, member: TextMember, text: string): FastifyReply {
  const { type, body } = errorBody(member, text)
  return reply.code(status).type(type).send(body)
}

/** Responses to requests that the HTTP parser or fastify refuses, without their path or internal error codes. */
export function protocolOptions(member: TextMember) {
  return {
    frameworkErrors: (_error: unknown, _request: FastifyRequest, reply: FastifyReply) => {
      void sendError(reply, 400, member, 'invalid request')
    },
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Duplex) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
      const [status, msg] =
        error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
          ? ['408 Request Timeout', 'the request timed out']
          : error.code === 'HPE_HEADER_OVERFLOW'
            ? ['431 Request Header Fields Too Large', 'the headers are too large']
            : ['400 Bad Request', 'invalid request']
      endWith(socket, status, errorBody(member, msg))
    },
  } as const
}

/** Adds a body to the responses that Node would send without one. */
export function addProtocolAnswers(app: FastifyInstance, member: TextMember): void {
  // RFC 9112, 3.2: HTTP/1.1 requires Host. Node's own check would send no body.
  app.addHook('onRequest', async ({ raw }, reply) => {
    if (raw.headers.host !== undefined || raw.httpVersion === '1.0') return undefined
    return sendError(reply.header('Connection', 'close'), 400, member, 'the Host header is missing')
  })
  const server = app.server as Server
  server.on('checkExpectation', (_: IncomingMessage, response: ServerResponse) => {
    const { type, body } = errorBody(member, 'this Expect header is not supported')
    const headers = { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), Connection: 'close' }
    response.writeHead(417, headers).end(body)
  })
  server.on('connect', (_: IncomingMessage, socket: Duplex) => {
    endWith(socket, '405 Method Not Allowed', errorBody(member, 'CONNECT is not supported'))
  })
}

function endWith(socket: Duplex, status: string, { type, body }: ReturnType<typeof errorBody>): void {
  const headers = [`Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close']
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status}\r\n${headers.join('\r\n')}\r\n\r\n${body}`)
}
