/**
 * A strict DER parser (X.690, section 10) for the types used in certificates and requests. It throws plain Errors; callers
 * add what they were parsing.
 *
 * It cross-checks input, and what @peculiar/x509 has encoded, without sharing code with that library or OpenSSL. A general
 * ASN.1 library would accept BER, and takes longer to load than all of `ca show` (docs/dependencies.md has the figures).
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

/** One encoded value; its content is not parsed yet. */
export interface Der {
  readonly tag: number
  readonly content: Uint8Array
  /** Identifier, length and content as in the input. */
  readonly raw: Uint8Array
}

/** Parses `octets` as one value, without trailing octets. */
export function parseDer(octets: Uint8Array): Der {
  const value = valueAt(octets, 0)
  if (value.raw.length !== octets.length) throw new Error('it has trailing octets')
  return value
}

/** The members of a SEQUENCE of `min` to `max` members. */
export function sequenceMembers(value: Der | undefined, min: number, max = min): readonly Der[] {
  return membersOf(value, TAG.sequence, 'SEQUENCE', min, max)
}

/** The members of a SET OF, which is never empty in certificates and requests. */
export function setMembers(value: Der | undefined): readonly Der[] {
  return membersOf(value, TAG.set, 'SET', 1, ANY)
}

/** The members of a constructed `[number]`. */
export function taggedMembers(value: Der | undefined, number: number, min: number, max = min): readonly Der[] {
  return membersOf(value, 0xa0 | number, `[${number}]`, min, max)
}

/** For SEQUENCE OF: no upper bound. */
export const ANY = Number.POSITIVE_INFINITY

/** The members of a long SEQUENCE, of which only one is in memory at a time. */
export function* eachMember(value: Der): Generator<Der> {
  if (value.tag !== TAG.sequence) throw new Error('a SEQUENCE is missing')
  for (let at = 0; at < value.content.length; ) {
    const member = valueAt(value.content, at)
    yield member
    at += member.raw.length
  }
}

function membersOf(value: Der | undefined, tag: number, name: string, min: number, max: number): readonly Der[] {
  if (value?.tag !== tag) throw new Error(`a ${name} is missing`)
  // Not by way of eachMember: every request and certificate passes here dozens of times, and generators are slow.
  const members: Der[] = []
  for (let at = 0; at < value.content.length; ) {
    const member = valueAt(value.content, at)
    members.push(member)
    at += member.raw.length
  }
  if (members.length < min || members.length > max)
    throw new Error(`a ${name} has an unexpected number of members (${members.length})`)
  return members
}

/** The encoding of a value as in the input. */
export function rawDer(value: Der | undefined): Uint8Array {
  if (value === undefined) throw new Error('a value is missing')
  return value.raw
}

/** Whether `value` is the primitive context-specific value `[number]`. */
export function isTagged(value: Der, number: number): boolean {
  return value.tag === (0x80 | number)
}

/** The content of a value, which must be of type `type`. */
export function contentOf(value: Der | undefined, type: keyof typeof TAG): Uint8Array {
  if (value?.tag !== TAG[type]) throw new Error(`a value of type ${type} is missing`)
  return value.content
}

/** Serial numbers have up to 20 octets, P-521 signatures 66; converting a number to decimal takes quadratic time. */
const MAX_INTEGER_OCTETS = 128

/** An INTEGER or ENUMERATED in its shortest encoding (X.690, 8.3.2), of limited length. */
export function readInteger(value: Der | undefined, type: 'integer' | 'enumerated' = 'integer'): bigint {
  const content = contentOf(value, type)
  const [first = 0, second] = content
  const isPadded = second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))
  if (content.length === 0 || isPadded) throw new Error('an INTEGER is not valid DER')
  return readPaddedInteger(value, type)
}

/** Like {@link readInteger}, but accepts padding. */
export function readPaddedInteger(value: Der | undefined, type: 'integer' | 'enumerated' = 'integer'): bigint {
  const content = contentOf(value, type)
  if (content.length > MAX_INTEGER_OCTETS)
    throw new Error(`an INTEGER is too long (${content.length} octets; the limit is ${MAX_INTEGER_OCTETS})`)
  return content.length === 0
    ? 0n
    : BigInt.asIntN(content.length * 8, BigInt(`0x${Buffer.from(content).toString('hex')}`))
}

