import { readFile, rm } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { changeLineResult } from '../../../src/operations/devices/lines/change-lines.js'
import { listLinesResult, showLineResult } from '../../../src/operations/devices/lines/show-lines.js'
import { fingerprintOfFile, recordDevices, uuidNumber, withRegister } from '../../support/device-register.js'
import { copiedPki, type Made } from '../made.js'
import { expectRefusal } from '../refusal.js'

/** Runs `fpki lines`. */
function lines({ home, directory }: Made, command: string, ...words: readonly string[]) {
  return home.fpki(['lines', command, directory, ...words])
}

async function shown(pki: Made, name: string) {
  const { stdout } = await lines(pki, 'show', name, '--json')
  return showLineResult.parse(JSON.parse(stdout))
}

async function logged({ home, directory }: Made): Promise<readonly string[]> {
  const { stdout } = await home.fpki(['ca', 'log', directory, '--kind', 'event', '--json'])
  const { lines: all }: { lines: { command: string; text: string }[] } = JSON.parse(stdout)
  return all.filter(({ command }) => command.startsWith('lines')).map(({ command, text }) => `${command}: ${text}`)
}

describe('lines create', () => {
  test('makes a line with the limits of its flags, and the register, and records it in the audit log', async () => {
    const pki = await copiedPki()
    const flags = [
      ...['--quota', '1000', '--per-day', '50', '--from', '2026-08-01', '--until', '2099-01-01T06:00:00+02:00'],
      ...['--hardware-id', 'imx8mm,imx8mp', '--hardware-id', 'rpi4', '--group', 'beta', '--production'],
      ...['--ca', 'local-ca.pem', '--reissue-window', '2h'],
    ]
    expect(await lines(pki, 'create', 'site-a', ...flags)).toMatchObject({ status: 0, stdout: '' })
    expect((await shown(pki, 'site-a')).line).toMatchObject({
      ...{ name: 'site-a', state: 'open', quota: 1000, left: 1000, perDay: 50, issued: 0 },
      ...{ ca: await fingerprintOfFile(pki.directory), caFile: 'local-ca.pem' },
      ...{ from: '2026-08-01T00:00:00Z', until: '2099-01-01T04:00:00Z' },
      ...{ hardwareIds: ['imx8mm', 'imx8mp', 'rpi4'], group: 'beta', production: true, reissueWindowSeconds: 7200 },
    })
    expect(await logged(pki)).toEqual([
      expect.stringMatching(
        /^lines create: Creates the line site-a: ca [0-9a-f]{64}, quota 1000, per-day 50, from 2026-/,
      ),
    ])
    expect((await pki.home.fpki(['ca', 'log', 'verify', pki.directory])).status).toBe(0)
  })

  test('without flags, the line has no limits and makes test devices', async () => {
    const pki = await copiedPki()
    const { stdout } = await lines(pki, 'create', 'pilot', '--json')
    expect(changeLineResult.parse(JSON.parse(stdout))).toMatchObject({
      changed: true,
      line: {
        ...{ ca: null, quota: null, left: null, perDay: null, from: null, until: null, hardwareIds: null },
        ...{ group: null, production: false, reissueWindowSeconds: 900 },
      },
    })
  })

  test('works in a kit, which has a device CA but no key and no records of the root', async () => {
    const pki = await copiedPki()
    for (const name of ['factory_ca.key', '.fpki', 'tls-crt', 'online-crt'])
      await rm(pki.path(name), { recursive: true })
    expect((await lines(pki, 'create', 'site-a', '--ca', 'local-ca')).status).toBe(0)
    expect((await lines(pki, 'pause', 'site-a')).status).toBe(0)
    expect(await logged(pki)).toHaveLength(2)
    expect((await shown(pki, 'site-a')).line.caFile).toBe('local-ca.pem')
  })

  test.each<[string, readonly string[], number, string, string]>([
    ['an existing name', ['default'], 3, 'ERR_EXISTS', 'fpki lines show'],
    ['an invalid name', ['a b'], 2, 'ERR_USAGE', '"a b"'],
    ['a quota of 0', ['a', '--quota', '0'], 2, 'ERR_USAGE', '--quota'],
    ['a quota that is no number', ['a', '--quota', 'many'], 2, 'ERR_USAGE', '--quota'],
    ['no devices per day', ['a', '--per-day', '0'], 2, 'ERR_USAGE', '--per-day'],
    ['an invalid time', ['a', '--from', '2026-02-30'], 2, 'ERR_USAGE', '--from'],
    ['an end before the beginning', ['a', '--from', '2026-08-01', '--until', '2026-07-01'], 2, 'ERR_USAGE', '--until'],
    ['a hardware ID with a control character', ['a', '--hardware-id', 'a\u001b[31m'], 2, 'ERR_USAGE', '--hardware-id'],
    ['an empty hardware ID', ['a', '--hardware-id', 'a,,b'], 2, 'ERR_USAGE', '--hardware-id'],
    ['an empty group', ['a', '--group', ''], 2, 'ERR_USAGE', '--group'],
    ['an invalid window', ['a', '--reissue-window', '15'], 2, 'ERR_USAGE', '--reissue-window'],
    ['a window of years', ['a', '--reissue-window', '999d'], 2, 'ERR_USAGE', '--reissue-window'],
    ['a CA that is missing', ['a', '--ca', 'site-b.pem'], 6, 'ERR_BAD_FILE', 'site-b.pem'],
    ['the root as CA', ['a', '--ca', 'factory_ca.pem'], 2, 'ERR_USAGE', 'factory_ca.pem'],
    ['another kind of register', ['a', '--store', 'mysql://db/fpki'], 2, 'ERR_USAGE', '--store'],
  ])('refuses %s', async (_, words, status, code, name) => {
    const pki = await copiedPki()
    await withRegister(pki.directory, async () => undefined)
    const all = ['lines', 'create', pki.directory, ...words]
    await expectRefusal(pki.home, all, { status, code, names: [name] })
  })
})

