import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DEFAULT_LINE, type LineState } from '../../../src/devices/register.js'
import { newKey } from '../../pki/support/csr.js'
import { hold, recordDevices } from '../../support/device-register.js'
import { deviceCsr, deviceCsrs } from '../../support/device-requests.js'
import { x509 } from '../made.js'
import { issueScene, registered, withRegister } from './scene.js'

const HOUR = 3_600_000

test('a key of another batch is the key of its device for ever', async () => {
  const scene = await issueScene()
  const key = newKey()
  const [first, second] = [deviceCsr({ key }), deviceCsr({ key })]
  await scene.issue([{ csr: first.pem }])
  const { status, refused } = await scene.issue([{ csr: second.pem }])
  expect(status).toBe(12)
  expect(refused).toEqual([
    { at: 'line 1', uuid: second.uuid, code: 'key-reused', reason: `its key is the key of the device ${first.uuid}` },
  ])
})

test('a second key for a device in the same batch is refused: nobody knows which one the device has', async () => {
  const scene = await issueScene()
  const [first, other] = [deviceCsr(), deviceCsr()]
  const second = deviceCsr({ uuid: first.uuid })
  const { status, refused } = await scene.issue([{ csr: first.pem }, { csr: second.pem }, { csr: other.pem }])
  expect({ status, refused }).toEqual({
    status: 12,
    refused: [
      {
        at: 'line 2',
        uuid: first.uuid,
        code: 'uuid-taken',
        reason: `the device ${first.uuid} was issued for another key in this batch`,
      },
    ],
  })
})

test('a device gets a certificate for another key within the reissue window of its line, and not after it', async () => {
  const scene = await issueScene()
  const [first, second] = [deviceCsr(), deviceCsr()]
  const later = deviceCsr({ uuid: first.uuid })
  expect(await scene.issue([{ csr: first.pem }])).toMatchObject({ status: 0 })
  expect(await scene.issue([{ csr: later.pem }])).toMatchObject({ status: 0 })
  const states = await withRegister(scene.directory, async ({ device, lines }) => {
    await lines.change(DEFAULT_LINE, { reissueWindow: 0 })
    return (await device(first.uuid))?.certificates.map(({ state }) => state)
  })
  expect(states).toEqual(['active', 'superseded'])
  const third = deviceCsr({ uuid: first.uuid })
  const { status, refused } = await scene.issue([{ csr: third.pem }, { csr: later.pem }, { csr: second.pem }])
  expect(status).toBe(12)
  expect(refused).toEqual([
    {
      at: 'line 1',
      uuid: first.uuid,
      code: 'uuid-taken',
      reason: `the device ${first.uuid} has a certificate for another key`,
    },
  ])
  expect((await registered(scene.directory)).size).toBe(2)
})

describe.each([
  ['quota', { quota: 3 }, 'the line plant has issued all 3 of its devices'],
  ['daily-quota', { perDay: 3 }, 'the line plant has issued all 3 devices of today (UTC)'],
] as const)('a %s that is used up in the middle of a batch', (code, settings, reason) => {
  test('ends with 3; the first devices are issued, and none of them needs it again', async () => {
    const scene = await issueScene()
    await scene.line('plant', settings)
    const requests = deviceCsrs(5)
    const rows = requests.map(({ pem }) => ({ csr: pem }))
    const { status, refused, stderr } = await scene.issue(rows, ['--line', 'plant'])
    expect({ status, refused }).toEqual({
      status: 3,
      refused: [4, 5].map((line) => ({ at: `line ${line}`, uuid: requests[line - 1]?.uuid, code, reason })),
    })
    expect(stderr).toContain('3 issued, 0 reused, 2 refused')
    const issued = requests.slice(0, 3).map(({ uuid }) => uuid)
    expect([...(await registered(scene.directory)).keys()].sort()).toEqual([...issued].sort())
    const again = await scene.issue([...rows].reverse(), ['--line', 'plant'])
    expect(again).toMatchObject({ status: 3 })
    expect(again.stderr).toContain('0 issued, 3 reused, 2 refused')
  })

  test('makes no keys for the devices that it refuses', async () => {
    const scene = await issueScene()
    await scene.line('plant', settings)
    const uuids = deviceCsrs(5).map(({ uuid }) => uuid)
    const out = join(scene.home.path, 'devices')
    const words = ['--line', 'plant', '--make-keys', '--out', out]
    const { status, refused } = await scene.issue(
      [...uuids, uuids[0]].map((uuid) => ({ uuid })),
      words,
    )
    expect(status).toBe(3)
    expect(refused.map(({ at, code: its }) => [at, its])).toEqual([
      ['line 4', code],
      ['line 5', code],
    ])
    const folders = (await readdir(out)).filter((name) => !name.startsWith('.'))
    expect(folders.sort()).toEqual(uuids.slice(0, 3).sort())
  })
})

const CLOSED: readonly (readonly [string, { state?: LineState; from?: number; until?: number }, RegExp])[] = [
  ['paused', { state: 'paused' }, /^error: No devices can be issued: the line plant is paused\. /m],
  ['closed', { state: 'closed' }, /^error: No devices can be issued: the line plant is closed\. /m],
  ['not open yet', { from: Date.now() + HOUR }, /^error: No devices can be issued: the line plant opens on 20\S+Z\. /m],
  ['over', { until: Date.now() - HOUR }, /^error: No devices can be issued: the line plant ended on 20\S+Z\. /m],
]

