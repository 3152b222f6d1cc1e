import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as der from '../../src/pki/der.js'
import * as write from '../../src/pki/der-write.js'
import { bitString, integer, objectIdentifier, octetString, readTlv, sequence, tlv } from './support/der.js'

const octets = fc.uint8Array({ maxLength: 300 })
const arcs = fc.tuple(
  fc.oneof(
    fc.tuple(fc.constantFrom(0n, 1n), fc.bigInt({ min: 0n, max: 39n })),
    fc.tuple(fc.constant(2n), fc.bigInt({ min: 0n, max: 2n ** 70n })),
  ),
  fc.array(fc.bigInt({ min: 0n, max: 2n ** 130n }), { maxLength: 8 }),
)
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')
const read = <T>(text: string, reader: (value: der.Der) => T) => reader(der.parseDer(Buffer.from(text, 'hex')))

const membersOf = (value: der.Der) => der.sequenceMembers(value, 0, der.ANY)

describe("fpki's DER equals that of another encoder", () => {
  test('a non-negative INTEGER', () => {
    fc.assert(
      fc.property(octets, (magnitude) => {
        const value = BigInt(`0x0${hex(magnitude)}`)
        expect(hex(write.integer(magnitude))).toBe(hex(integer(value)))
      }),
    )
  })

  test('an OBJECT IDENTIFIER', () => {
    fc.assert(
      fc.property(arcs, ([root, rest]) => {
        const dotted = [...root, ...rest].join('.')
        expect(hex(write.objectIdentifier(dotted))).toBe(hex(objectIdentifier(dotted)))
      }),
    )
  })

  test.each([0, 1, 127, 128, 255, 256, 65_535, 65_536, 100_000, 2 ** 24])('an OCTET STRING of %i octets', (size) => {
    const content = Buffer.alloc(size, 0xa5)
    expect(Buffer.from(write.octetString(content)).equals(octetString(content))).toBe(true)
    expect(Buffer.from(write.sequence(content, content)).equals(sequence(content, content))).toBe(true)
  })

  test('a BIT STRING', () => {
    fc.assert(
      fc.property(octets, (content) => {
        expect(hex(write.bitString(content))).toBe(hex(bitString(content)))
      }),
    )
  })
})

describe('values of another encoder parse', () => {
  test('an INTEGER', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 170n }), (value) => {
        expect(der.readInteger(der.parseDer(integer(value)))).toBe(value)
      }),
    )
  })

  test.each([
    ['0201ff', -1n],
    ['020180', -128n],
    ['0202ff7f', -129n],
    ['020100', 0n],
    ['02020080', 128n],
  ])('the INTEGER %s', (text, value) => {
    expect(read(text, der.readInteger)).toBe(value)
  })

  test('an OBJECT IDENTIFIER', () => {
    fc.assert(
      fc.property(arcs, ([root, rest]) => {
        const dotted = [...root, ...rest].join('.')
        expect(der.readObjectIdentifier(der.parseDer(objectIdentifier(dotted)))).toBe(dotted)
      }),
    )
  })

  test('the exact members of a SEQUENCE', () => {
    fc.assert(
      fc.property(fc.array(octets, { maxLength: 10 }), (contents) => {
        const parts = contents.map(octetString)
        const found = membersOf(der.parseDer(sequence(...parts)))
        expect(found.map((member) => hex(der.rawDer(member)))).toEqual(parts.map(hex))
      }),
    )
  })
})

describe('what is not DER is refused', () => {
  test.each([
    ['nothing', ''],
    ['a tag without a length', '30'],
    ['a length without its content', '0202'],
    ['truncated content', '020201'],
    ['an indefinite length', '3080020101' + '0000'],
    ['a length of two octets that fits into one', '028101' + '01'],
    ['a length with a zero in front', '02820001' + '01'],
    ['a length of 127 octets', `02ff${'01'.repeat(127)}`],
    ['octets after the value', '02010100'],
  ])('%s', (_, text) => {
    expect(() => der.parseDer(Buffer.from(text, 'hex'))).toThrow(Error)
  })

  test.each([
    ['an INTEGER of no octet', '0200'],
    ['an INTEGER with a zero too many', '02020001'],
    ['a negative INTEGER with an octet too many', '0202ff80'],
    ['an INTEGER longer than any that is in use', `02818101${'00'.repeat(128)}`],
    ['a BOOLEAN where an INTEGER should be', '0101ff'],
  ])('%s', (_, text) => {
    expect(() => read(text, der.readInteger)).toThrow(Error)
  })

  test.each([
    ['a BOOLEAN that is neither 0 nor 255', '010101'],
    ['a BOOLEAN of no octet', '0100'],
    ['a BOOLEAN of two octets', '0102ffff'],
  ])('%s', (_, text) => {
    expect(() => read(text, der.readBoolean)).toThrow(Error)
  })

  test.each([
    ['a BIT STRING without its first octet', '0300'],
    ['a BIT STRING with 8 bits to leave out', '03020800'],
    ['a BIT STRING with bits that are to be left out and are set', '030207ff'],
    ['an empty BIT STRING with bits to leave out', '030101'],
    ['a constructed BIT STRING', '2305030300' + '0102'],
  ])('%s', (_, text) => {
    expect(() => read(text, der.readBitString)).toThrow(Error)
  })

  test.each([
    ['an OBJECT IDENTIFIER of no octet', '0600'],
    ['a truncated OBJECT IDENTIFIER', '06022a86'],
    ['an OBJECT IDENTIFIER with a number that has a zero in front', '06032a8001'],
  ])('%s', (_, text) => {
    expect(() => read(text, der.readObjectIdentifier)).toThrow(Error)
  })

  test('a member that is longer than its container', () => {
    expect(() => read('3003020201', membersOf)).toThrow(Error)
  })

  test('the members of a primitive value', () => {
    for (const text of ['0401ff', '020101']) expect(() => read(text, membersOf)).toThrow(Error)
  })
})

test('parsing never reads beyond the value in a longer buffer', () => {
  const whole = Buffer.concat([octetString(Buffer.of(1, 2, 3)), Buffer.alloc(10, 0xff)])
  const [member] = membersOf(der.parseDer(sequence(whole.subarray(0, 5))))
  expect(hex(der.rawDer(member))).toBe(hex(readTlv(tlv(0x04, Buffer.of(1, 2, 3))).der))
})
