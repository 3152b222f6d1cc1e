/** A number that is not negative, in lower-case hex of whole octets. */
export function evenHex(value: bigint): string {
  const digits = value.toString(16)
  return digits.padStart(digits.length + (digits.length % 2), '0')
}

/** A serial number as colon-separated upper-case hex, as OpenSSL prints it. */
export function serialToHex(serial: bigint): string {
  const hex = evenHex(serial < 0n ? -serial : serial).toUpperCase()
  return (serial < 0n ? '-' : '') + (hex.match(/../g) ?? []).join(':')
}

/** A decimal serial number, as JSON and the Factory API have it, for people; what is not a number stays as it is. */
export function decimalToHex(serial: string): string {
  return /^\d+$/.test(serial) ? serialToHex(BigInt(serial)) : serial
}
