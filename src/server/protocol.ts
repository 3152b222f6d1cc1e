import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

const JSON_TYPE = 'application/json; charset=utf-8'

/** The member of a JSON error with its text: that of the Factory API, or that of the clients that register devices. */
export type TextMember = 'msg' | 'message'

/** Responses to requests that the HTTP parser or fastify refuses, without their path or internal error codes. */
export function protocolOptions(member: TextMember) {
  return {
    frameworkErrors: (_error: unknown, _request: FastifyRequest, reply: FastifyReply) => {
      void reply
        .code(400)
        .type(JSON_TYPE)
        .send(JSON.stringify({ [member]: 'invalid request' }))
    },
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Duplex) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
      const [status, msg] =
        error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
          ? ['408 Request Timeout', 'the request timed out']
          : error.code === 'HPE_HEADER_OVERFLOW'
            ? ['431 Request Header Fields Too Large', 'the headers are too large']
            : ['400 Bad Request', 'invalid request']
      endWith(socket, status, { [member]: msg })
    },
  } as const
}

/** Adds a JSON body to the responses that Node would send without one. */
export function addProtocolAnswers(app: FastifyInstance, member: TextMember): void {
  // RFC 9112, 3.2: HTTP/1.1 requires Host. Node's own check would send no body.
  app.addHook('onRequest', async ({ raw }, reply) => {
    if (raw.headers.host !== undefined || raw.httpVersion === '1.0') return undefined
    return reply
      .code(400)
      .header('Connection', 'close')
      .send({ [member]: 'the Host header is missing' })
  })
  const server = app.server as Server
  server.on('checkExpectation', (_: IncomingMessage, response: ServerResponse) => {
    const body = JSON.stringify({ [member]: 'this Expect header is not supported' })
    const headers = { 'Content-Type': JSON_TYPE, 'Content-Length': Buffer.byteLength(body), Connection: 'close' }
    response.writeHead(417, headers).end(body)
  })
  server.on('connect', (_: IncomingMessage, socket: Duplex) => {
    endWith(socket, '405 Method Not Allowed', { [member]: 'CONNECT is not supported' })
  })
}

function endWith(socket: Duplex, status: string, answer: Readonly<Record<string, string>>): void {
  const body = JSON.stringify(answer)
  const headers = [`Content-Type: ${JSON_TYPE}`, `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close']
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status}\r\n${headers.join('\r\n')}\r\n\r\n${body}`)
}
