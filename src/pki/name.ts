import {
  Set as Asn1Set,
  BmpString,
  IA5String,
  NumericString,
  ObjectIdentifier,
  PrintableString,
  Sequence,
  TeletexString,
  UniversalString,
  Utf8String,
} from 'asn1js'
import { type Der, expect, members, parseDer, rawDer } from './der.js'
import { oid, oidName } from './oids.js'

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

/** A name of CN and OU, in that order, both UTF8String (contract.md 3: mbedTLS-based devices need it so). */
export function commonNameAndUnit(commonName: string, organizationalUnit: string): Name {
  const rdns = [relativeName('CN', commonName), relativeName('OU', organizationalUnit)]
  return readName(parseDer(new Uint8Array(new Sequence({ value: rdns }).toBER())))
}

/** Reads a parsed Name; throws a plain Error when it is none. */
export function readName(value: Der | undefined): Name {
  const attributes = members(value).flatMap((rdn) => members(rdn).map(readAttribute))
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
  return Buffer.from(a.der).equals(b.der)
}

function relativeName(type: 'CN' | 'OU', value: string): Asn1Set {
  const attribute = new Sequence({ value: [new ObjectIdentifier({ value: oid(type) }), new Utf8String({ value })] })
  return new Asn1Set({ value: [attribute] })
}

function readAttribute(value: Der): NameAttribute {
  const [type, content, ...more] = members(value)
  if (content === undefined || more.length > 0) throw new Error('a name has a broken attribute')
  return {
    type: oidName(expect(type, ObjectIdentifier).valueBlock.toString()),
    ...readString(content),
  }
}

/** The string types of DirectoryString and its kin (RFC 5280, 4.1.2.4). */
const STRING_TYPES = [
  ['UTF8String', Utf8String],
  ['PrintableString', PrintableString],
  ['IA5String', IA5String],
  ['NumericString', NumericString],
  ['TeletexString', TeletexString],
  ['BMPString', BmpString],
  ['UniversalString', UniversalString],
] as const

function readString(content: Der): { readonly value: string; readonly encoding: string } {
  for (const [encoding, type] of STRING_TYPES) {
    if (content instanceof type) return { value: content.getValue(), encoding }
  }
  // An attribute may hold any type; what is no string is shown as RFC 4514, section 2.4 has it.
  return { value: `#${Buffer.from(rawDer(content)).toString('hex')}`, encoding: content.constructor.name }
}
