import { expect, test, vi } from 'vitest'
import { temporaryDirectory } from '../../support/cli.js'
import { withRegister } from '../../support/device-register.js'
import { deviceCsr } from '../../support/device-requests.js'
import { type FactoryServer, factoryServer } from '../../support/factory-server.js'
import { PATIENT } from '../../support/patience.js'
import { ALL_POINTS } from '../../support/points.js'
import { lmpDeviceRegister, send } from '../../support/register-client.js'
import { clientOf, lineWithToken, type ServedDevices, serveDevices } from '../../support/served-devices.js'
import { copiedPki, type Made } from '../made.js'

const API_TOKEN = 'the-token-of-the-api'

interface Scene {
  readonly made: Made
  readonly token: string
  readonly api: FactoryServer
  /** What the API answers with. */
  readonly answer: { status: number }
  start(...words: readonly string[]): Promise<ServedDevices>
}

async function scene(status: number): Promise<Scene> {
  const made = await copiedPki()
  const token = await lineWithToken(made.directory)
  const api = await factoryServer(null, 'none')
  const answer = { status }
  api.others.set('/ota/devices/', () => ({ status: answer.status, body: { message: `it is ${answer.status}` } }))
  const env = { HOME: made.home.path, FPKI_API: api.url, FPKI_TOKEN: API_TOKEN }
  const words = ['serve', made.directory, '--register', '127.0.0.1:0', '--no-tls', '--status', '127.0.0.1:0']
  const gateway = ['--gateway', 'https://gw.acme.example:8443']
  return { made, token, api, answer, start: (...more) => serveDevices([...words, ...gateway, ...more], env) }
}

async function register(served: ServedDevices, token: string) {
  const { uuid, pem } = deviceCsr()
  const options = await clientOf(served, { token })
  return {
    uuid,
    ...(await lmpDeviceRegister(options, { uuid, csr: pem, name: `unit ${uuid}` }, await temporaryDirectory())),
  }
}

async function metric(served: ServedDevices, name: string): Promise<string | undefined> {
  const [, status = ''] = /^Status at (\S+)$/m.exec(served.said()) ?? []
  const { text } = await send({ api: status }, { method: 'GET', path: '/metrics' })
  return new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]
}

test('the Factory API is informed after the answer, by default when it is another than the embedded one', async () => {
  const { token, api, start } = await scene(201)
  const served = await start()
  const { uuid, status, text } = await register(served, token)
  expect(status).toBe(201)
  await vi.waitFor(() => expect(api.seen).toHaveLength(1), PATIENT)
  expect(api.seen[0]).toMatchObject({ method: 'PUT', headers: { 'osf-token': API_TOKEN } })
  const { name, ...sent } = JSON.parse(api.seen[0]?.body ?? '{}')
  expect({ name, pem: sent['client.pem'].trim() }).toEqual({
    name: `unit ${uuid}`,
    pem: JSON.parse(text)['client.pem'].trim(),
  })
  await vi.waitFor(async () => expect(await metric(served, 'fpki_outbox_waiting')).toBe('0'), PATIENT)
})

test('an API that is away delays nobody, and is informed after a restart', async () => {
  const { token, api, answer, start } = await scene(500)
  const served = await start()
  expect((await register(served, token)).status).toBe(201)
  await vi.waitFor(() => expect(served.log()).toContain('"event":"cloud paused"'), PATIENT)
  expect((await register(served, token)).status).toBe(201)
  expect(await metric(served, 'fpki_outbox_waiting')).toBe('2')
  expect(await served.stop()).toEqual({ status: 0, signal: null })
  expect(`${served.log()}${served.said()}`).not.toContain(API_TOKEN)
  answer.status = 201
  const before = api.seen.length
  const again = await start()
  await vi.waitFor(async () => expect(await metric(again, 'fpki_outbox_waiting')).toBe('0'), PATIENT)
  expect(api.seen.length - before).toBe(2)
})

