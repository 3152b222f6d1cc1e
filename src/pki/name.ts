import { ANY, type Der, rawDer, readBitString, readObjectIdentifier, sequenceMembers, setMembers, TAG } from './der.js'
import { sameOctets } from './octets.js'
import { oidName } from './oids.js'

/** One AttributeTypeAndValue of a name. */
export interface NameAttribute {
  /** `CN`, `OU`, … or the dotted identifier. */
  readonly type: string
  readonly value: string
  /** The ASN.1 type of the value, `UTF8String` for instance; it matters to mbedTLS-based devices. */
  readonly encoding: string
}

/** An X.501 Name (RFC 5280, 4.1.2.4). */
export interface Name {
  /** The name as it is encoded; names are copied and compared by these octets. */
  readonly der: Uint8Array
  /** The attributes in the order of the encoding. */
  readonly attributes: readonly NameAttribute[]
}

/** Reads a parsed Name; throws a plain Error when it is none. */
export function readName(value: Der | undefined): Name {
  const attributes = sequenceMembers(value, 0, ANY).flatMap((rdn) => setMembers(rdn).map(readAttribute))
  return { der: rawDer(value), attributes }
}

/** The name on one line, in the order of its encoding: `CN=Factory-CA, OU=acme`. */
export function formatName(name: Name): string {
  return name.attributes.map(({ type, value }) => `${type}=${value}`).join(', ')
}

/** The values of all attributes of a type, `OU` for instance. */
export function attributeValues(name: Name, type: string): readonly string[] {
  return name.attributes.filter((attribute) => attribute.type === type).map(({ value }) => value)
}

/** Are two names the same, octet by octet? */
export function sameName(a: Name, b: Name): boolean {
  return sameOctets(a.der, b.der)
}

function readAttribute(value: Der): NameAttribute {
  const [type, content] = sequenceMembers(value, 2)
  return { type: oidName(readObjectIdentifier(type)), ...readString(content) }
}

/** The string types of DirectoryString and its kin (RFC 5280, 4.1.2.4): the name of each and how its octets are read. */
const STRING_TYPES: ReadonlyMap<number, readonly [string, (octets: Buffer, value: Der) => string]> = new Map([
  [TAG.utf8String, ['UTF8String', utf8]],
  [TAG.printableString, ['PrintableString', latin1]],
  [TAG.ia5String, ['IA5String', latin1]],
  [TAG.numericString, ['NumericString', latin1]],
  // T.61 in the books; Latin-1 in what programs write, and OpenSSL reads it so.
  [TAG.teletexString, ['TeletexString', latin1]],
  [TAG.bmpString, ['BMPString', (octets) => codePoints(octets, 2)]],
  // x500UniqueIdentifier and its kin; shown as RFC 4514, section 2.4 has what is no string.
  [TAG.bitString, ['BIT STRING', bits]],
  [TAG.universalString, ['UniversalString', (octets) => codePoints(octets, 4)]],
])

/** A string of a name: its text and its ASN.1 type. Throws a plain Error when it is of another type. */
export function readString(content: Der | undefined): { readonly value: string; readonly encoding: string } {
  const [encoding, read] = STRING_TYPES.get(content?.tag ?? 0) ?? []
  if (content === undefined || encoding === undefined || read === undefined) throw new Error('a name holds no string')
  return { value: read(Buffer.from(content.content), content), encoding }
}

function utf8(octets: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets)
}

function latin1(octets: Buffer): string {
  return octets.toString('latin1')
}

function bits(_: Buffer, value: Der): string {
  readBitString(value)
  return `#${Buffer.from(value.raw).toString('hex')}`
}

/** Characters of 2 octets (UTF-16 in practice) or 4. */
function codePoints(octets: Buffer, size: 2 | 4): string {
  if (octets.length % size !== 0) throw new Error('a name has a string that is cut off')
  if (size === 2) return Buffer.from(octets).swap16().toString('utf16le')
  const points = Array.from({ length: octets.length / 4 }, (_, index) => octets.readUInt32BE(index * 4))
  if (points.some((point) => point > 0x10ffff)) throw new Error('a name has a character that does not exist')
  return String.fromCodePoint(...points)
}
