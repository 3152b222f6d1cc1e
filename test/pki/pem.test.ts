import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { decodeOnePem, decodePem, encodePem, samePem } from '../../src/pki/pem.js'
import { output } from '../support/cli.js'
import { octetString, pem } from './support/der.js'
import { fioctlFile } from './support/fioctl.js'

const octets = fc.uint8Array({ minLength: 1, maxLength: 300 })
const hex = (list: readonly Uint8Array[]) => list.map((der) => Buffer.from(der).toString('hex'))
const decode = (text: string) => decodePem('CERTIFICATE', text, 'it')

/** The code and message of the FpkiError that `work` throws; any other error fails the test. */
function refusal(work: () => unknown): string {
  try {
    work()
    return 'not refused'
  } catch (error) {
    if (error instanceof FpkiError) return `${error.code} ${error.message}`
    throw error
  }
}

describe('encodePem', () => {
  test('writes what an independent parser reads, in lines of 64 characters', () => {
    fc.assert(
      fc.property(octets, (der) => {
        expect(encodePem('CERTIFICATE', der)).toBe(pem('CERTIFICATE', der))
      }),
    )
  })

  test('writes what OpenSSL reads', async () => {
    for (const size of [1, 47, 48, 49, 96, 1000]) {
      const der = octetString(Buffer.alloc(size, 0xa5))
      const text = await output('openssl', ['asn1parse'], { stdin: encodePem('CERTIFICATE', der) })
      expect(text).toContain(`[HEX DUMP]:${'A5'.repeat(size)}`)
    }
  })
})

