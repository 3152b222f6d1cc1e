import { describe, expect, test } from 'vitest'
import { globPattern, likePattern } from '../../../src/operations/device-api/name-pattern.js'

/** All texts of up to `length` of these characters. */
function textsOf(characters: string, length: number): readonly string[] {
  if (length === 0) return ['']
  const shorter = textsOf(characters, length - 1)
  const longest = shorter.filter((text) => text.length === length - 1)
  return [...shorter, ...longest.flatMap((text) => [...characters].map((character) => text + character))]
}

test('patterns match as regular expressions do', () => {
  const names = textsOf('ab', 4)
  for (const pattern of textsOf('a*?', 5)) {
    const expected = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i')
    const matches = globPattern(pattern)
    for (const name of names) expect([pattern, name, matches(name)]).toEqual([pattern, name, expected.test(name)])
  }
})

describe('what else they match', () => {
  test.each([
    ['PUMP-*', 'pump-7', true],
    ['pump.7', 'pump-7', false],
    ['[a-z]', 'a', false],
    ['k?che', 'küche', true],
    ['?', '😀', true],
    ['', '', true],
    ['', 'a', false],
  ])('%s, %s: %s', (pattern, name, matches) => expect(globPattern(pattern)(name)).toBe(matches))

  test.each([
    ['pump\\_%', 'Pump_7', true],
    ['pump\\_%', 'pump-7', false],
    ['pump_7', 'pump-7', true],
    ['100\\%', '100%', true],
    ['a\\', 'a\\', true],
    ['%', '', true],
  ])('SQL: %s, %s: %s', (pattern, name, matches) => expect(likePattern(pattern)(name)).toBe(matches))
})

test('a hostile pattern takes no time', () => {
  // As a regular expression, it would take years.
  expect(globPattern(`${'*a'.repeat(49)}*b`)('a'.repeat(5000))).toBe(false)
})
