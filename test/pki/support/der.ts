/** A second, small DER reader and writer, so that the tests read octets with other eyes than fpki's. */

/** One value: its tag, its content, and all of its octets. */
export interface Tlv {
  readonly tag: number
  readonly content: Buffer
  readonly der: Buffer
}

/** Reads the only value in `octets`; throws when the lengths are not those of DER or something is behind it. */
export function readTlv(octets: Uint8Array): Tlv {
  const [only, ...more] = readAll(octets)
  if (only === undefined || more.length > 0) throw new Error('not exactly one DER value')
  return only
}

/** The members of a constructed value. */
export function membersOf({ tag, content }: Tlv): readonly Tlv[] {
  if ((tag & 0x20) === 0) throw new Error(`tag ${tag.toString(16)} is not constructed`)
  return readAll(content)
}

/** The value at `path`, a list of positions from `root` down. */
export function at(root: Tlv, ...path: readonly number[]): Tlv {
  return path.reduce((value, index) => {
    const member = membersOf(value)[index]
    if (member === undefined) throw new Error(`no member ${index}`)
    return member
  }, root)
}

function readAll(octets: Uint8Array): readonly Tlv[] {
  const buffer = Buffer.from(octets)
  const values: Tlv[] = []
  for (let start = 0; start < buffer.length; ) {
    const { header, length } = readHeader(buffer.subarray(start))
    const end = start + header + length
    if (end > buffer.length) throw new Error('cut off')
    const der = buffer.subarray(start, end)
    values.push({ tag: buffer.readUInt8(start), content: der.subarray(header), der })
    start = end
  }
  return values
}

function readHeader(octets: Buffer): { readonly header: number; readonly length: number } {
  const first = octets.readUInt8(1)
  if (first < 0x80) return { header: 2, length: first }
  const size = first & 0x7f
  const length = octets.readUIntBE(2, size)
  if (length < 0x80 || length < 256 ** (size - 1)) throw new Error('a length that is not DER')
  return { header: 2 + size, length }
}

/** One value of `tag` with `parts` as its content. */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content])
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length)
  const digits = evenHex(BigInt(length))
  return Buffer.concat([Buffer.of(0x80 | (digits.length / 2)), Buffer.from(digits, 'hex')])
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tlv(0x30, ...parts)
}

/** A SET OF in the order that DER wants (X.690, 11.6). */
export function setOf(...parts: readonly Uint8Array[]): Buffer {
  return tlv(0x31, ...parts.toSorted((a, b) => Buffer.compare(a, b)))
}

export function octetString(content: Uint8Array): Buffer {
  return tlv(0x04, content)
}

export function bitString(content: Uint8Array): Buffer {
  return tlv(0x03, Buffer.of(0), content)
}

/** An INTEGER that is not negative. */
export function integer(value: bigint | number): Buffer {
  const octets = Buffer.from(evenHex(BigInt(value)), 'hex')
  return tlv(0x02, octets.readUInt8(0) >= 0x80 ? Buffer.of(0) : Buffer.alloc(0), octets)
}

export function objectIdentifier(dotted: string): Buffer {
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt)
  return tlv(0x06, ...[first * 40n + second, ...rest].map(base128))
}

function base128(arc: bigint): Buffer {
  const octets = [Number(arc & 0x7fn)]
  for (let left = arc >> 7n; left > 0n; left >>= 7n) octets.unshift(Number(left & 0x7fn) | 0x80)
  return Buffer.from(octets)
}

function evenHex(value: bigint): string {
  const digits = value.toString(16)
  return digits.length % 2 === 0 ? digits : `0${digits}`
}

/** A PEM block around `der`. */
export function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

/** The DER of the first PEM block in `text`. */
export function derOf(text: string): Buffer {
  const [, base64 = ''] = /-----BEGIN [^-]+-----([^-]+)-----END/.exec(text) ?? []
  return Buffer.from(base64, 'base64')
}
