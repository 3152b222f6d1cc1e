import { stripVTControlCharacters, styleText } from 'node:util'
import { describe, expect, test } from 'vitest'
import { main } from '../../src/cli/program.js'
import { joinParagraphs, wrapLines } from '../../src/cli/wrap.js'
import { silentIo } from './silent-io.js'

const PROSE = 'error: Cannot read the PIN from /run/secrets/pin (ENOENT). [ERR_USAGE]\n  Check that the file exists.'

describe('wrapping text for a terminal', () => {
  test.each([20, 33, 40, 79, 80, 200])('breaks between words and fits %i columns', (columns) => {
    const wrapped = wrapLines(PROSE, columns)
    expect(wrapped.split(/\s+/)).toEqual(PROSE.split(/\s+/))
    for (const line of wrapped.split('\n'))
      if (line.trim().includes(' ')) expect(line.length).toBeLessThanOrEqual(columns)
  })

  test('keeps the indentation of a line', () => {
    expect(wrapLines('  one two three four', 12)).toBe('  one two\n  three four')
  })

  test('aligns continuation lines with the second column of a table', () => {
    expect(wrapLines('  name    one two three', 20)).toBe('  name    one two\n          three')
  })

  test('indents what follows a word that is too long for the second column like that word', () => {
    expect(wrapLines('  name    CN=fio-0123456789, OU=acme', 20)).toBe(
      '  name\n      CN=fio-0123456789,\n      OU=acme',
    )
  })

  test('indents by four if the second column begins in the right half', () => {
    expect(wrapLines('a long first column    one two', 24)).toBe('a long first column\n    one two')
  })

  test('breaks a fingerprint after octets', () => {
    const hex = Array.from({ length: 32 }, (_, at) => at.toString(16).padStart(2, '0'))
    const lines = wrapLines(`  SHA-256             ${hex.join(':')}`, 80).split('\n')
    expect(lines.map((line) => line.length)).toEqual([22 + 48, 22 + 47])
    expect(lines.map((line) => line.slice(22)).join('')).toBe(hex.join(':'))
  })

  test('breaks a serial number in a colour after octets', () => {
    const hex = Array.from({ length: 20 }, (_, at) => (at + 16).toString(16)).join(':')
    const lines = wrapLines(styleText('red', `  - serial       ${hex}`, { validateStream: false }), 60).split('\n')
    expect(lines.map((line) => stripVTControlCharacters(line).length)).toEqual([17 + 24, 17 + 35])
  })

  test('keeps a number of days in one piece', () => {
    expect(wrapLines('  tls-crt  2046-11-27    7304 days left', 30)).toBe(
      '  tls-crt  2046-11-27\n           7304 days left',
    )
  })

  test.each([
    [
      '  Progress is saved; to finish: fpki ca resume /srv/pki/acme --api foundries',
      'fpki ca resume /srv/pki/acme --api foundries',
    ],
    [
      'note: To move it to an HSM: `fpki ca import-root /srv/acme --hsm-module M`.',
      '`fpki ca import-root /srv/acme --hsm-module M`.',
    ],
    [
      '  $ (umask 077; fpki api token create --factory acme > token)',
      '  $ (umask 077; fpki api token create --factory acme > token)',
    ],
    [
      '  $ fpki ca show --pretty --factory acme                show its certificates',
      '  $ fpki ca show --pretty --factory acme',
    ],
  ])('keeps the command of %j in one piece', (text, command) => {
    expect(
      wrapLines(text, 24)
        .split('\n')
        .map((line) => line.trim()),
    ).toContain(command.trim())
  })

  test.each([48, 60, 79])('help texts fit %i columns', async (columns) => {
    for (const words of [['ca', 'create'], ['ca', 'status'], ['api', 'serve'], ['config']]) {
      let help = ''
      const io = { ...silentIo((text) => (help += text)), terminal: { stdout: true, stderr: true, columns } }
      expect(await main([...words, '--help'], io)).toBe(0)
      const tooLong = help.split('\n').filter((line) => line.length > columns)
      // Commands are left in one piece for pasting, and file names are single words.
      for (const line of tooLong) expect(line).toMatch(/^ +(\$ )?fpki |^ *--\S+( \S+)? *\S*$|^ *\S+$/)
    }
  })

  test('fits names, serial numbers and fingerprints at any width from 40 columns', () => {
    const octets = (count: number) => Array.from({ length: count }, (_, at) => (at + 16).toString(16)).join(':')
    const text = [
      '├── local-ca     CN=fio-0123456789abcdef01234567, OU=acme  3652 days left  DISABLED',
      `  Serial              ${octets(20)}`,
      '                      496871502716935814739518301865423567910236547812 (decimal)',
      `  SHA-256             ${octets(32)}`,
      `note: revoke local-ca (site-b.pem), serial ${octets(20)}: the gateway refuses its devices.`,
      `Active device CAs: ${octets(20)} (local-ca.pem, CN=fio-0123456789abcdef01234567); (${octets(20)}).`,
    ].join('\n')
    for (let columns = 40; columns <= 100; columns += 1) {
      const wrapped = wrapLines(text, columns)
      expect(wrapped.replace(/\s/g, '')).toBe(text.replace(/\s/g, ''))
      for (const line of wrapped.split('\n')) {
        // The one word that is longer than a narrow line.
        if (!/^\s+\d{48}$/.test(line)) expect(line.length, line).toBeLessThanOrEqual(columns)
      }
    }
  })

  test('does not count escape sequences', () => {
    const text = `${styleText('red', 'error:', { validateStream: false })} 345678`
    expect(wrapLines(text, 13)).toBe(text)
    expect(wrapLines(text, 12)).toBe(text.replace(' 3', '\n3'))
  })

  test('joins the lines of paragraphs, but not of lists and headings', () => {
    expect(joinParagraphs('one\ntwo\n\nList:\n  a\n  b\nthree\nfour\n')).toBe(
      'one two\n\nList:\n  a\n  b\nthree four\n',
    )
  })
})
