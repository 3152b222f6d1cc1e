import { Boolean as Asn1Boolean, BitString, Integer, ObjectIdentifier, OctetString, Primitive, Sequence } from 'asn1js'
import { type Der, expect, isTagged, members, parseDer, rawDer, toDer } from './der.js'
import { oid, oidName } from './oids.js'
import { KEY_USAGES, type KeyUsage } from './profiles.js'

/** One extension of a certificate or a request (RFC 5280, 4.1.2.9). */
export interface Extension {
  /** The name of the table of oids.ts, or the dotted identifier. */
  readonly type: string
  readonly critical: boolean
  /** The DER inside of extnValue. */
  readonly value: Uint8Array
}

/** The contents of the extensions that fpki knows, decoded. What a certificate does not have is null. */
export interface KnownExtensions {
  readonly keyUsage: readonly KeyUsage[] | null
  readonly extKeyUsage: readonly string[] | null
  readonly basicConstraints: { readonly ca: boolean; readonly pathLenConstraint: number | null } | null
  readonly subjectKeyIdentifier: Uint8Array | null
  /** The keyIdentifier member only. */
  readonly authorityKeyIdentifier: Uint8Array | null
  readonly subjectAltName: readonly GeneralName[] | null
}

/** A GeneralName (RFC 5280, 4.2.1.6): `DNS`, `IP`, `URI` and `email` in words; any other kind as hex. */
export interface GeneralName {
  readonly type: 'DNS' | 'IP' | 'URI' | 'email' | 'other'
  readonly value: string
}

/** The DER of an Extension. */
export function encodeExtension({ type, critical, value }: Extension): Sequence {
  const extnID = new ObjectIdentifier({ value: oid(type as Parameters<typeof oid>[0]) })
  const extnValue = new OctetString({ valueHex: exactBuffer(value) })
  // DER leaves a DEFAULT FALSE out.
  return new Sequence({ value: critical ? [extnID, new Asn1Boolean({ value: true }), extnValue] : [extnID, extnValue] })
}

/** Reads an Extensions value (a SEQUENCE OF Extension). Throws a plain Error when it is none or one comes twice. */
export function readExtensions(value: Der | undefined): readonly Extension[] {
  const extensions = members(value).map(readExtension)
  const types = new Set(extensions.map(({ type }) => type))
  if (types.size !== extensions.length) throw new Error('an extension comes twice')
  return extensions
}

function readExtension(value: Der): Extension {
  const parts = members(value)
  const critical = parts.length === 3 && expect(parts[1], Asn1Boolean).getValue()
  return {
    type: oidName(expect(parts[0], ObjectIdentifier).valueBlock.toString()),
    critical,
    value: new Uint8Array(expect(parts.at(-1), OctetString).getValue()),
  }
}

/** The values of the extensions that the profiles speak of. Throws a plain Error when one does not parse. */
export function knownExtensions(extensions: readonly Extension[]): KnownExtensions {
  const read = <T>(type: string, decode: (value: Der) => T): T | null => {
    const extension = extensions.find((candidate) => candidate.type === type)
    return extension === undefined ? null : decode(parseDer(extension.value))
  }
  return {
    keyUsage: read('keyUsage', decodeKeyUsage),
    extKeyUsage: read('extKeyUsage', decodeExtKeyUsage),
    basicConstraints: read('basicConstraints', decodeBasicConstraints),
    subjectKeyIdentifier: read('subjectKeyIdentifier', (value) => octets(expect(value, OctetString).getValue())),
    authorityKeyIdentifier: read('authorityKeyIdentifier', decodeAuthorityKeyIdentifier),
    subjectAltName: read('subjectAltName', (value) => members(value).map(decodeGeneralName)),
  }
}