/** A BOOLEAN; true is 0xff in DER (X.690, 11.1). */
export function readBoolean(value: Der | undefined): boolean {
  const content = contentOf(value, 'boolean')
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new Error('a BOOLEAN is not valid DER')
  return content[0] === 0xff
}

/** The octets of a BIT STRING; unused bits must be zero (X.690, 11.2). */
export function readBitString(value: Der | undefined): Uint8Array {
  const content = contentOf(value, 'bitString')
  const [unused] = content
  const octets = content.subarray(1)
  const mask = (1 << (unused ?? 8)) - 1
  if (unused === undefined || unused > 7 || ((octets.at(-1) ?? (unused && 0xff)) & mask) !== 0) {
    throw new Error('a BIT STRING is not valid DER')
  }
  return octets
}

/** The octets of a BIT STRING without unused bits, such as a signature or a key. */
export function readOctetBitString(value: Der | undefined): Uint8Array {
  if (contentOf(value, 'bitString')[0] !== 0) throw new Error('a BIT STRING has unused bits')
  return readBitString(value)
}

/** Real ones have about a dozen octets; decoding takes quadratic time. */
const MAX_IDENTIFIER_OCTETS = 256

/** An OBJECT IDENTIFIER in its dotted form (X.690, 8.19). */
export function readObjectIdentifier(value: Der | undefined): string {
  const octets = contentOf(value, 'objectIdentifier')
  if (octets.length > MAX_IDENTIFIER_OCTETS)
    throw new Error(`an OBJECT IDENTIFIER is too long (the limit is ${MAX_IDENTIFIER_OCTETS} octets)`)
  const arcs: (number | bigint)[] = []
  let arc: number | bigint = 0
  let isInside = false
  for (const octet of octets) {
    if (!isInside && octet === 0x80) throw new Error('an OBJECT IDENTIFIER is padded')
    arc = nextArc(arc, octet & 0x7f)
    isInside = octet >= 0x80
    if (isInside) continue
    arcs.push(arc)
    arc = 0
  }
  if (isInside) throw new Error('an OBJECT IDENTIFIER is truncated')
  return dotted(arcs)
}

/** The first value is of two arcs: 40 times the first one plus the second. */
function dotted([first, ...others]: readonly (number | bigint)[]): string {
  if (first === undefined) throw new Error('an OBJECT IDENTIFIER is truncated')
  const root = first < 40 ? 0 : first < 80 ? 1 : 2
  const second = typeof first === 'number' ? first - root * 40 : first - BigInt(root * 40)
  return [root, second, ...others].join('.')
}

/** Appends seven bits to an arc; a bigint only when it needs one, because every name and extension has several arcs. */
function nextArc(arc: number | bigint, bits: number): number | bigint {
  if (typeof arc === 'number' && arc < 2 ** 45) return arc * 128 + bits
  return (BigInt(arc) << 7n) | BigInt(bits)
}

/** The head of a value that may be truncated: where its content begins and ends in `octets`. */
export function derHeadAt(octets: Uint8Array, at: number): { readonly start: number; readonly end: number } {
  const { size, start } = lengthAt(octets, at + 1)
  return { start, end: start + size }
}

function valueAt(octets: Uint8Array, at: number): Der {
  const tag = octets[at]
  if (tag === undefined) throw new Error('it is truncated')
  if ((tag & 0x1f) === 0x1f) throw new Error('it uses a multi-octet tag, which is not supported')
  const { size, start } = lengthAt(octets, at + 1)
  if (start + size > octets.length) throw new Error('it is truncated')
  return { tag, content: octets.subarray(start, start + size), raw: octets.subarray(at, start + size) }
}

/** A definite length in its shortest form (X.690, 10.1). */
function lengthAt(octets: Uint8Array, at: number): { readonly size: number; readonly start: number } {
  const first = octets[at]
  if (first === undefined) throw new Error('it is truncated')
  if (first < 0x80) return { size: first, start: at + 1 }
  const count = first & 0x7f
  const digits = octets.subarray(at + 1, at + 1 + count)
  if (digits.length < count) throw new Error('it is truncated')
  const size = digits.reduce((sum, digit) => sum * 256 + digit, 0)
  if (count === 0 || count > 4 || digits[0] === 0 || size < 0x80) throw new Error('it is BER, not DER')
  return { size, start: at + 1 + count }
}
