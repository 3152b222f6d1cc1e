import { readFile } from 'node:fs/promises'
import { parse } from 'csv-parse/sync'
import { describe, expect, test } from 'vitest'
import { countDevicesResult, listDevicesResult } from '../../../src/operations/devices/query/list-devices.js'
import { showDeviceResult } from '../../../src/operations/devices/query/show-device.js'
import {
  EXPIRES_AT,
  fingerprintOfFile,
  recordDevices,
  uuidNumber,
  withRegister,
} from '../../support/device-register.js'
import { hexOf } from '../device-cas.js'
import { copiedPki, type Made } from '../made.js'
import { expectRefusal } from '../refusal.js'

/** Text that a device or a spreadsheet may bring: control characters, colours, direction of text, formulas. */
const HOSTILE = '=cmd|\u001b[31m\u0007\u202e\nfoo'

const DAY = 86_400_000

/** A PKI whose register has four devices of two lines. */
async function scene() {
  const pki = await copiedPki()
  for (const name of ['a', 'b'])
    await pki.home.fpki(['lines', 'create', pki.directory, name, '--production', '--ca', 'local-ca'])
  const july = Date.parse('2026-07-01T00:00:00Z')
  const hardware = { hardwareId: 'imx8mm' }
  await recordDevices(pki.directory, [{ uuid: uuidNumber(4), ...hardware }], { line: 'a', at: july })
  const soon = { notAfter: Date.now() + 10 * DAY }
  await recordDevices(pki.directory, [{ uuid: uuidNumber(2), ...soon, isProduction: true }], {
    line: 'a',
    at: july + DAY,
  })
  const hostile = { name: HOSTILE, hardwareId: HOSTILE, serialNumber: HOSTILE, group: HOSTILE }
  await recordDevices(pki.directory, [{ uuid: uuidNumber(3), ...hostile }], { line: 'b', at: july + 2 * DAY })
  const other = { line: 'b', at: july + 3 * DAY, ca: 'ab'.repeat(32) }
  await recordDevices(pki.directory, [{ uuid: uuidNumber(1) }], other)
  await withRegister(pki.directory, (register) => register.abandon([uuidNumber(1)], july + 4 * DAY))
  return pki
}

function devices({ home, directory }: Made, command: string, ...words: readonly string[]) {
  return home.fpki(['devices', command, directory, ...words])
}

/** The numbers of the devices that are listed. */
async function listed(pki: Made, words: readonly string[]): Promise<readonly number[]> {
  const { stdout } = await devices(pki, 'list', '--json', ...words)
  const { devices: all } = listDevicesResult.parse(JSON.parse(stdout))
  return all.map(({ uuid }) => Number.parseInt(uuid.slice(-12), 16))
}

const FILTERS: readonly (readonly [string, readonly number[], number])[] = [
  ['', [1, 2, 3, 4], 1],
  ['--line a', [2, 4], 1],
  ['--line default', [], 0],
  ['--state abandoned', [1], 0],
  ['--state active --line b', [3], 0],
  ['--since 2026-07-03', [1, 3], 0],
  ['--until 2026-07-02T00:00:00Z', [4], 0],
  ['--since 2026-07-02 --until 2026-07-04', [2, 3], 1],
  ['--expiring 9d', [], 0],
  ['--expiring 11', [2], 1],
  ['--hardware-id imx8mm', [4], 0],
  ['--ca local-ca.pem', [2, 3, 4], 1],
  ['--ca local-ca --line b', [3], 0],
  [`--ca ${'AB'.repeat(32)}`, [1], 0],
]