/** keyUsage as a named bit list: trailing zero bits are left out (X.690, 11.2.2). */
export function encodeKeyUsage(usages: readonly KeyUsage[]): Uint8Array {
  const bits = KEY_USAGES.map((usage) => (usages.includes(usage) ? '1' : '0'))
    .join('')
    .replace(/0+$/, '')
  const bytes = (bits.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2))
  return toDer(
    new BitString({ valueHex: exactBuffer(Uint8Array.from(bytes)), unusedBits: bytes.length * 8 - bits.length }),
  )
}

export function encodeExtKeyUsage(purposes: readonly Parameters<typeof oid>[0][]): Uint8Array {
  return toDer(new Sequence({ value: purposes.map((purpose) => new ObjectIdentifier({ value: oid(purpose) })) }))
}

/** basicConstraints of a CA; `null`: any number of CAs may follow. */
export function encodeCaConstraints(pathLenConstraint: number | null): Uint8Array {
  const ca = new Asn1Boolean({ value: true })
  return toDer(
    new Sequence({ value: pathLenConstraint === null ? [ca] : [ca, new Integer({ value: pathLenConstraint })] }),
  )
}

export function encodeSubjectKeyIdentifier(keyIdentifier: Uint8Array): Uint8Array {
  return toDer(new OctetString({ valueHex: exactBuffer(keyIdentifier) }))
}

export function encodeAuthorityKeyIdentifier(keyIdentifier: Uint8Array): Uint8Array {
  return toDer(new Sequence({ value: [tagged(0, keyIdentifier)] }))
}

export function encodeDnsNames(names: readonly string[]): Uint8Array {
  return toDer(new Sequence({ value: names.map((name) => tagged(2, Buffer.from(name, 'ascii'))) }))
}

function tagged(tagNumber: number, value: Uint8Array): Primitive {
  return new Primitive({ idBlock: { tagClass: 3, tagNumber }, valueHex: exactBuffer(value) })
}

function decodeKeyUsage(value: Der): readonly KeyUsage[] {
  const { valueHexView } = expect(value, BitString).valueBlock
  return KEY_USAGES.filter((_, bit) => ((valueHexView[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0)
}

function decodeExtKeyUsage(value: Der): readonly string[] {
  return members(value).map((purpose) => oidName(expect(purpose, ObjectIdentifier).valueBlock.toString()))
}

function decodeBasicConstraints(value: Der): KnownExtensions['basicConstraints'] {
  const [first, second] = members(value)
  const ca = first instanceof Asn1Boolean && first.getValue()
  const pathLen = first instanceof Integer ? first : second
  return { ca, pathLenConstraint: pathLen === undefined ? null : Number(expect(pathLen, Integer).toBigInt()) }
}

function decodeAuthorityKeyIdentifier(value: Der): Uint8Array | null {
  const identifier = members(value).find((member) => isTagged(member, 0))
  return identifier === undefined ? null : primitiveOctets(identifier)
}

function decodeGeneralName(value: Der): GeneralName {
  if (isTagged(value, 1)) return { type: 'email', value: latin1(value) }
  if (isTagged(value, 2)) return { type: 'DNS', value: latin1(value) }
  if (isTagged(value, 6)) return { type: 'URI', value: latin1(value) }
  if (isTagged(value, 7)) return { type: 'IP', value: formatAddress(primitiveOctets(value)) }
  return { type: 'other', value: Buffer.from(rawDer(value)).toString('hex') }
}

function formatAddress(address: Uint8Array): string {
  if (address.length === 4) return address.join('.')
  return (Buffer.from(address).toString('hex').match(/.{4}/g) ?? []).join(':')
}

function latin1(value: Der): string {
  return Buffer.from(primitiveOctets(value)).toString('latin1')
}

function primitiveOctets(value: Der): Uint8Array {
  return expect(value, Primitive).valueBlock.valueHexView.slice()
}

function octets(buffer: ArrayBuffer): Uint8Array {
  return new Uint8Array(buffer)
}

/** asn1js takes whole ArrayBuffers, and a Buffer's may be a shared pool. */
function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer
}
