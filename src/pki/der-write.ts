import { TAG } from './der.js'

// DER encoding for PKCS#8, PKCS#12 and PKCS#11. @peculiar/x509 encodes certificates, CRLs and requests (signer/x509/).

/** A value with the identifier octet `tag`. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const size = contents.reduce((sum, content) => sum + content.length, 0)
  const header = [tag, ...lengthOctets(size)]
  // One allocation: every signature is encoded here.
  const value = Buffer.allocUnsafe(header.length + size)
  value.set(header)
  let at = header.length
  for (const content of contents) {
    value.set(content, at)
    at += content.length
  }
  return value
}

/** The head of a value whose content of `size` octets follows elsewhere. */
export function derHead(tag: number, size: number): Uint8Array {
  return Uint8Array.from([tag, ...lengthOctets(size)])
}

/** X.690, 10.1: the definite form, in as few octets as possible. */
function lengthOctets(size: number): readonly number[] {
  if (size < 0x80) return [size]
  if (size > 0xffff_ffff) throw new RangeError('cannot encode a value of more than 4 GiB')
  const octets = [size >>> 24, (size >>> 16) & 0xff, (size >>> 8) & 0xff, size & 0xff]
  const significant = octets.slice(octets.findIndex((octet) => octet !== 0))
  return [0x80 | significant.length, ...significant]
}

/** A SEQUENCE of values. */
export function sequence(...values: readonly Uint8Array[]): Uint8Array {
  return der(TAG.sequence, ...values)
}

/** A SET OF one value. DER would sort several; fpki never encodes more than one. */
export function setOf(value: Uint8Array): Uint8Array {
  return der(TAG.set, value)
}

/** `[number] EXPLICIT`, or a constructed `[number] IMPLICIT`, around values. */
export function explicit(number: number, ...values: readonly Uint8Array[]): Uint8Array {
  return der(0xa0 | number, ...values)
}

/** A non-negative INTEGER from its big-endian octets. */
export function integer(magnitude: Uint8Array): Uint8Array {
  const start = magnitude.findIndex((octet) => octet !== 0)
  const digits = start === -1 ? Uint8Array.of(0) : magnitude.subarray(start)
  return der(TAG.integer, (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : Uint8Array.of(), digits)
}

/** A BIT STRING of `octets`, the last of which has `unused` unused bits. */
export function bitString(octets: Uint8Array, unused = 0): Uint8Array {
  return der(TAG.bitString, Uint8Array.of(unused), octets)
}

export function octetString(octets: Uint8Array): Uint8Array {
  return der(TAG.octetString, octets)
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0n, second = 0n, ...others] = dotted.split('.').map(BigInt)
  return der(TAG.objectIdentifier, ...[first * 40n + second, ...others].map(base128))
}

function base128(arc: bigint): Uint8Array {
  const octets = [Number(arc & 0x7fn)]
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) octets.unshift(Number(rest & 0x7fn) | 0x80)
  return Uint8Array.from(octets)
}