test.runIf(ALL_POINTS)(
  'an API that asks for time is left alone for as long, and informed by the same process',
  async () => {
    const { token, api, start } = await scene(201)
    const headers = { 'Retry-After': '2' }
    api.faults.push({ method: 'PUT', times: 1, fault: { kind: 'answer', status: 429, body: '{}', headers } })
    const served = await start()
    const before = Date.now()
    expect((await register(served, token)).status).toBe(201)
    await vi.waitFor(() => expect(served.log()).toContain('"event":"cloud paused"'), PATIENT)
    const events = served
      .log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const { until } = events.find(({ event }) => event === 'cloud paused')
    expect(Date.parse(until)).toBeGreaterThanOrEqual(before + 2000)
    expect((await register(served, token)).status).toBe(201)
    expect(await metric(served, 'fpki_outbox_waiting')).toBe('2')
    await vi.waitFor(async () => expect(await metric(served, 'fpki_outbox_waiting')).toBe('0'), PATIENT)
    expect(served.log()).toContain('"event":"cloud resumed"')
    expect(api.seen).toHaveLength(3)
  },
)

const SLOW = [
  ['answers without an end', 'slow'],
  ['closes connections', 'cut-before'],
] as const

test.each(ALL_POINTS ? SLOW : SLOW.slice(0, 1))(
  'an API that %s delays neither devices nor the end of the service',
  async (_, kind) => {
    const { made, token, api, start } = await scene(201)
    api.faults.push({ method: 'PUT', times: 99, fault: { kind } })
    const served = await start()
    const devices = [await register(served, token)]
    await vi.waitFor(() => expect(api.seen.length).toBeGreaterThan(0), PATIENT)
    devices.push(await register(served, token))
    expect(devices.map(({ status }) => status)).toEqual([201, 201])
    expect(await metric(served, 'fpki_outbox_waiting')).toBe('2')
    expect(await served.stop()).toEqual({ status: 0, signal: null })
    api.faults.splice(0)
    const again = await start()
    // A request without an answer is left to its lease, of 5 minutes; `devices publish` does not wait for that.
    await vi.waitFor(async () => expect(Number(await metric(again, 'fpki_outbox_waiting'))).toBeLessThan(2), PATIENT)
    const env = { FPKI_API: api.url, FPKI_TOKEN: API_TOKEN }
    const published = await made.home.fpki(['devices', 'publish', made.directory, '--json'], { env })
    expect(JSON.parse(published.stdout)).toMatchObject({ waiting: 0, conflicts: 0 })
    const seen = api.seen.map(({ body }) => JSON.parse(body).name)
    for (const { uuid } of devices) expect(seen).toContain(`unit ${uuid}`)
  },
)

test.runIf(ALL_POINTS)('with an API that is away for the whole run, devices are registered and wait', async () => {
  const { made, token, start } = await scene(201)
  const served = await start('--api', 'http://127.0.0.1:1')
  for (let device = 0; device < 3; device++) expect((await register(served, token)).status).toBe(201)
  await vi.waitFor(() => expect(served.log()).toContain('"event":"cloud paused"'), PATIENT)
  expect(await metric(served, 'fpki_outbox_waiting')).toBe('3')
  expect(await served.stop()).toEqual({ status: 0, signal: null })
  const state = await withRegister(made.directory, (open) => open.outbox.state())
  expect(state).toMatchObject({ waiting: 3, conflicts: 0 })
})

test('--cloud require answers only when the API knows the device', async () => {
  const { made, token, answer, start } = await scene(201)
  const served = await start('--cloud', 'require')
  expect((await register(served, token)).status).toBe(201)
  answer.status = 409
  const conflict = await register(served, token)
  expect({ status: conflict.status, text: conflict.text }).toEqual({
    status: 409,
    text: expect.stringContaining('409'),
  })
  const state = await withRegister(made.directory, (open) => open.outbox.state())
  expect(state).toMatchObject({ waiting: 0, conflicts: 1 })
  expect(await metric(served, 'fpki_outbox_conflicts')).toBe('1')
})

test('--cloud off informs nobody', async () => {
  const { token, api, start } = await scene(201)
  const served = await start('--cloud', 'off')
  expect((await register(served, token)).status).toBe(201)
  expect(await metric(served, 'fpki_outbox_waiting')).toBeUndefined()
  await served.stop()
  expect(api.seen).toEqual([])
})
