import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromCrockford, normalizeTyped, toCrockford } from '../../../src/operations/paper/crockford.js'
import { readLine, toLines } from '../../../src/operations/paper/lines.js'
import { keyLines, readPaper, shareLines } from '../../../src/operations/paper/parts.js'

const octets = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength })

/** A key as on a sheet; its content does not matter here. */
function key(fill: number, length = 250) {
  const der = new Uint8Array(length).fill(fill)
  return { der, isEncrypted: true, publicKeyDigest: new Uint8Array(16).fill(fill) }
}

const LINES = keyLines(key(7))

/** The error message for the lines; empty: none. */
function problemOf(lines: readonly string[]): string {
  try {
    readPaper(lines.join('\n'))
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** LINES with one of them changed. */
function changed(number: number, change: (line: string) => string): readonly string[] {
  return LINES.map((line, at) => (at === number - 1 ? change(line) : line))
}

describe("Crockford's base32", () => {
  test('encodes known values, without the letters I, L, O and U', () => {
    expect(toCrockford(Uint8Array.of(0xff, 0, 0xff, 0, 0xff))).toBe('ZW0FY07Z')
    const all = Uint8Array.from({ length: 256 }, (_, octet) => octet)
    expect(toCrockford(all)).not.toMatch(/[ILOU]/)
    expect(fromCrockford(toCrockford(all))).toEqual(all)
    expect(fromCrockford('U')).toBeNull()
  })

  test('decodes what it encodes', () => {
    fc.assert(
      fc.property(octets(0, 60), (some) => {
        expect(fromCrockford(toCrockford(some))).toEqual(some)
      }),
    )
  })
})

describe('typed lines', () => {
  test('are read in any order and case, with any spacing, O for 0, I for 1, and comments', () => {
    const typed = [...LINES].reverse().map((line) => {
      const sloppy = line.toLowerCase().replaceAll('0', 'o').replaceAll('1', 'i').replace(/ /g, '')
      return sloppy.replace(/(.{7})/g, '$1 - ')
    })
    expect(readPaper(['# of the safe', '', ...typed, '\r'].join('\r\n')).key).toEqual(key(7))
  })

  test('are read in the output format of zbarimg', () => {
    expect(readPaper(LINES.map((line) => `QR-Code:${line}`).join('\n')).key).toEqual(key(7))
  })

  test('with one wrong letter anywhere are refused, naming the line', () => {
    const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
    for (const [at, line] of LINES.entries()) {
      const text = normalizeTyped(line)
      for (let place = 3; place < text.length; place++) {
        const other = letters[(letters.indexOf(text[place] ?? '') + 1 + ((at + place) % 30)) % 32]
        const typed = `${text.slice(0, place)}${other}${text.slice(place + 1)}`
        expect(readLine(typed, '')).toMatch(new RegExp(`line K${String(at + 1).padStart(2, '0')} has a typing error`))
      }
    }
  })

  test('with two letters swapped, missing or added are refused, naming the line', () => {
    fc.assert(
      fc.property(octets(25, 25), fc.nat({ max: 42 }), (some, place) => {
        const text = normalizeTyped(toLines('K', some)[0] ?? '')
        const at = place + 3
        const [a = '', b = ''] = [text[at], text[at + 1]]
        if (a !== b) {
          expect(readLine(`${text.slice(0, at)}${b}${a}${text.slice(at + 2)}`, '')).toMatch(/line K01/)
        }
        expect(readLine(text.slice(0, at) + text.slice(at + 1), '')).toMatch(/line K01 .*43 characters/)
        expect(readLine(`${text.slice(0, at)}${a}${text.slice(at)}`, '')).toMatch(/line K01 .*45 characters/)
      }),
    )
  })

  test('with the number of another line are refused, naming that line', () => {
    const swapped = LINES.map((line) => line.replace(/^K0([23])/, (_, digit) => `K0${digit === '2' ? 3 : 2}`))
    expect(problemOf(swapped)).toMatch(/^Line K03 has a typing error.*; line K02 has a typing error/)
  })

  test('with a letter outside the alphabet, or without a line number, are refused', () => {
    expect(problemOf(changed(4, (line) => line.replace(/.$/, 'U')))).toMatch(/^Line K04 has a typing error/)
    expect(problemOf(changed(4, () => 'root key of acme'))).toMatch(
      /^Line 4 of the input does not start with a line number/,
    )
    expect(problemOf([])).toMatch(/^The lines of the key \(K01, K02, …\) are missing/)
  })

  test('that are not a sheet at all get one message, not one for each line', () => {
    expect(problemOf(Array.from({ length: 29 }, () => 'root key of acme'))).toBe(
      'The input is not a key sheet: no line starts with a line number such as K07 or S02-01.',
    )
    const utf16 = Buffer.from(`\ufeff${LINES.join('\r\n')}`, 'utf16le').toString('utf8')
    expect(problemOf([utf16])).toMatch(/^The input is not a key sheet: it is not UTF-8 text/)
  })

  test('are refused when some are missing, naming those', () => {
    expect(problemOf(LINES.filter((_, at) => at !== 2))).toMatch(/^The key has \d+ lines; missing: K03\./)
    expect(problemOf(LINES.filter((_, at) => at < 3))).toMatch(/^The key has \d+ lines; missing: K04, K05, /)
    expect(problemOf(LINES.slice(1))).toMatch(/^Line K01 is missing/)
  })

  test('from two sheets are refused, also where each checksum is correct', () => {
    const other = keyLines(key(8))
    expect(problemOf(changed(5, () => other[4] ?? ''))).toMatch(/different sheets/)
    expect(problemOf([...LINES, other[4] ?? ''])).toMatch(/^Line K05 occurs twice with different content/)
    expect(problemOf([...LINES, ...keyLines(key(7, 300)).slice(-1)])).toMatch(/is from another sheet/)
    expect(problemOf([...LINES, ...LINES])).toBe('')
  })

  test('are never quoted in an error', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 12, maxLength: 60 }), (typed) => {
        const problem = problemOf([`K01${typed}`, `secret ${typed}`])
        if (/[A-Z0-9]{12}/i.test(typed)) expect(problem).not.toContain(typed)
      }),
    )
  })
})

test('shares are read with threshold, count, number and key', () => {
  const share = { threshold: 2, count: 3, number: 2, key: new Uint8Array(8).fill(1), share: new Uint8Array(21).fill(2) }
  const { shares } = readPaper([...LINES, ...shareLines(share)].join('\n'))
  expect(shares.map((one) => ({ ...one, key: [...one.key], share: [...one.share] }))).toEqual([
    { ...share, key: [...share.key], share: [...share.share] },
  ])
})
