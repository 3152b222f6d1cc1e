import type { Random } from '../ports.js'

/**
 * A serialNumber: positive, 20 octets exactly, 158 of its bits random (RFC 5280, 4.1.2.2 allows 20 at most, and fioctl's
 * need 21 half of the time). The first octet is 0x40 to 0x7f: never negative, never zero, never shorter.
 */
export function newSerialNumber(random: Random): Uint8Array {
  const octets = Uint8Array.from(random.bytes(20))
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40
  return octets
}

/** A serial number as colon-separated upper-case hex, as OpenSSL prints it. */
export function serialToHex(serial: bigint): string {
  const digits = (serial < 0n ? -serial : serial).toString(16).toUpperCase()
  const hex = digits.length % 2 === 0 ? digits : `0${digits}`
  return (serial < 0n ? '-' : '') + (hex.match(/../g) ?? []).join(':')
}