describe('lines change', () => {
  test('changes what is given, and removes limits with none', async () => {
    const pki = await copiedPki()
    await lines(
      pki,
      'create',
      'a',
      '--quota',
      '5',
      '--per-day',
      '3',
      '--group',
      'g',
      '--hardware-id',
      'x',
      '--production',
    )
    const before = (await shown(pki, 'a')).line
    await lines(pki, 'change', 'a', '--quota', '7')
    expect((await shown(pki, 'a')).line).toEqual({ ...before, quota: 7, left: 7 })
    const none = ['--quota', 'none', '--per-day', 'none', '--group', 'none', '--hardware-id', 'none', '--ca', 'none']
    await lines(pki, 'change', 'a', ...none, '--no-production', '--reissue-window', '0', '--until', '2099-01-01')
    await lines(pki, 'change', 'a', '--until', 'none')
    const after = { quota: null, left: null, perDay: null, group: null, hardwareIds: null, production: false }
    expect((await shown(pki, 'a')).line).toEqual({ ...before, ...after, reissueWindowSeconds: 0 })
    expect(await logged(pki)).toHaveLength(4)
  })

  test('to what it is already changes nothing', async () => {
    const pki = await copiedPki()
    await lines(pki, 'create', 'a', '--quota', '5')
    const { status, stdout } = await lines(pki, 'change', 'a', '--quota', '5', '--json')
    expect({ status, changed: changeLineResult.parse(JSON.parse(stdout)).changed }).toEqual({
      status: 0,
      changed: false,
    })
    expect(await logged(pki)).toHaveLength(1)
  })

  test('refuses a line that does not exist, and a directory without a register', async () => {
    const pki = await copiedPki()
    const words = ['lines', 'change', pki.directory, 'nobody', '--quota', '1']
    await expectRefusal(pki.home, words, { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['devices.sqlite'] })
    await withRegister(pki.directory, async () => undefined)
    await expectRefusal(pki.home, words, { status: 3, code: 'ERR_LINE', names: ['"nobody"', 'fpki lines list'] })
  })
})

describe('the state of a line', () => {
  test('is set by pause, resume and close, each of which may be repeated', async () => {
    const pki = await copiedPki()
    await lines(pki, 'create', 'a')
    const steps = [
      ...[['pause', 'paused'] as const, ['pause', 'paused'] as const, ['resume', 'open'] as const],
      ...[['resume', 'open'] as const, ['close', 'closed'] as const, ['close', 'closed'] as const],
    ]
    const changed: boolean[] = []
    for (const [command, state] of steps) {
      const { status, stdout } = await lines(pki, command, 'a', '--json', ...(command === 'close' ? ['--yes'] : []))
      const result = changeLineResult.parse(JSON.parse(stdout))
      expect({ status, state: result.line.state }).toEqual({ status: 0, state })
      changed.push(result.changed)
    }
    expect(changed).toEqual([true, false, true, false, true, false])
    expect(await logged(pki)).toHaveLength(4)
    expect((await shown(pki, 'a')).refusal).toEqual({ code: 'line-closed', reason: 'the line a is closed' })
  })

  test('a closed line can neither be resumed nor changed', async () => {
    const pki = await copiedPki()
    await lines(pki, 'create', 'a')
    await lines(pki, 'close', 'a', '--yes')
    for (const words of [
      ['resume', 'a'],
      ['pause', 'a'],
      ['change', 'a', '--quota', '1'],
    ]) {
      const [command = '', ...rest] = words
      const all = ['lines', command, pki.directory, ...rest]
      await expectRefusal(pki.home, all, { status: 3, code: 'ERR_LINE', names: ['closed', 'fpki lines create'] })
    }
  })

  test('closing is confirmed, and the default line stays', async () => {
    const pki = await copiedPki()
    await lines(pki, 'create', 'a')
    const close = (name: string) => ['lines', 'close', pki.directory, name]
    await expectRefusal(pki.home, close('a'), { status: 3, code: 'ERR_NOT_CONFIRMED', names: ['--yes'] })
    const refusal = { status: 3, code: 'ERR_LINE', names: ['default', 'fpki lines pause'] }
    await expectRefusal(pki.home, [...close('default'), '--yes'], refusal)
  })
})

