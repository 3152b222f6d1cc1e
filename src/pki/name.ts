import {
  ANY,
  type Der,
  parseDer,
  rawDer,
  readBitString,
  readObjectIdentifier,
  sequenceMembers,
  setMembers,
  TAG,
} from './der.js'
import { sameOctets } from './octets.js'
import { oidName } from './oids.js'

/** One AttributeTypeAndValue of a name. */
export interface NameAttribute {
  /** `CN`, `OU`, … or the dotted identifier. */
  readonly type: string
  readonly value: string
  /** The ASN.1 string type, such as `UTF8String`; it matters to mbedTLS-based devices. */
  readonly encoding: string
}

/** An X.501 Name (RFC 5280, 4.1.2.4). */
export interface Name {
  /** The encoded name, which is what fpki copies and compares. */
  readonly der: Uint8Array
  /** In the order of the encoding. */
  readonly attributes: readonly NameAttribute[]
}

/** Parses a Name. Throws a plain Error. */
export function readName(value: Der | undefined): Name {
  const attributes = sequenceMembers(value, 0, ANY).flatMap((rdn) => setMembers(rdn).map(readAttribute))
  return { der: rawDer(value), attributes }
}

/** Whether several attributes of a name share an RDN, as in `CN=a+OU=b`. */
export function isMultiValued({ der }: Name): boolean {
  return sequenceMembers(parseDer(der), 0, ANY).some((rdn) => setMembers(rdn).length > 1)
}

/** Formats a name in the order of its encoding: `CN=Factory-CA, OU=acme`. */
export function formatName(name: Name): string {
  return name.attributes.map(({ type, value }) => `${type}=${value}`).join(', ')
}

/** The values of all attributes of one type, such as `OU`. */
export function attributeValues(name: Name, type: string): readonly string[] {
  return name.attributes.filter((attribute) => attribute.type === type).map(({ value }) => value)
}

/** Whether the encodings of two names are identical. */
export function sameName(a: Name, b: Name): boolean {
  return sameOctets(a.der, b.der)
}

function readAttribute(value: Der): NameAttribute {
  const [type, content] = sequenceMembers(value, 2)
  return { type: oidName(readObjectIdentifier(type)), ...readString(content) }
}

/** The string types of attribute values (RFC 5280, 4.1.2.4), with their decoders. */
const STRING_TYPES: ReadonlyMap<number, readonly [string, (octets: Buffer, value: Der) => string]> = new Map([
  [TAG.utf8String, ['UTF8String', utf8]],
  [TAG.printableString, ['PrintableString', latin1]],
  [TAG.ia5String, ['IA5String', latin1]],
  [TAG.numericString, ['NumericString', latin1]],
  // T.61 in the standard; programs write Latin-1, and OpenSSL reads Latin-1.
  [TAG.teletexString, ['TeletexString', latin1]],
  [TAG.bmpString, ['BMPString', (octets) => codePoints(octets, 2)]],
  // x500UniqueIdentifier; shown as in RFC 4514, section 2.4.
  [TAG.bitString, ['BIT STRING', bits]],
  [TAG.universalString, ['UniversalString', (octets) => codePoints(octets, 4)]],
])

/** An attribute value and its ASN.1 type. Throws a plain Error for unsupported types. */
export function readString(content: Der | undefined): { readonly value: string; readonly encoding: string } {
  const [encoding, read] = STRING_TYPES.get(content?.tag ?? 0) ?? []
  if (content === undefined || encoding === undefined || read === undefined)
    throw new Error('a name contains a value that is not a string')
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

/** Decodes characters of 2 octets (UTF-16 in practice) or 4. */
function codePoints(octets: Buffer, size: 2 | 4): string {
  if (octets.length % size !== 0) throw new Error('a name contains a truncated string')
  if (size === 2) return Buffer.from(octets).swap16().toString('utf16le')
  const points = Array.from({ length: octets.length / 4 }, (_, index) => octets.readUInt32BE(index * 4))
  if (points.some((point) => point > 0x10ffff)) throw new Error('a name contains an invalid code point')
  return String.fromCodePoint(...points)
}
