import fc from 'fast-check'
import { CN } from './csr.js'
import { objectIdentifier, sequence, setOf, tlv } from './der.js'

/** One attribute of a name, and how it is encoded. */
export interface Attribute {
  readonly type: string
  readonly encoding: string
  readonly value: string
}

/** How each string type of a name writes its characters (X.680, 41; T.61 as OpenSSL has it, Latin-1). */
const ENCODINGS: Readonly<Record<string, { readonly tag: number; readonly write: (text: string) => Buffer }>> = {
  UTF8String: { tag: 0x0c, write: (text) => Buffer.from(text, 'utf8') },
  NumericString: { tag: 0x12, write: (text) => Buffer.from(text, 'ascii') },
  PrintableString: { tag: 0x13, write: (text) => Buffer.from(text, 'ascii') },
  TeletexString: { tag: 0x14, write: (text) => Buffer.from(text, 'latin1') },
  IA5String: { tag: 0x16, write: (text) => Buffer.from(text, 'ascii') },
  UniversalString: { tag: 0x1c, write: (text) => bigEndian(codePoints(text), 4) },
  BMPString: { tag: 0x1e, write: (text) => bigEndian(codePoints(text), 2) },
}

export const STRING_TYPES = Object.keys(ENCODINGS)

/** The Name with one RDN for each list of attributes. */
export function encodeName(rdns: readonly (readonly Attribute[])[]): Buffer {
  return sequence(...rdns.map((attributes) => setOf(...attributes.map(encodeAttribute))))
}

function encodeAttribute({ type, encoding, value }: Attribute): Buffer {
  const { tag, write } = ENCODINGS[encoding] ?? { tag: 0x0c, write: Buffer.from }
  return sequence(objectIdentifier(type), tlv(tag, write(value)))
}

function codePoints(text: string): readonly number[] {
  return [...text].map((character) => character.codePointAt(0) ?? 0)
}

function bigEndian(numbers: readonly number[], size: number): Buffer {
  const octets = Buffer.alloc(numbers.length * size)
  for (const [index, number] of numbers.entries()) octets.writeUIntBE(number, index * size, size)
  return octets
}

/** Every character of Unicode but lone surrogates. */
export const unicode = fc.string({ unit: 'binary', minLength: 1, maxLength: 64 })

function textOf(characters: string): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 64 })
}

function upTo(last: number): fc.Arbitrary<string> {
  const unit = fc.integer({ min: 0, max: last }).map((code) => String.fromCharCode(code))
  return fc.string({ unit, minLength: 1, maxLength: 64 })
}

const DIGITS = '0123456789'
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

const TEXTS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  UTF8String: unicode,
  NumericString: textOf(`${DIGITS} `),
  PrintableString: textOf(`${LETTERS}${DIGITS} '()+,-./:=?`),
  TeletexString: upTo(0xff),
  IA5String: upTo(0x7f),
  UniversalString: unicode,
  BMPString: unicode.map((text) => text.replace(/[^\u{0}-\u{ffff}]/gu, '☃')),
}

/** Text that a string type can hold. */
export function textIn(encoding: string): fc.Arbitrary<string> {
  return TEXTS[encoding] ?? unicode
}

/** Attribute types that people use, that nobody knows, and that have huge numbers. */
const types = fc.oneof(
  fc.constantFrom('2.5.4.3', '2.5.4.11', '2.5.4.10', '2.5.4.6', '2.5.4.5', '2.5.4.15', '0.9.2342.19200300.100.1.25'),
  fc.integer({ min: 1, max: 2 ** 31 - 1 }).map((arc) => `1.3.6.1.4.1.${arc}`),
  fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((uuid) => `2.25.${uuid}`),
)

const attribute: fc.Arbitrary<Attribute> = fc
  .constantFrom(...STRING_TYPES)
  .chain((encoding) => fc.record({ type: types, encoding: fc.constant(encoding), value: textIn(encoding) }))

/** Names of one to five RDNs with one to three attributes each, the types of one RDN all different. */
export const rdns: fc.Arbitrary<readonly (readonly Attribute[])[]> = fc.array(
  fc.uniqueArray(attribute, { minLength: 1, maxLength: 3, selector: ({ type }) => type }),
  { minLength: 1, maxLength: 5 },
)

const SIGNABLE_TEXTS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  ...Object.fromEntries(
    ['UTF8String', 'NumericString', 'PrintableString', 'BMPString'].map((one) => [one, textIn(one)]),
  ),
  TeletexString: upTo(0x7f),
  IA5String: upTo(0x7f),
}

const signableTypes = fc.oneof(
  fc.constantFrom(CN, '2.5.4.11', '2.5.4.10', '2.5.4.6', '2.5.4.5', '2.5.4.15', '0.9.2342.19200300.100.1.25'),
  fc.integer({ min: 1, max: 2 ** 31 - 1 }).map((arc) => `1.3.6.1.4.1.${arc}`),
)

const signableAttribute: fc.Arbitrary<Attribute> = fc
  .record({ type: signableTypes, encoding: fc.constantFrom(...Object.keys(SIGNABLE_TEXTS)) })
  .chain(({ type, encoding }) => {
    const text = (SIGNABLE_TEXTS[encoding] ?? unicode).map((value) => {
      const shown = value.replace(/\p{Cc}/gu, '7')
      return type === '2.5.4.6' ? [...`${shown}77`].slice(0, 2).join('') : shown
    })
    return fc.record({ type: fc.constant(type), encoding: fc.constant(encoding), value: text })
  })

/** As {@link rdns}, but only what every program can read. */
export const signableRdns: fc.Arbitrary<readonly (readonly Attribute[])[]> = fc.array(
  fc.uniqueArray(signableAttribute, { minLength: 1, maxLength: 3, selector: ({ type }) => type }),
  { minLength: 1, maxLength: 5 },
)
