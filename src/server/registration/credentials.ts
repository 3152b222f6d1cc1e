import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Proof } from '../../operations/registration/model.js'

/**
 * What a request proves its right with; null: nothing. The certificate of a station counts before a token: the devices that it
 * serves have to send some token, which need not be one.
 *
 * @param tokenHeader the name of the header with a plain token, in lower case
 */
export function proofOf(headers: IncomingHttpHeaders, socket: Socket, tokenHeader: string): Proof | null {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
  if (certificate !== undefined) return { kind: 'station', certificate: certificate.raw }
  const token = tokenIn(headers, tokenHeader)
  return token === null ? null : { kind: 'token', token }
}

function tokenIn(headers: IncomingHttpHeaders, tokenHeader: string): string | null {
  const plain = headers[tokenHeader]
  if (typeof plain === 'string' && plain !== '') return plain
  const [, text] = /^bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? []
  return text === undefined ? null : bearerToken(text)
}

/** The clients send base64; other programs the token itself, whose underscores base64 does not have. */
function bearerToken(text: string): string {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64').toString('utf8') : text
}