test.each(CLOSED)('a line that is %s signs nothing, and exits with 3', async (_, change, message) => {
  const scene = await issueScene()
  await scene.line('plant', {})
  await withRegister(scene.directory, ({ lines }) => lines.change('plant', change))
  const out = join(scene.home.path, 'devices')
  const ended = await scene.issue([{ csr: deviceCsr().pem }], ['--line', 'plant', '--out', out])
  expect(ended).toMatchObject({ status: 3, stdout: '', refused: [] })
  expect(ended.stderr).toMatch(message)
  expect(ended.stderr).toContain('[ERR_LINE]')
  expect((await registered(scene.directory)).size).toBe(0)
  expect(await readdir(scene.home.path)).not.toContain('devices')
})

test('if the default line is paused, as in a kit that has others, the way to those is said', async () => {
  const scene = await issueScene()
  await withRegister(scene.directory, ({ lines }) => lines.change('default', { state: 'paused' }))
  const ended = await scene.issue([{ csr: deviceCsr().pem }])
  expect(ended).toMatchObject({ status: 3, stdout: '' })
  expect(ended.stderr).toContain(`Name a line that is open: \`fpki lines list ${scene.directory}\``)
  expect(ended.stderr).toContain('(--line)')
})

test('a line that does not exist is named', async () => {
  const scene = await issueScene()
  const ended = await scene.issue([{ csr: deviceCsr().pem }], ['--line', 'plnat'])
  expect(ended).toMatchObject({ status: 3, stdout: '' })
  expect(ended.stderr).toContain('There is no line "plnat". [ERR_LINE]')
})

test('a device CA that expires sooner than --days ends all certificates, which is said once', async () => {
  const scene = await issueScene()
  const requests = deviceCsrs(300)
  const out = join(scene.home.path, 'devices.pem')
  const rows = requests.map(({ pem }) => ({ csr: pem }))
  const { status, stderr } = await scene.issue(rows, ['--days', '9000', '--out', out])
  expect(status).toBe(0)
  const end = (await x509(scene.path('local-ca.pem'), '-enddate')).replace('notAfter=', '')
  const iso = new Date(end).toISOString().replace('.000', '')
  const warning = `New certificates expire with local-ca.pem on ${iso}, before the requested validity ends.`
  expect(stderr.split(warning)).toHaveLength(2)
  const ends = [...(await registered(scene.directory)).values()].map(({ certificate }) => certificate.notAfter)
  expect(new Set(ends)).toEqual(new Set([Date.parse(end)]))
  expect(await x509(out, '-enddate')).toBe(`notAfter=${end}`)
  expect((await scene.issue([{ csr: deviceCsr().pem }])).stderr).not.toContain('before the requested validity')
})

test('a UUID of the row must be the one of its request, and facts of the row are in the register', async () => {
  const scene = await issueScene()
  const [one, two] = [deviceCsr(), deviceCsr()]
  const facts = { name: 'Press 7', group: 'red', 'hardware-id': 'intel-corei7-64', serial: 'SN-1' }
  const { status, refused } = await scene.issue([
    { uuid: one.uuid.toUpperCase(), csr: one.pem, ...facts },
    { uuid: one.uuid, csr: two.pem },
  ])
  expect(status).toBe(12)
  expect(refused).toEqual([
    {
      at: 'line 2',
      uuid: two.uuid,
      code: 'uuid-mismatch',
      reason: `its request is for ${two.uuid}, not for ${one.uuid}`,
    },
  ])
  expect((await registered(scene.directory)).get(one.uuid)?.device).toMatchObject({
    ...{ name: 'Press 7', group: 'red', hardwareId: 'intel-corei7-64', serialNumber: 'SN-1', isProduction: false },
  })
})

test.each([
  ['denied', 'default', null, 'denied', /is denied/],
  ['of another line', 'plant', null, 'uuid-taken', /belongs to the line plant/],
  ['that has registered itself', 'default', 'token', 'uuid-taken', /has registered itself/],
] as const)('no key is made in the place of one of a device %s', async (_, line, credential, code, reason) => {
  const scene = await issueScene()
  await scene.line('plant', {})
  const { uuid } = deviceCsr()
  const id = 'ab'.repeat(8)
  await withRegister(scene.directory, async ({ credentials, jobs }) => {
    const free = { uses: null, uuid: null, expiresAt: null, createdAt: 0 }
    await credentials.createToken({ id, hash: new Uint8Array(32), line, ...free }, null)
    // An earlier run was interrupted: it may have made the key.
    await jobs.begin('default', Date.now() - HOUR)
  })
  const proof = credential === null ? null : { credential: { kind: credential, id }, listed: null }
  await recordDevices(scene.directory, [{ uuid, proof }], { line, at: Date.now() })
  if (code === 'denied') await withRegister(scene.directory, (register) => register.deny([uuid], hold(Date.now())))
  const before = await withRegister(scene.directory, (register) => register.device(uuid))
  const ended = await scene.issue([{ uuid }], ['--make-keys', '--out', join(scene.home.path, 'devices')])
  expect(ended.refused).toMatchObject([{ code, reason: expect.stringMatching(reason) }])
  expect(await withRegister(scene.directory, (register) => register.device(uuid))).toEqual(before)
})

test('a device that is denied does not get its certificate again', async () => {
  const scene = await issueScene()
  const { uuid, pem } = deviceCsr()
  await scene.issue([{ csr: pem }])
  await withRegister(scene.directory, (register) => register.deny([uuid], hold(Date.now())))
  const ended = await scene.issue([{ csr: pem }])
  expect(ended.refused).toMatchObject([{ code: 'denied', reason: `the device ${uuid} is denied` }])
})
