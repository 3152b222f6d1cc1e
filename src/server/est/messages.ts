import { certsOnly } from '../../containers/cms/certs-only.js'
import type { EstStatus } from '../../operations/renewal/model.js'

/** The requests in EST (RFC 7030, 4.2.1), and the attributes. */
export const REQUEST_TYPE = 'application/pkcs10'
export const CERTIFICATES_TYPE = 'application/pkcs7-mime'
export const ATTRIBUTES_TYPE = 'application/csrattrs'

/** Base64 in lines, with any line ends and blanks (RFC 8951, 3.1: Content-Transfer-Encoding says nothing). */
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** A body that was read: DER; or why not, as a clause. */
export type ReadBody = { readonly der: Uint8Array } | { readonly problem: string }

/** Reads the base64 of a body. PEM is base64 with more around it, which RFC 7030 does not allow. */
export function readBase64(body: unknown): ReadBody {
  if (!(body instanceof Uint8Array) || body.length === 0) return { problem: 'the body is empty' }
  const text = Buffer.from(body).toString('latin1')
  if (text.includes('-----BEGIN')) return { problem: 'the body is PEM: send the base64 of the DER without frames' }
  const base64 = text.replace(/[ \t\r\n]+/g, '')
  const isBase64 = BASE64.test(base64) && base64.length % 4 === 0
  return isBase64 ? { der: Buffer.from(base64, 'base64') } : { problem: 'the body is not base64' }
}

/** Base64 in lines of 64 characters, which all clients read: Go's skips line ends, and libest's needs them. */
export function base64Lines(der: Uint8Array): string {
  return Buffer.from(der)
    .toString('base64')
    .replace(/.{64}|.+$/g, '$&\n')
}

/** The status and the content type that go with a certificate, and the certificate alone (RFC 7030, 4.2.3). */
export interface CertificateAnswer {
  readonly status: 200 | 201
  readonly type: string
  readonly body: string
}

/**
 * The answer with a new certificate. The clients in the field disagree: fioconfig, whose User-Agent on this call is the one of
 * Go, wants 201 and the bare content type; libest and others want 200 (RFC 7030, 4.2.3).
 */
export function certificateAnswer(der: Uint8Array, userAgent: string, choice: EstStatus): CertificateAnswer {
  const isGo = userAgent.startsWith('Go-http-client/')
  const status = choice === '201' || (choice === 'auto' && isGo) ? 201 : 200
  const type = status === 201 ? CERTIFICATES_TYPE : `${CERTIFICATES_TYPE}; smime-type=certs-only`
  return { status, type, body: base64Lines(certsOnly([der])) }
}