describe('decodePem', () => {
  test('returns every block, in order', () => {
    fc.assert(
      fc.property(fc.array(octets, { minLength: 1, maxLength: 5 }), (ders) => {
        expect(hex(decode(ders.map((der) => pem('CERTIFICATE', der)).join('')))).toEqual(hex(ders))
      }),
    )
  })

  test('reads lines of any length, CRLF, and text around the blocks', () => {
    const words = fc.string({ unit: fc.constantFrom(...'abc: \n') })
    fc.assert(
      fc.property(
        octets,
        fc.integer({ min: 1, max: 80 }),
        fc.constantFrom('\n', '\r\n'),
        words,
        (der, width, end, word) => {
          const lines =
            Buffer.from(der)
              .toString('base64')
              .match(new RegExp(`.{1,${width}}`, 'g')) ?? []
          const block = ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join(end)
          expect(hex(decode(`${word}\n${block}${word}`))).toEqual(hex([der]))
        },
      ),
    )
  })

  test("reads the two certificates of fioctl's upload, with an empty line between them", async () => {
    const files = [await fioctlFile('online-crt'), await fioctlFile('local-ca.pem')]
    expect(decode(files.join('\n'))).toHaveLength(2)
  })

  test('refuses a block that is truncated anywhere', () => {
    const text = pem('CERTIFICATE', Buffer.alloc(100, 7)).trimEnd()
    for (let length = 0; length < text.length; length++) {
      expect(refusal(() => decode(text.slice(0, length)))).toMatch(
        /^ERR_BAD_FILE it .*contains (no|a malformed) PEM block/,
      )
    }
  })

  test('refuses a truncated second block after a valid one', () => {
    const text = pem('CERTIFICATE', Buffer.alloc(100, 7))
    expect(refusal(() => decode(text + text.slice(0, -20)))).toBe(
      'ERR_BAD_FILE it contains a malformed PEM block: it has no END line.',
    )
  })

  test('refuses base64 with an invalid character', () => {
    const text = pem('CERTIFICATE', Buffer.alloc(100, 7))
    const body = { start: text.indexOf('\n') + 1, end: text.indexOf('\n-----END') }
    fc.assert(
      fc.property(
        fc.integer({ min: body.start, max: body.end - 3 }),
        fc.constantFrom('=', '-', '_', '*', '\0', 'ä', '.', ','),
        (at, character) => {
          const broken = text.slice(0, at) + character + text.slice(at + 1)
          expect(refusal(() => decode(broken))).toMatch(/^ERR_BAD_FILE/)
        },
      ),
    )
  })

  test('refuses base64 with leftover bits', () => {
    expect(hex(decode('-----BEGIN CERTIFICATE-----\nBwc=\n-----END CERTIFICATE-----\n'))).toEqual(['0707'])
    for (const base64 of ['Bwd=', 'Bwc', 'Bwc==', 'B', 'Bwc=Bwc=']) {
      const text = `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
      expect(refusal(() => decode(text))).toMatch(/^ERR_BAD_FILE/)
    }
  })

  test.each(['EC PRIVATE KEY', 'X509 CRL', 'CERTIFICATE REQUEST', 'TRUSTED CERTIFICATE'])(
    'refuses a block labelled %s, alone and after a certificate',
    (label) => {
      const [good, other] = [pem('CERTIFICATE', Buffer.of(1)), pem(label, Buffer.of(1))]
      expect(refusal(() => decode(other))).toBe(`ERR_BAD_FILE it is not a certificate (found "${label}").`)
      expect(refusal(() => decode(good + other))).toBe(`ERR_BAD_FILE it is not a certificate (found "${label}").`)
    },
  )

  test('refuses a block whose END label differs', () => {
    const text = pem('CERTIFICATE', Buffer.alloc(20)).replace('END CERTIFICATE', 'END X509 CRL')
    expect(refusal(() => decode(text))).toMatch(/^ERR_BAD_FILE/)
  })

  test('never repeats the contents of a block in its message', async () => {
    const key = await fioctlFile('factory_ca.key')
    const [, secret = ''] = key.split('\n')
    for (const text of [key, key.slice(0, 80), key.replaceAll('=', '*')]) {
      expect(refusal(() => decode(text))).toMatch(/^ERR_BAD_FILE/)
      expect(refusal(() => decode(text))).not.toContain(secret.slice(0, 8))
    }
  })

  test('returns blocks or throws ERR_BAD_FILE for any text', () => {
    const pieces = fc.constantFrom(
      '-----BEGIN CERTIFICATE-----',
      '-----END CERTIFICATE-----',
      '-----BEGIN ',
      '-----END ',
      '-----',
      'CERTIFICATE',
      '\n',
      '\r',
      'AAAA',
      'BwcHBw==',
      '=',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' })), { maxLength: 20 }), (parts) => {
        expect(refusal(() => decode(parts.join('')))).toMatch(/^(not refused|ERR_BAD_FILE .+)/s)
      }),
      { numRuns: 1000 },
    )
  })

  test.each([
    ['100,000 beginnings', '-----BEGIN CERTIFICATE-----\n'.repeat(100_000)],
    ['a label of a million characters', `-----BEGIN ${'A'.repeat(1_000_000)}`],
    ['five million characters and no end', `-----BEGIN CERTIFICATE-----\n${'A'.repeat(5_000_000)}`],
    ['a million line feeds', `-----BEGIN CERTIFICATE-----\n${'\n'.repeat(1_000_000)}`],
    ['100,000 beginnings with spaces', '-----BEGIN CERTIFICATE-----\n    '.repeat(100_000)],
  ])('handles %s quickly', (_, text) => {
    const started = performance.now()
    expect(refusal(() => decode(text))).toMatch(/^ERR_BAD_FILE/)
    expect(performance.now() - started).toBeLessThan(20_000)
  })
})

describe('decodeOnePem', () => {
  test('refuses two blocks and names their number', () => {
    const text = pem('CERTIFICATE', Buffer.of(1))
    expect(hex([decodeOnePem('CERTIFICATE', text, 'it')])).toEqual(['01'])
    expect(refusal(() => decodeOnePem('CERTIFICATE', text + text + text, 'it'))).toBe(
      'ERR_BAD_FILE it contains 3 PEM blocks; expected one.',
    )
  })
})

describe('samePem', () => {
  const [one, two] = [Buffer.of(1), Buffer.of(2)].map((der) => pem('CERTIFICATE', der))

  test('compares octets and their order, not lines', () => {
    expect(samePem(`${one}${two}`, `${one}\n\n${two}`.replaceAll('\n', '\r\n'))).toBe(true)
    expect(samePem(`${one}${two}`, `${two}${one}`)).toBe(false)
    expect(samePem(one, `${one}${one}`)).toBe(false)
  })

  test('treats null, undefined and an empty text as no certificate', () => {
    expect(samePem(null, undefined)).toBe(true)
    expect(samePem('', null)).toBe(true)
    expect(samePem(one, null)).toBe(false)
  })

  test('does not treat text without PEM as no certificate', () => {
    expect(refusal(() => samePem('broken', null))).toMatch(/^ERR_BAD_FILE/)
  })
})
