import type { X509Certificate } from 'node:crypto'
import { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import type { ClientQuestion, EstOperation } from '../../operations/renewal/model.js'

/** The line in the URL of a request; null: none. */
export function lineOf(request: FastifyRequest): string | null {
  const { line } = request.params as { readonly line?: string }
  return line ?? null
}

/** The certificate of a client: the TLS handshake has proved that it has the key. null: none. */
export function clientCertificate({ raw: { socket } }: FastifyRequest): X509Certificate | null {
  return socket instanceof TLSSocket ? (socket.getPeerX509Certificate() ?? null) : null
}

/** What a request proves its right with. */
export function questionOf(request: FastifyRequest, operation: EstOperation): ClientQuestion {
  const certificate = clientCertificate(request)
  return { operation, line: lineOf(request), certificate, token: passwordIn(request.headers.authorization ?? '') }
}

/** The password of HTTP Basic (RFC 7617); the user name says nothing: the token is bound to its device. */
function passwordIn(authorization: string): string | null {
  const [, base64] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  if (base64 === undefined) return null
  const text = Buffer.from(base64, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon === -1 ? null : text.slice(colon + 1)
}
