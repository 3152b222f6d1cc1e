import { describe, expect, test } from 'vitest'
import { readSeenLine } from '../../../../src/operations/devices/seen/seen-line.js'

const SERIAL = '4f'.repeat(20)
const SHA_256 = 'ab'.repeat(32)
const AT = Date.parse('2026-11-26T12:00:00Z')

describe('a line of a log', () => {
  test.each([
    ['2026-11-26T13:00:00+01:00 4F4F4F4F4F4F4F4F4F4F4F4F4F4F4F4F4F4F4F4F', SERIAL, SERIAL, AT],
    [`${SERIAL} 2026-11-26T12:00:00Z`, SERIAL, SERIAL, AT],
    [`2026-11-26T12:00:00.000Z\t"${SERIAL}"`, SERIAL, SERIAL, AT],
    [`time=2026-11-26T12:00:00Z, serial=${SERIAL}`, SERIAL, SERIAL, AT],
    [SERIAL, SERIAL, SERIAL, null],
    ['4f:'.repeat(20).slice(0, -1), SERIAL, SERIAL, null],
    // OpenSSL's form of SHA-256 fingerprints.
    [`Fingerprint=${'AB:'.repeat(32).slice(0, -1)}`, null, SHA_256, null],
    [SHA_256.toUpperCase(), null, SHA_256, null],
    ['0F', '0f', null, null],
    ['f', '0f', null, null],
    ['000000F1', 'f1', null, null],
    ['00', '00', null, null],
    ['\r0F\r', '0f', null, null],
  ])('%s', (line, serial, fingerprint, at) => {
    expect(readSeenLine(line)).toEqual({ serial, fingerprint, at })
  })

  test.each([
    '',
    '-',
    '2026-11-26T12:00:00Z -',
    '2026-11-26T12:00:00Z',
    '2026-13-26T12:00:00Z 0F',
    '1949-12-31T23:59:59Z 0F',
    '0001-01-01T00:00:00Z 0F',
    '2026-11-26T12:00:00Z 2026-11-26T12:00:01Z 0F',
    '0F 10',
    '0F GET /',
    `${SERIAL}0f`,
    `${SHA_256}0f`,
    'a'.repeat(4000),
    '4f:4f:4',
    '0x0F',
    '192.0.2.1 - - [26/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 12',
  ])('that is none: %s', (line) => {
    expect(readSeenLine(line)).toBeNull()
  })
})
