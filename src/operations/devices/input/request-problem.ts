import { foreignFormat } from '../../../pki/foreign-format.js'

const PRIVATE_KEY = 'PRIVATE KEY-----'

const [INTEGER, SEQUENCE, LONG_LENGTH] = [0x02, 0x30, 0x80]

/** Of a private key nothing is said but that it is one. */
const PRIVATE_KEY_PROBLEM = 'it is a private key, not a certificate request; it belongs on its device only'

/** Why a text or file is evidently not one certificate request, as a clause; null when it may be one. */
export function requestProblem(csr: string | Uint8Array): string | null {
  if (typeof csr !== 'string' && isDer(csr)) return startsWithInteger(csr) ? PRIVATE_KEY_PROBLEM : null
  const text = typeof csr === 'string' ? csr : Buffer.from(csr.buffer, csr.byteOffset, csr.length).toString('latin1')
  const start = text.indexOf('-----BEGIN ')
  if (start === -1) return foreignFormat(Buffer.from(csr)) ?? 'it is neither PEM nor DER'
  if (text.includes(PRIVATE_KEY, start)) return PRIVATE_KEY_PROBLEM
  const label = labelOf(text, start)
  if (!isRequestLabel(label)) return otherLabel(label)
  return text.includes('-----BEGIN ', start + 1)
    ? 'it has more than one PEM block; a file or cell has one request'
    : null
}

/** Whether octets begin like the DER of a request, or of a private key: a SEQUENCE as no text begins. */
export function isDer(octets: Uint8Array): boolean {
  return octets[0] === SEQUENCE && ((octets[1] ?? 0) > LONG_LENGTH || octets[2] === INTEGER)
}

/** Private keys (PKCS #1, PKCS #8, SEC 1) and PKCS #12 files begin with a version; a request with a SEQUENCE. */
function startsWithInteger(der: Uint8Array): boolean {
  const length = der[1] ?? 0
  return der[length > LONG_LENGTH ? 2 + length - LONG_LENGTH : 2] === INTEGER
}

export function isRequestLabel(label: string): boolean {
  return label === 'CERTIFICATE REQUEST' || label === 'NEW CERTIFICATE REQUEST'
}

/** What a PEM block with this label is instead of a request, as a clause. */
export function otherLabel(label: string): string {
  if (label.endsWith('PRIVATE KEY')) return PRIVATE_KEY_PROBLEM
  if (label === 'CERTIFICATE') return 'it is a certificate, not a certificate request'
  return 'it is a PEM block of another kind, not a certificate request'
}

function labelOf(text: string, start: number): string {
  return /^[^-\r\n]{0,40}/.exec(text.slice(start + 11, start + 60))?.[0] ?? ''
}
