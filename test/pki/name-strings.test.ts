import { describe, expect, test } from 'vitest'
import { readFileItems } from '../../src/lint/read-file.js'
import { parseDer } from '../../src/pki/der.js'
import { readName } from '../../src/pki/name.js'
import { nameProblem } from '../../src/pki/name-strings.js'
import { DEVICE_CA, TLS_SERVER } from '../../src/pki/profiles.js'
import { accept } from '../support/issue.js'
import { buildCsr, CN, csrPem, dnsNames, extensionRequest, newKey, O, OU } from './support/csr.js'
import { objectIdentifier, sequence, setOf, tlv } from './support/der.js'

const key = newKey()
const C = '2.5.4.6'
const EMAIL = '1.2.840.113549.1.9.1'

const UTF8 = 0x0c
const NUMERIC = 0x12
const PRINTABLE = 0x13
const TELETEX = 0x14
const IA5 = 0x16
const UNIVERSAL = 0x1c
const BMP = 0x1e

/** A subject of one attribute, whatever its octets are. */
function nameOf(type: string, tag: number, value: string | Buffer): Buffer {
  return sequence(setOf(sequence(objectIdentifier(type), tlv(tag, Buffer.from(value)))))
}

const REFUSED: readonly (readonly [string, Buffer, RegExp])[] = [
  ['a PrintableString with "_"', nameOf(CN, PRINTABLE, 'plant_ca'), /CN is not a valid PrintableString: "plant_ca"/],
  ['a PrintableString with "@"', nameOf(CN, PRINTABLE, 'a@site'), /CN is not a valid PrintableString/],
  ['a PrintableString with "*"', nameOf(CN, PRINTABLE, '*.example'), /CN is not a valid PrintableString/],
  ['a PrintableString with an umlaut', nameOf(O, PRINTABLE, 'Bücher'), /O is not a valid PrintableString/],
  ['an IA5String with an umlaut', nameOf(EMAIL, IA5, 'ops@bücher.example'), /emailAddress is not a valid IA5String/],
  ['a NumericString with a letter', nameOf(CN, NUMERIC, '12a'), /CN is not a valid NumericString/],
  ['a TeletexString beyond ASCII', nameOf(O, TELETEX, Buffer.of(0x42, 0xfc)), /O is not a valid TeletexString/],
  ['a BMPString with half a pair', nameOf(CN, BMP, Buffer.of(0xd8, 0x00)), /CN is not a valid BMPString/],
  ['a UniversalString', nameOf(CN, UNIVERSAL, Buffer.of(0, 0, 0, 0x41)), /CN is a UniversalString/],
  ['a BIT STRING', nameOf('2.5.4.45', 0x03, Buffer.of(0, 1)), /2\.5\.4\.45 is a BIT STRING/],
  ['a NUL', nameOf(CN, UTF8, 'good.example\0.evil.example'), /CN contains a control character: "good\.example\\u0000/],
  ['an escape', nameOf(CN, UTF8, '\x1b[2J'), /CN contains a control character: "\\u001b/],
  ['a line feed', nameOf(OU, IA5, 'a\nb'), /OU contains a control character/],
  ['a control character of the second set', nameOf(OU, UTF8, 'a\u0085b'), /OU contains a control character/],
  ['an empty value', nameOf(O, UTF8, ''), /O is empty/],
  ['a CN of 65 characters', nameOf(CN, UTF8, 'x'.repeat(65)), /CN has 65 characters; at most 64 are allowed/],
  ['an OU of 65 characters', nameOf(OU, PRINTABLE, 'x'.repeat(65)), /OU has 65 characters/],
  ['an O of 65 characters', nameOf(O, UTF8, 'ü'.repeat(65)), /O has 65 characters/],
  ['an L of 129 characters', nameOf('2.5.4.7', UTF8, 'x'.repeat(129)), /L has 129 characters/],
  ['a serialNumber of 65 characters', nameOf('2.5.4.5', PRINTABLE, '7'.repeat(65)), /serialNumber has 65 characters/],
  ['an e-mail address of 256 characters', nameOf(EMAIL, IA5, 'x'.repeat(256)), /emailAddress has 256 characters/],
  ['a country of three letters', nameOf(C, PRINTABLE, 'DEU'), /a country code has exactly 2 characters/],
  ['a country of one letter', nameOf(C, PRINTABLE, 'D'), /a country code has exactly 2 characters/],
  ['an attribute type that overflows', nameOf('2.25.2147483648', UTF8, 'x'), /contains a number above 2147483647/],
]

const TAKEN: readonly (readonly [string, Buffer])[] = [
  ['every character of a PrintableString', nameOf(CN, PRINTABLE, "Az09 '()+,-./:=?")],
  ['a wildcard as UTF8String', nameOf(CN, UTF8, '*.gw_1.example')],
  ['64 characters outside of the BMP', nameOf(CN, UTF8, '😀'.repeat(64))],
  ['an OU of 64 characters', nameOf(OU, UTF8, 'x'.repeat(64))],
  ['a country of two letters', nameOf(C, PRINTABLE, 'DE')],
  ['a TeletexString of ASCII', nameOf(O, TELETEX, 'Acme')],
  ['a BMPString', nameOf(O, BMP, Buffer.from('Bücher', 'utf16le').swap16())],
  ['an attribute without a bound', nameOf('1.3.6.1.4.1.2147483647', UTF8, 'x'.repeat(500))],
  ['no attribute at all', sequence()],
]

describe('a name is rejected for', () => {
  test.each(REFUSED)('%s: before signing', (_, subject, reason) => {
    const csr = csrPem(buildCsr({ subject, key, attributes: [extensionRequest(dnsNames('gw.example'))] }))
    for (const profile of [DEVICE_CA, TLS_SERVER]) {
      expect(() => accept(csr, profile)).toThrow(
        expect.objectContaining({ code: 'ERR_BAD_CSR', message: expect.stringMatching(reason) }),
      )
    }
  })

  test.each(REFUSED)('%s: by lint', (_, subject, reason) => {
    const { items } = readFileItems(buildCsr({ subject, key }), 'it.csr', null)
    const problems = items.flatMap((item) => item.problems)
    expect(problems).toEqual([{ code: 'name-broken', reason: expect.stringMatching(reason) }])
  })
})

test.each(TAKEN)('a name is accepted with %s', (_, subject) => {
  expect(nameProblem(readName(parseDer(subject)))).toBeNull()
})

test('an error shows only the beginning of an overlong value', () => {
  const problem = nameProblem(readName(parseDer(nameOf(CN, PRINTABLE, '_'.repeat(5000)))))
  expect(problem?.length).toBeLessThan(200)
})
