import type { Random } from '../ports.js'

/** The maximum of RFC 5280 (4.1.2.2). */
export const MAX_SERIAL_OCTETS = 20

/**
 * A new serial number of the maximum length, with 158 random bits. The first octet is 0x40 to 0x7f, so that the number is
 * positive and has no leading zeros.
 */
export function newSerialNumber(random: Pick<Random, 'bytes'>): Uint8Array {
  const octets = Uint8Array.from(random.bytes(MAX_SERIAL_OCTETS))
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40
  return octets
}

/** `count` new serial numbers, from one call of the source of randomness. */
export function newSerialNumbers(random: Pick<Random, 'bytes'>, count: number): readonly Uint8Array[] {
  const octets = random.bytes(MAX_SERIAL_OCTETS * count)
  return Array.from({ length: count }, (_, index) => {
    const own = octets.subarray(MAX_SERIAL_OCTETS * index, MAX_SERIAL_OCTETS * (index + 1))
    return newSerialNumber({ bytes: () => own })
  })
}
