import { der as encode } from '../pki/der-write.js'

/** What {@link toDer} makes of octets. */
export interface Normal {
  /** The first value, with lengths as DER has them; the input itself when they were so. */
  readonly der: Uint8Array
  /** Were all lengths as DER has them? */
  readonly isDer: boolean
  /** How many octets stand behind the value. */
  readonly trailing: number
}

/** A CRL of 10 MB has fewer; more only keep fpki busy. */
const MAX_VALUES = 2_000_000

/** Nothing that certificates are made of is deeper than a dozen levels. */
const MAX_DEPTH = 32

/** Where in a structure a value is; `count` is of the whole of it. */
interface Place {
  readonly depth: number
  readonly count: { values: number }
}

interface Value {
  readonly der: Uint8Array
  /** Where it ends in the input. */
  readonly end: number
  readonly isDer: boolean
}

/**
 * Reads BER and writes its lengths again as DER has them (X.690, 8.1.3 and 10.1), so that a certificate of a sloppy
 * maker can be read on. Throws a plain Error when it is neither: cut off, too deep, or no ASN.1 at all.
 */
export function toDer(octets: Uint8Array): Normal {
  const { der, end, isDer } = valueAt(octets, 0, octets.length, { depth: 0, count: { values: 0 } })
  return { der, isDer, trailing: octets.length - end }
}

function valueAt(octets: Uint8Array, at: number, limit: number, place: Place): Value {
  place.count.values += 1
  if (place.depth > MAX_DEPTH) throw new Error('its values are too deep in one another')
  if (place.count.values > MAX_VALUES) throw new Error('it has more values than any list')
  const tag = at < limit ? octets[at] : undefined
  if (tag === undefined) throw new Error('it is cut off')
  if ((tag & 0x1f) === 0x1f) throw new Error('it has a tag that no certificate has')
  const { size, start, isShortest } = lengthAt(octets, at + 1)
  const isConstructed = (tag & 0x20) !== 0
  if (size === null && !isConstructed) throw new Error('a simple value has no length')
  const end = size === null ? limit : start + size
  if (end > limit) throw new Error('it is cut off')
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
    // Two zero octets end a value of no given length (X.690, 8.1.5).
    if (isOpen && octets[at] === 0 && octets[at + 1] === 0) return { parts, isDer: false, end: at + 2 }
    const member = valueAt(octets, at, limit, { depth: depth + 1, count })
    parts.push(member.der)
    isDer &&= member.isDer
    at = member.end
  }
  if (isOpen) throw new Error('it is cut off')
  return { parts, isDer, end: at }
}

/** `size` null: the value goes on until two zero octets. */
function lengthAt(octets: Uint8Array, at: number) {
  const first = octets[at]
  if (first === undefined) throw new Error('it is cut off')
  if (first < 0x80) return { size: first, start: at + 1, isShortest: true }
  const count = first & 0x7f
  const start = at + 1 + count
  if (count === 0) return { size: null, start, isShortest: false }
  const digits = octets.subarray(at + 1, start)
  if (digits.length < count) throw new Error('it is cut off')
  const size = digits.reduce((sum, digit) => sum * 256 + digit, 0)
  return { size, start, isShortest: digits[0] !== 0 && size >= 0x80 }
}
