import { der as encode } from '../pki/der-write.js'

/** The result of {@link toDer}. */
interface Normal {
  /** The first value with DER lengths; the input itself if it is DER. */
  readonly der: Uint8Array
  /** Whether all lengths are DER. */
  readonly isDer: boolean
  /** The number of octets after the value. */
  readonly trailing: number
}

/** More than in a CRL of 10 MB. */
const MAX_VALUES = 2_000_000

/** Certificates have about a dozen levels. */
const MAX_DEPTH = 32

/** The position in a structure; `count` is shared by all its values. */
interface Place {
  readonly depth: number
  readonly count: { values: number }
}

interface Value {
  readonly der: Uint8Array
  /** The end offset in the input. */
  readonly end: number
  readonly isDer: boolean
}

/**
 * Converts BER lengths to DER (X.690, 8.1.3 and 10.1), so that certificates of other tools can be parsed. Throws a plain
 * Error when the input is truncated, nested too deeply, or not ASN.1.
 */
export function toDer(octets: Uint8Array): Normal {
  const { der, end, isDer } = valueAt(octets, 0, octets.length, { depth: 0, count: { values: 0 } })
  return { der, isDer, trailing: octets.length - end }
}

function valueAt(octets: Uint8Array, at: number, limit: number, place: Place): Value {
  place.count.values += 1
  if (place.depth > MAX_DEPTH) throw new Error('it is nested too deeply')
  if (place.count.values > MAX_VALUES) throw new Error('it contains too many values')
  const tag = at < limit ? octets[at] : undefined
  if (tag === undefined) throw new Error('it is truncated')
  if ((tag & 0x1f) === 0x1f) throw new Error('it uses a multi-octet tag, which is not supported')
  const { size, start, isShortest } = lengthAt(octets, at + 1)
  const isConstructed = (tag & 0x20) !== 0
  if (size === null && !isConstructed) throw new Error('a primitive value has an indefinite length')
  const end = size === null ? limit : start + size
  if (end > limit) throw new Error('it is truncated')
  const content = isConstructed
    ? membersAt(octets, start, end, size === null, place)
    : { parts: [octets.subarray(start, end)], isDer: true, end }
  const isDer = isShortest && content.isDer
  return {
    der: isDer ? octets.subarray(at, end) : encode(tag, Buffer.concat(content.parts)),
    end: content.end,
    isDer,
  }
}

function membersAt(octets: Uint8Array, start: number, limit: number, isOpen: boolean, { depth, count }: Place) {
  const parts: Uint8Array[] = []
  let isDer = true
  let at = start
  while (at < limit) {
    // Two zero octets end a value of indefinite length (X.690, 8.1.5).
    if (isOpen && octets[at] === 0 && octets[at + 1] === 0) return { parts, isDer: false, end: at + 2 }
    const member = valueAt(octets, at, limit, { depth: depth + 1, count })
    parts.push(member.der)
    isDer &&= member.isDer
    at = member.end
  }
  if (isOpen) throw new Error('it is truncated')
  return { parts, isDer, end: at }
}

/** `size` is null for an indefinite length. */
function lengthAt(octets: Uint8Array, at: number) {
  const first = octets[at]
  if (first === undefined) throw new Error('it is truncated')
  if (first < 0x80) return { size: first, start: at + 1, isShortest: true }
  const count = first & 0x7f
  const start = at + 1 + count
  if (count === 0) return { size: null, start, isShortest: false }
  const digits = octets.subarray(at + 1, start)
  if (digits.length < count) throw new Error('it is truncated')
  const size = digits.reduce((sum, digit) => sum * 256 + digit, 0)
  return { size, start, isShortest: digits[0] !== 0 && size >= 0x80 }
}
