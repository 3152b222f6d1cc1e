import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lint, readFileItems } from '../../src/lint/index.js'
import { BUILT_NOW, buildCertificate, buildCrl, builtCsr, builtRoot, utcTime } from '../pki/support/built.js'
import { integer, pem, sequence, tlv } from '../pki/support/der.js'
import { mutationsOf } from '../pki/support/mutations.js'
import { ALL_POINTS, sampleOf } from '../support/points.js'

const root = builtRoot()
const good = { certificate: buildCertificate(), request: builtCsr(), CRL: buildCrl(), root }
const beside = readFileItems(root, 'factory_ca.pem', null).items

/** The codes for `octets`; whatever they are, lint must not throw. */
function codesOf(octets: Uint8Array): readonly string[] {
  const { items } = readFileItems(octets, 'it', null)
  return lint(items, beside, { factory: 'acme', now: BUILT_NOW }).findings.map(({ code }) => code)
}

describe.each(Object.entries(good))('a %s', (name, der) => {
  test('that is truncated anywhere has a finding', () => {
    for (let length = 0; length < der.length; length += 1) expect(codesOf(der.subarray(0, length))).not.toEqual([])
  })

  test('with any one value replaced has a finding', () => {
    const silent = sampleOf(mutationsOf(der), `a ${name}`).filter((mutation) => codesOf(mutation.der).length === 0)
    expect(silent.map(({ what }) => what)).toEqual([])
  })

  test('with random octets inserted is read without an exception', () => {
    const span = fc.record({ start: fc.nat(der.length), length: fc.nat(40), put: fc.uint8Array({ maxLength: 40 }) })
    fc.assert(
      fc.property(span, ({ start, length, put }) => {
        const changed = Buffer.concat([der.subarray(0, start), put, der.subarray(start + length)])
        expect(codesOf(changed).length > 0 || changed.equals(der)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})

/** With FPKI_TEST_ALL_POINTS nearly 10 MB. */
const ENTRIES = ALL_POINTS ? 200_000 : 20_000

describe('octets', () => {
  test('that are random, also as PEM, have a finding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (octets) => {
        expect(codesOf(octets)).not.toEqual([])
        expect(codesOf(Buffer.from(pem('CERTIFICATE', octets)))).not.toEqual([])
        expect(codesOf(Buffer.concat([Buffer.of(0x30), octets]))).not.toEqual([])
      }),
    )
  })

  const big = 10 * 1024 * 1024
  test.each<[string, Buffer]>([
    ['zeros', Buffer.alloc(big)],
    ['open values', Buffer.alloc(big, Buffer.of(0x30, 0x80))],
    ['empty values', sequence(Buffer.alloc(big, Buffer.of(0x30, 0)))],
    ['PEM beginnings', Buffer.alloc(big, '-----BEGIN ')],
    ['PEM ends', Buffer.concat([Buffer.from('-----BEGIN '), Buffer.alloc(big, '-----END ')])],
    ['empty PEM blocks', Buffer.alloc(big, '-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n')],
    ['one certificate over and over', Buffer.alloc(big, pem('CERTIFICATE', good.certificate))],
  ])('10 MB of %s are read in seconds', (_, octets) => {
    const begun = performance.now()
    expect(codesOf(octets)).not.toEqual([])
    expect(performance.now() - begun).toBeLessThan(60_000)
  })

  test('of a large CRL have none', () => {
    const reason = sequence(sequence(Buffer.of(6, 3, 0x55, 0x1d, 0x15), tlv(4, tlv(0x0a, Buffer.of(9)))))
    const revoked = Buffer.concat([utcTime('261231235955Z'), reason])
    const entries = Array.from({ length: ENTRIES }, (_, at) => sequence(integer(2n ** 126n + BigInt(at)), revoked))
    const crl = buildCrl({ entries: sequence(Buffer.concat(entries)) })
    expect(crl.length).toBeGreaterThan(ENTRIES * 47)
    expect(codesOf(Buffer.from(pem('X509 CRL', crl)))).toEqual([])
  })
})