describe('lines show and list', () => {
  test('say how many were issued, what is left, and why nothing is issued now', async () => {
    const pki = await copiedPki()
    const now = Date.now()
    await lines(pki, 'create', 'a', '--quota', '3', '--per-day', '2')
    await recordDevices(pki.directory, [{ uuid: uuidNumber(1) }], { line: 'a', at: now - 86_400_000 })
    expect(await shown(pki, 'a')).toMatchObject({
      issuedToday: 0,
      leftToday: 2,
      issues: true,
      line: { issued: 1, left: 2 },
    })
    await recordDevices(pki.directory, [{ uuid: uuidNumber(2) }], { line: 'a', at: now })
    expect(await shown(pki, 'a')).toMatchObject({ issuedToday: 1, leftToday: 1, issues: true, refusal: null })
    await recordDevices(pki.directory, [{ uuid: uuidNumber(3) }], { line: 'a', at: now })
    expect((await shown(pki, 'a')).refusal?.code).toBe('quota')
    await lines(pki, 'change', 'a', '--quota', '30')
    expect((await shown(pki, 'a')).refusal?.code).toBe('daily-quota')
    await lines(pki, 'change', 'a', '--until', '2020-01-01')
    const { stdout } = await lines(pki, 'show', 'a')
    expect(stdout).toMatch(/^Issues now +no: the line a ended on 2020-01-01T00:00:00Z$/m)
    expect(stdout).toMatch(/^Quota +30, 27 left$/m)
  })

  test('list prints a table of 80 columns, or JSON', async () => {
    const pki = await copiedPki()
    const name = 'x'.repeat(64)
    await lines(pki, 'create', name, '--quota', '1000000000', '--until', '2099-01-01', '--ca', 'local-ca')
    const { stdout } = await lines(pki, 'list')
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(stdout).toMatch(/^x{14}… {2}open {10}0 +1000000000 {2}2099-01-01 {2}local-ca\.pem$/m)
    const listed = listLinesResult.parse(JSON.parse((await lines(pki, 'list', '--json')).stdout))
    expect(listed.lines.map((line) => line.name)).toEqual(['default', name])
  })

  test('list shows a line outside its time window as not yet open, or over', async () => {
    const pki = await copiedPki()
    await lines(pki, 'create', 'later', '--from', '2099-01-01', '--until', '2099-02-01')
    await lines(pki, 'create', 'earlier', '--from', '2019-01-01', '--until', '2020-01-01')
    await lines(pki, 'create', 'stopped', '--until', '2020-01-01')
    await lines(pki, 'pause', 'stopped')
    const { stdout } = await lines(pki, 'list')
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/).slice(0, 2))).toEqual([
      ['LINE', 'STATE'],
      ['default', 'open'],
      ['earlier', 'over'],
      ['later', 'not yet open'],
      ['stopped', 'paused'],
      [''],
    ])
    const listed = listLinesResult.parse(JSON.parse((await lines(pki, 'list', '--json')).stdout))
    expect(listed.lines.map(({ state, stateNow }) => [state, stateNow])).toEqual([
      ['open', 'open'],
      ['open', 'over'],
      ['open', 'not-yet-open'],
      ['paused', 'paused'],
    ])
    for (const { name, stateNow } of listed.lines) expect((await shown(pki, name)).issues).toBe(stateNow === 'open')
  })

  test('change nothing', async () => {
    const pki = await copiedPki()
    await withRegister(pki.directory, async () => undefined)
    const before = await readFile(pki.path('devices.sqlite'))
    await lines(pki, 'list')
    await lines(pki, 'show', 'default')
    expect(await readFile(pki.path('devices.sqlite'))).toEqual(before)
    const nobody = ['lines', 'show', pki.directory, 'nobody']
    await expectRefusal(pki.home, nobody, { status: 3, code: 'ERR_LINE', names: ['"nobody"'] })
  })
})
