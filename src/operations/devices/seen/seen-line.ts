import { MAX_SERIAL_OCTETS } from '../../../pki/serial.js'
import { evenHex } from '../../../serial-hex.js'

/** A certificate in a line of a log: its serial number, or a fingerprint. Both may be 40 digits long. */
export interface SeenLine {
  /** Lower-case hex, of whole octets, without leading zeros. */
  readonly serial: string | null
  /** Lower-case hex of SHA-1 or SHA-256. */
  readonly fingerprint: string | null
  /** null: the line has no time. */
  readonly at: number | null
}

const SHA_1 = 40
const SHA_256 = 64

/** In hex digits. */
const MAX_SERIAL = 2 * MAX_SERIAL_OCTETS

/** As nginx's $time_iso8601, and with parts of a second. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

/**
 * Reads a line with one serial number or fingerprint (hex, in upper or lower case, with or without colons) and perhaps a time,
 * in any order, between spaces, tabs, commas and quotes. `NAME=` before either is ignored. null: it is anything else, such as the
 * request of a client without a certificate.
 */
export function readSeenLine(text: string): SeenLine | null {
  const words = text
    .split(/[\s,;"']+/)
    .map((word) => word.slice(word.indexOf('=') + 1))
    .filter((word) => word !== '')
  const times = words.filter((word) => TIME.test(word))
  const [id, ...others] = words.filter((word) => !TIME.test(word))
  if (id === undefined || others.length > 0 || times.length > 1) return null
  const at = times[0] === undefined ? null : Date.parse(times[0])
  const hex = /^[0-9a-f]{2}(:[0-9a-f]{2})*$/i.test(id) ? id.replaceAll(':', '') : id
  // RFC 5280, 5.1.2.4: a CRL cannot say that a certificate ended before 1950. No gateway has such a time.
  if (Number.isNaN(at) || (at ?? 0) < 0 || !/^[0-9a-f]{1,64}$/i.test(hex)) return null
  const digits = hex.toLowerCase()
  const isSerial = digits.length <= MAX_SERIAL
  if (!isSerial && digits.length !== SHA_256) return null
  return {
    serial: isSerial ? evenHex(BigInt(`0x${digits}`)) : null,
    fingerprint: digits.length === SHA_1 || digits.length === SHA_256 ? digits : null,
    at,
  }
}
