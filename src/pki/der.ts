/**
 * DER, the encoding of everything that is signed (X.690, section 10): a strict reader of the types that certificates and
 * requests are made of. Readers throw a plain Error that says what is wrong; the caller adds what it was reading.
 *
 * It is the second opinion on what others send and on what @peculiar/x509 has just laid out, and shares no code with that
 * library; OpenSSL is the third. A general ASN.1 library accepts BER, which has to be refused here, and takes longer to load
 * than `ca show` takes (docs/dependencies.md has the figures).
 */

/** Identifier octets (X.690, 8.1.2). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** One value, not looked into yet. */
export interface Der {
  readonly tag: number
  readonly content: Uint8Array
  /** Identifier, length and content, as they stood in the input. */
  readonly raw: Uint8Array
}

/** The one value that `octets` are; nothing may follow it. */
export function parseDer(octets: Uint8Array): Der {
  const value = valueAt(octets, 0)
  if (value.raw.length !== octets.length) throw new Error('it has trailing octets')
  return value
}

/** The members of a SEQUENCE that has `least` to `most` of them. */
export function sequenceMembers(value: Der | undefined, least: number, most = least): readonly Der[] {
  return membersOf(value, TAG.sequence, 'SEQUENCE', least, most)
}

/** The members of a SET OF; the sets of certificates and requests are never empty. */
export function setMembers(value: Der | undefined): readonly Der[] {
  return membersOf(value, TAG.set, 'SET', 1, ANY)
}

/** The members of a constructed `[number]`. */
export function taggedMembers(value: Der | undefined, number: number, least: number, most = least): readonly Der[] {
  return membersOf(value, 0xa0 | number, `[${number}]`, least, most)
}

/** For SEQUENCE OF: no upper bound. */
export const ANY = Number.POSITIVE_INFINITY

function membersOf(value: Der | undefined, tag: number, name: string, least: number, most: number): readonly Der[] {
  if (value?.tag !== tag) throw new Error(`a ${name} is missing`)
  const found: Der[] = []
  for (let at = 0; at < value.content.length; ) {
    const member = valueAt(value.content, at)
    found.push(member)
    at += member.raw.length
  }
  if (found.length < least || found.length > most) throw new Error(`a ${name} has ${found.length} members`)
  return found
}

/** The octets of a value as they stood in its input. */
export function rawDer(value: Der | undefined): Uint8Array {
  if (value === undefined) throw new Error('a value is missing')
  return value.raw
}

/** Is `value` the primitive context-specific value `[number]`? */
export function isTagged(value: Der, number: number): boolean {
  return value.tag === (0x80 | number)
}

/** The content of a value that must have the given type. */
export function contentOf(value: Der | undefined, type: keyof typeof TAG): Uint8Array {
  if (value?.tag !== TAG[type]) throw new Error(`a value of type ${type} is missing`)
  return value.content
}

/** Serial numbers have 20 octets, the numbers of a signature 66; the time to print one grows with its square. */
const MAX_INTEGER_OCTETS = 128

/** An INTEGER or an ENUMERATED, in the fewest octets that hold it (X.690, 8.3.2), and in no more than are in use. */
export function readInteger(value: Der | undefined, type: 'integer' | 'enumerated' = 'integer'): bigint {
  const content = contentOf(value, type)
  const [first = 0, second] = content
  const isPadded = second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))
  if (content.length === 0 || isPadded) throw new Error('an INTEGER is not in its DER form')
  return readPaddedInteger(value, type)
}

/** As {@link readInteger}, also in more octets than DER has. */
export function readPaddedInteger(value: Der | undefined, type: 'integer' | 'enumerated' = 'integer'): bigint {
  const content = contentOf(value, type)
  if (content.length > MAX_INTEGER_OCTETS)
    throw new Error(`an INTEGER of ${content.length} octets is longer than any that is in use`)
  return content.length === 0
    ? 0n
    : BigInt.asIntN(content.length * 8, BigInt(`0x${Buffer.from(content).toString('hex')}`))
}

/** A BOOLEAN; DER has 0xff for true (X.690, 11.1). */
export function readBoolean(value: Der | undefined): boolean {
  const content = contentOf(value, 'boolean')
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
    throw new Error('a BOOLEAN is not in its DER form')
  return content[0] === 0xff
}

/** The octets of a BIT STRING; the bits that are not used must be zero (X.690, 11.2). */
export function readBitString(value: Der | undefined): Uint8Array {
  const content = contentOf(value, 'bitString')
  const [unused] = content
  const octets = content.subarray(1)
  const mask = (1 << (unused ?? 8)) - 1
  if (unused === undefined || unused > 7 || ((octets.at(-1) ?? (unused && 0xff)) & mask) !== 0) {
    throw new Error('a BIT STRING is not in its DER form')
  }
  return octets
}

/** The octets of a BIT STRING of whole octets, as signatures and keys are. */
export function readOctetBitString(value: Der | undefined): Uint8Array {
  if (contentOf(value, 'bitString')[0] !== 0) throw new Error('a BIT STRING has spare bits')
  return readBitString(value)
}

/** Those in use have a dozen octets; the time to read one grows with its square. */
const MAX_IDENTIFIER_OCTETS = 256

/** An OBJECT IDENTIFIER in its dotted form (X.690, 8.19). */
export function readObjectIdentifier(value: Der | undefined): string {
  const octets = contentOf(value, 'objectIdentifier')
  if (octets.length > MAX_IDENTIFIER_OCTETS) throw new Error('an OBJECT IDENTIFIER is longer than any that is in use')
  const arcs: bigint[] = []
  let arc = 0n
  let isInside = false
  for (const octet of octets) {
    if (!isInside && octet === 0x80) throw new Error('an OBJECT IDENTIFIER is padded')
    arc = (arc << 7n) | BigInt(octet & 0x7f)
    isInside = octet >= 0x80
    if (isInside) continue
    arcs.push(arc)
    arc = 0n
  }
  const [first, ...others] = arcs
  if (first === undefined || isInside) throw new Error('an OBJECT IDENTIFIER is broken')
  const root = first < 40n ? 0n : first < 80n ? 1n : 2n
  return [root, first - root * 40n, ...others].join('.')
}

function valueAt(octets: Uint8Array, at: number): Der {
  const tag = octets[at]
  if (tag === undefined) throw new Error('it is cut off')
  if ((tag & 0x1f) === 0x1f) throw new Error('it has a tag that no certificate has')
  const { size, start } = lengthAt(octets, at + 1)
  if (start + size > octets.length) throw new Error('it is cut off')
  return { tag, content: octets.subarray(start, start + size), raw: octets.subarray(at, start + size) }
}

/** A definite length in the fewest octets (X.690, 10.1). */
function lengthAt(octets: Uint8Array, at: number): { readonly size: number; readonly start: number } {
  const first = octets[at]
  if (first === undefined) throw new Error('it is cut off')
  if (first < 0x80) return { size: first, start: at + 1 }
  const count = first & 0x7f
  const digits = octets.subarray(at + 1, at + 1 + count)
  if (digits.length < count) throw new Error('it is cut off')
  const size = digits.reduce((sum, digit) => sum * 256 + digit, 0)
  if (count === 0 || count > 4 || digits[0] === 0 || size < 0x80) throw new Error('it is BER, not DER')
  return { size, start: at + 1 + count }
}