describe('devices list and count', () => {
  test('select by line, CA, state, time, expiry and hardware ID', async () => {
    const pki = await scene()
    for (const [words, numbers, production] of FILTERS) {
      const flags = words.split(' ').filter((word) => word !== '')
      expect([words, await listed(pki, flags)]).toEqual([words, numbers])
      const { stdout } = await devices(pki, 'count', '--json', ...flags)
      const { devices: count, ...counted } = countDevicesResult.parse(JSON.parse(stdout))
      const active = numbers.filter((number) => number !== 1).length
      expect([words, count, counted]).toMatchObject([words, numbers.length, { production, active }])
    }
  })

  test('the table has 80 columns at most, and escapes the text of devices', async () => {
    const pki = await scene()
    const { status, stdout } = await devices(pki, 'list')
    const lines = stdout.trimEnd().split('\n')
    expect({ status, lines: lines.length }).toEqual({ status: 0, lines: 5 })
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(lines[2]).toMatch(new RegExp(`^${uuidNumber(2)} {2}a {13}active {6}20\\d\\d-\\d\\d-\\d\\d {2}yes$`))
    for (const words of [['list'], ['list', '--json'], ['list', '--csv'], ['show', uuidNumber(3)]]) {
      const [command = '', ...rest] = words
      expect((await devices(pki, command, ...rest)).stdout).not.toMatch(/[\u001b\u0007\u202e]/)
    }
  })

  test('--csv has one row for each device, in which no cell is a formula', async () => {
    const pki = await scene()
    const { stdout } = await devices(pki, 'list', '--csv', '--line', 'b')
    const rows: Record<string, string>[] = parse(stdout, { columns: true })
    expect(rows.map(({ uuid, state, line }) => [uuid, state, line])).toEqual([
      [uuidNumber(1), 'abandoned', 'b'],
      [uuidNumber(3), 'active', 'b'],
    ])
    expect(rows[1]).toMatchObject({ name: expect.stringMatching(/^'=cmd/), expires: '2046-07-15T12:00:00Z' })
  })

  test('count and show print CSV too: totals, and a row for each certificate, without formulas', async () => {
    const pki = await scene()
    expect(await devices(pki, 'count', '--csv', '--line', 'b')).toMatchObject({
      status: 0,
      stdout: 'devices,production,active\r\n2,0,1\r\n',
    })
    await recordDevices(pki.directory, [{ uuid: uuidNumber(1) }], { line: 'b' })
    const rowsOf = async (number: number): Promise<Record<string, string>[]> =>
      parse((await devices(pki, 'show', uuidNumber(number), '--csv')).stdout, { columns: true })
    const first = await rowsOf(1)
    expect(first.map(({ uuid, line, state }) => [uuid, line, state])).toEqual([
      [uuidNumber(1), 'b', 'active'],
      [uuidNumber(1), 'b', 'abandoned'],
    ])
    const json = showDeviceResult.parse(JSON.parse((await devices(pki, 'show', uuidNumber(1), '--json')).stdout))
    expect(first.map(({ certificate, key, ...row }) => [certificate, row['sha-256'], key])).toEqual(
      json.certificates.map(({ serial, fingerprint, keyHash }) => [hexOf(serial), fingerprint, keyHash]),
    )
    expect(await rowsOf(3)).toMatchObject([
      { name: expect.stringMatching(/^'=cmd/), serial: expect.stringMatching(/^'=/) },
    ])
    for (const words of [['count'], ['show', uuidNumber(1)], ['list']]) {
      const [command = '', ...rest] = words
      const both = await devices(pki, command, ...rest, '--csv', '--json')
      expect(both).toMatchObject({ status: 2 })
    }
  })

  test('--json is the document that other commands print, for none and for more than a page', async () => {
    const pki = await scene()
    const more = Array.from({ length: 1500 }, (_, at) => ({ uuid: uuidNumber(at + 100) }))
    await recordDevices(pki.directory, more)
    for (const words of [
      ['--line', 'default'],
      ['--state', 'denied'],
    ]) {
      const { stdout } = await devices(pki, 'list', '--json', ...words)
      expect(stdout).toBe(`${JSON.stringify(JSON.parse(stdout), null, 2)}\n`)
      expect(listDevicesResult.parse(JSON.parse(stdout)).devices).toHaveLength(words[0] === '--line' ? 1500 : 0)
    }
  })

  test('count prints totals', async () => {
    const { status, stdout } = await devices(await scene(), 'count')
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: 'Devices             4\nIn production       1\nActive certificate  3\n',
    })
  })

  test('without devices, the table is its header', async () => {
    const pki = await copiedPki()
    await withRegister(pki.directory, async () => undefined)
    expect((await devices(pki, 'list')).stdout).toMatch(/^UUID +LINE +STATE +EXPIRES +PROD\n$/)
  })

  test.each<[string, readonly string[], number, string, string]>([
    ['an unknown line', ['--line', 'nobody'], 3, 'ERR_LINE', '"nobody"'],
    ['an invalid time', ['--since', 'yesterday'], 2, 'ERR_USAGE', '--since'],
    ['an unknown state', ['--state', 'dead'], 2, 'ERR_USAGE', 'dead'],
    ['a CA that is missing', ['--ca', 'site-b'], 6, 'ERR_BAD_FILE', 'site-b.pem'],
    ['another kind of register', ['--store', 'mysql://db/fpki'], 2, 'ERR_USAGE', '--store'],
  ])('refuse %s', async (_, words, status, code, name) => {
    const pki = await copiedPki()
    await withRegister(pki.directory, async () => undefined)
    for (const command of ['list', 'count'])
      await expectRefusal(pki.home, ['devices', command, pki.directory, ...words], { status, code, names: [name] })
  })

  test('refuse a directory without a register, and make none', async () => {
    const { home, directory } = await copiedPki()
    const refusal = { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['devices.sqlite', 'fpki devices issue'] }
    for (const words of [['list'], ['count'], ['show', uuidNumber(1)], ['report', '--line', 'default']]) {
      const [command = '', ...rest] = words
      await expectRefusal(home, ['devices', command, directory, ...rest], refusal)
    }
  })

  test('change nothing, and read a register at another place', async () => {
    const pki = await scene()
    const before = await readFile(pki.path('devices.sqlite'))
    for (const command of ['list', 'count']) expect((await devices(pki, command)).status).toBe(0)
    expect(await readFile(pki.path('devices.sqlite'))).toEqual(before)
    const store = ['--store', `sqlite:${pki.path('devices.sqlite')}`]
    const { stdout } = await pki.home.fpki(['devices', 'count', pki.home.path, ...store, '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ devices: 4 })
  })
})

describe('devices show', () => {
  test('shows all certificates of a device, the newest first, for a UUID in any case', async () => {
    const pki = await copiedPki()
    const uuid = 'abcdef01-2345-4789-8abc-def012345678'
    const first = Date.parse('2026-07-01T00:00:00Z')
    const der = Buffer.from('30820001', 'hex')
    await recordDevices(pki.directory, [{ uuid, der }], { at: first })
    await recordDevices(pki.directory, [{ uuid, name: 'meter', serial: 'ff'.repeat(20) }], { at: first + 60_000 })
    const { stdout } = await devices(pki, 'show', uuid.toUpperCase(), '--json')
    const shown = showDeviceResult.parse(JSON.parse(stdout))
    const expires = new Date(EXPIRES_AT).toISOString().replace('.000', '')
    expect(shown).toMatchObject({
      caFile: 'local-ca.pem',
      device: { uuid, line: 'default', ca: await fingerprintOfFile(pki.directory), createdAt: '2026-07-01T00:00:00Z' },
      certificates: [
        { serial: BigInt(`0x${'ff'.repeat(20)}`).toString(), state: 'active', issuedAt: '2026-07-01T00:01:00Z' },
        { state: 'superseded', issuedAt: '2026-07-01T00:00:00Z', notAfter: expires },
      ],
    })
    expect(shown.certificates[1]?.pem).toBe(
      `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`,
    )
    expect((await devices(pki, 'show', uuid)).stdout).toMatch(/^UUID +abcdef01-.*\nName +\S+\nLine +default\n/)
  })

  test('refuses what is not a UUID, and a device that is unknown', async () => {
    const pki = await copiedPki()
    await withRegister(pki.directory, async () => undefined)
    const show = (uuid: string) => ['devices', 'show', pki.directory, uuid]
    await expectRefusal(pki.home, show('x'), { status: 2, code: 'ERR_USAGE', names: ['"x"'] })
    const refusal = { status: 3, code: 'ERR_NO_DEVICE', names: [uuidNumber(9), 'fpki devices list'] }
    await expectRefusal(pki.home, show(uuidNumber(9)), refusal)
  })
})
