import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asPrinted, fromCrockford, toCrockford } from '../../../src/operations/paper/crockford.js'
import { readLine, toLines } from '../../../src/operations/paper/lines.js'
import { keyLines, readPaper, shareLines } from '../../../src/operations/paper/parts.js'

const octets = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength })

/** A key as it could be on a sheet; nothing looks into it here. */
function key(fill: number, length = 250) {
  const der = new Uint8Array(length).fill(fill)
  return { der, isEncrypted: true, publicKeyDigest: new Uint8Array(16).fill(fill) }
}

const LINES = keyLines(key(7))

/** What is wrong with the lines, as a person reads it. */
function problemOf(lines: readonly string[]): string {
  try {
    readPaper(lines.join('\n'))
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** LINES with one of them as `change` makes it. */
function changed(number: number, change: (line: string) => string): readonly string[] {
  return LINES.map((line, at) => (at === number - 1 ? change(line) : line))
}

describe('base32 after Crockford', () => {
  test('has the values of his page, and no I, L, O or U', () => {
    expect(toCrockford(Uint8Array.of(0xff, 0, 0xff, 0, 0xff))).toBe('ZW0FY07Z')
    const all = Uint8Array.from({ length: 256 }, (_, octet) => octet)
    expect(toCrockford(all)).not.toMatch(/[ILOU]/)
    expect(fromCrockford(toCrockford(all))).toEqual(all)
    expect(fromCrockford('U')).toBeNull()
  })

  test('comes back whatever the octets', () => {
    fc.assert(
      fc.property(octets(0, 60), (some) => {
        expect(fromCrockford(toCrockford(some))).toEqual(some)
      }),
    )
  })
})

describe('lines', () => {
  test('come back in any order, in any case, with any blanks, O for 0 and I for 1, and remarks between', () => {
    const typed = [...LINES].reverse().map((line) => {
      const sloppy = line.toLowerCase().replaceAll('0', 'o').replaceAll('1', 'i').replace(/ /g, '')
      return sloppy.replace(/(.{7})/g, '$1 - ')
    })
    expect(readPaper(['# of the safe', '', ...typed, '\r'].join('\r\n')).key).toEqual(key(7))
  })

  test('are all made again when they are scanned, as zbarimg prints them', () => {
    expect(readPaper(LINES.map((line) => `QR-Code:${line}`).join('\n')).key).toEqual(key(7))
  })

  test('with one wrong letter, in any place: the line is named', () => {
    const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
    for (const [at, line] of LINES.entries()) {
      const text = asPrinted(line)
      for (let place = 3; place < text.length; place++) {
        const other = letters[(letters.indexOf(text[place] ?? '') + 1 + ((at + place) % 30)) % 32]
        const typed = `${text.slice(0, place)}${other}${text.slice(place + 1)}`
        expect(readLine(typed, '')).toMatch(new RegExp(`line K${String(at + 1).padStart(2, '0')} has a typing mistake`))
      }
    }
  })

  test('with two neighbours swapped, or a letter too few or too many: the line is named', () => {
    fc.assert(
      fc.property(octets(25, 25), fc.nat({ max: 42 }), (some, place) => {
        const text = asPrinted(toLines('K', some)[0] ?? '')
        const at = place + 3
        const [a = '', b = ''] = [text[at], text[at + 1]]
        if (a !== b) {
          expect(readLine(`${text.slice(0, at)}${b}${a}${text.slice(at + 2)}`, '')).toMatch(/line K01/)
        }
        expect(readLine(text.slice(0, at) + text.slice(at + 1), '')).toMatch(/line K01 .*43 letters/)
        expect(readLine(`${text.slice(0, at)}${a}${text.slice(at)}`, '')).toMatch(/line K01 .*45 letters/)
      }),
    )
  })

  test('with the number of another line: that line is named', () => {
    const swapped = LINES.map((line) => line.replace(/^K0([23])/, (_, digit) => `K0${digit === '2' ? 3 : 2}`))
    expect(problemOf(swapped)).toMatch(/^Line K03 has a typing mistake.*; line K02 has a typing mistake/)
  })

  test('with a letter that is never printed, and no line at all', () => {
    expect(problemOf(changed(4, (line) => line.replace(/.$/, 'U')))).toMatch(/^Line K04 has a typing mistake/)
    expect(problemOf(changed(4, () => 'root key of acme'))).toMatch(/^Line 4 of the input does not begin with/)
    expect(problemOf([])).toMatch(/no lines of a key/)
  })

  test('of which some are missing: they are named', () => {
    expect(problemOf(LINES.filter((_, at) => at !== 2))).toMatch(/^K03 of \d+ lines of the key is missing/)
    expect(problemOf(LINES.filter((_, at) => at < 3))).toMatch(/^K04, K05, .* are missing/)
    expect(problemOf(LINES.slice(1))).toMatch(/^Line K01 is missing/)
  })

  test('of two sheets: told, also where each line holds', () => {
    const other = keyLines(key(8))
    expect(problemOf(changed(5, () => other[4] ?? ''))).toMatch(/different sheets/)
    expect(problemOf([...LINES, other[4] ?? ''])).toMatch(/^K05 is there twice, with other letters/)
    expect(problemOf([...LINES, ...keyLines(key(7, 300)).slice(-1)])).toMatch(/is of another sheet/)
    expect(problemOf([...LINES, ...LINES])).toBe('')
  })

  test('never show what was typed in an error', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 12, maxLength: 60 }), (typed) => {
        const problem = problemOf([`K01${typed}`, `secret ${typed}`])
        if (/[A-Z0-9]{12}/i.test(typed)) expect(problem).not.toContain(typed)
      }),
    )
  })
})

test('shares come back with what they are of', () => {
  const share = { threshold: 2, count: 3, number: 2, key: new Uint8Array(8).fill(1), share: new Uint8Array(21).fill(2) }
  const { shares } = readPaper([...LINES, ...shareLines(share)].join('\n'))
  expect(shares.map((one) => ({ ...one, key: [...one.key], share: [...one.share] }))).toEqual([
    { ...share, key: [...share.key], share: [...share.share] },
  ])
})
