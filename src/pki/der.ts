import { Set as Asn1Set, type BaseBlock, Constructed, fromBER, Sequence } from 'asn1js'

/** A parsed ASN.1 value. The type of the parser is not part of fpki's public interface. */
export type Der = BaseBlock

/**
 * Parses one DER value (X.690, section 10). Throws a plain Error, which the caller puts into words, when the octets
 * are no BER, are not the DER form of what they say, or have something behind them.
 */
export function parseDer(octets: Uint8Array): Der {
  const { offset, result } = fromBER(octets)
  if (offset === -1) throw new Error(result.error || 'it is not ASN.1')
  if (offset !== octets.length) throw new Error('it has trailing octets')
  // The parser takes BER; what DER forbids (indefinite and padded lengths) does not survive being written again.
  if (!Buffer.from(result.toBER()).equals(octets) || hasLongLength(result)) throw new Error('it is BER, not DER')
  return result
}

/** The members of a constructed value; throws when `value` is none. */
export function members(value: Der | undefined): readonly Der[] {
  if (value instanceof Sequence || value instanceof Asn1Set || value instanceof Constructed) {
    return value.valueBlock.value
  }
  throw new Error('a SEQUENCE or SET is missing')
}

/** The octets of a value as they stood in its file, tag and length included. */
export function rawDer(value: Der | undefined): Uint8Array {
  if (value === undefined) throw new Error('a value is missing')
  return value.valueBeforeDecodeView.slice()
}

/** A value of type `kind`; throws when it is something else. */
export function expect<T extends Der>(value: Der | undefined, kind: new (...args: never[]) => T): T {
  if (value instanceof kind) return value
  throw new Error(`${kind.name} is missing`)
}

/** Is `value` the context-specific value `[number]`? */
export function isTagged(value: Der | undefined, number: number): boolean {
  return value !== undefined && value.idBlock.tagClass === 3 && value.idBlock.tagNumber === number
}

/** The octets of a value that was made, not parsed. */
export function toDer(value: Der): Uint8Array {
  return new Uint8Array(value.toBER())
}

/** A SEQUENCE of values that are DER already, each kept octet by octet. */
export function sequenceOf(...parts: readonly Uint8Array[]): Uint8Array {
  return wrap(0x30, Buffer.concat(parts))
}

/** `[number] EXPLICIT` around a value that is DER already. */
export function explicit(number: number, part: Uint8Array): Uint8Array {
  return wrap(0xa0 | number, part)
}

function wrap(tag: number, content: Uint8Array): Uint8Array {
  const size = content.length
  const octets = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  if (size > 0xffff) throw new RangeError('a value of more than 65535 octets')
  return Buffer.concat([Uint8Array.from([tag, ...octets]), content])
}

function hasLongLength(value: Der): boolean {
  const { lenBlock, idBlock } = value
  if (lenBlock.isIndefiniteForm || (lenBlock.longFormUsed && lenBlock.length < 0x80)) return true
  return idBlock.isConstructed && members(value).some(hasLongLength)
}
