/** A serial number as colon-separated upper-case hex, as OpenSSL prints it. */
export function serialToHex(serial: bigint): string {
  const digits = (serial < 0n ? -serial : serial).toString(16).toUpperCase()
  const hex = digits.length % 2 === 0 ? digits : `0${digits}`
  return (serial < 0n ? '-' : '') + (hex.match(/../g) ?? []).join(':')
}

/** A decimal serial number, as JSON and the Factory API have it, for people; what is not a number stays as it is. */
export function decimalToHex(serial: string): string {
  return /^\d+$/.test(serial) ? serialToHex(BigInt(serial)) : serial
}
