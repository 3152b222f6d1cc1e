import { describe, expect, test } from 'vitest'
import type { PublishedDevice, PutOutcome } from '../../src/factory/device-api.js'
import type { Fault } from '../support/factory-server.js'
import { overHttp, TOKEN } from './support/http.js'

const DEVICE: PublishedDevice = { certificate: '-----BEGIN CERTIFICATE-----\n', name: 'kitchen', group: 'blue' }
const signal = new AbortController().signal
const ONCE = { signal, retries: false }

/** A server that answers each PUT like this, with 200 after `times` of them. */
async function answering(fault: Fault, times = 99) {
  const scene = await overHttp()
  scene.server.others.set('/ota/devices/', () => ({ status: 200, body: {} }))
  scene.server.faults.push({ method: 'PUT', times, fault })
  return scene
}

function answer(status: number, body = '', headers: Readonly<Record<string, string>> = {}): Fault {
  return { kind: 'answer', status, body, headers }
}

const UUID = '5f0e1c2d-3b4a-4c5d-8e9f-0a1b2c3d4e5f'

function wordsOf(outcome: PutOutcome) {
  return outcome.kind === 'done' ? { kind: 'done' } : { kind: outcome.kind, message: outcome.error.message }
}

test('informs the API of a device as registration services do', async () => {
  const { api, server } = await answering(answer(201, '{}'))
  expect(await api.devices.put(DEVICE, ONCE)).toEqual({ kind: 'done' })
  const [seen, ...more] = server.seen
  expect(more).toEqual([])
  expect(seen).toMatchObject({ method: 'PUT', path: '/ota/devices/' })
  expect(seen?.headers).toMatchObject({ 'osf-token': TOKEN, 'content-type': 'application/json' })
  expect(JSON.parse(seen?.body ?? '')).toEqual({ 'client.pem': DEVICE.certificate, name: 'kitchen', group: 'blue' })
})

test('sends neither a name nor a group that a device does not have', async () => {
  const { api, server } = await answering(answer(200))
  expect(await api.devices.put({ ...DEVICE, name: null, group: null }, ONCE)).toEqual({ kind: 'done' })
  expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({ 'client.pem': DEVICE.certificate })
})

describe('an answer of the API:', () => {
  test.each([
    [200, '', 'done'],
    [202, '{"x": 1}', 'done'],
    [204, '', 'done'],
    [409, '{"message": "it exists"}', 'conflict'],
    [400, '{"message": "no such group"}', 'refused'],
    [413, '', 'refused'],
    [422, '', 'refused'],
    [401, '', 'unavailable'],
    [403, '', 'unavailable'],
    [404, '', 'unavailable'],
    [429, '', 'unavailable'],
    [500, '', 'unavailable'],
    [503, '<html>', 'unavailable'],
    // A proxy's page, and a redirect, which would take the token elsewhere.
    [200, '<html>', 'unavailable'],
    [302, '', 'unavailable'],
  ])('%i %s means that it is %s', async (status, body, kind) => {
    const { api, server } = await answering(answer(status, body, { Location: 'https://evil.example/' }))
    expect((await api.devices.put(DEVICE, ONCE)).kind).toBe(kind)
    expect(server.seen).toHaveLength(1)
  })

  test('its reason is in the message, without the token', async () => {
    const { api } = await answering(answer(409, JSON.stringify({ message: `exists, says ${TOKEN}` })))
    expect(wordsOf(await api.devices.put(DEVICE, ONCE))).toEqual({
      kind: 'conflict',
      message: expect.stringMatching(
        /^The Factory API at https:\S+ refused PUT devices: 409 Conflict: exists, says \*\*\*\.$/,
      ),
    })
  })

  test.each([
    ['7', 7000],
    ['Mon, 23 Nov 2026 09:44:55 GMT', 60_000],
    ['86400', 86_400_000],
    ['soon', null],
  ])('Retry-After: %s', async (header, retryAfter) => {
    const { api, waits } = await answering(answer(429, '', { 'Retry-After': header }))
    expect(await api.devices.put(DEVICE, ONCE)).toMatchObject({ kind: 'unavailable', retryAfter })
    expect(waits).toEqual([])
  })

  test('a lost one is no answer', async () => {
    const { api } = await answering({ kind: 'cut-after' })
    expect(wordsOf(await api.devices.put(DEVICE, ONCE))).toEqual({
      kind: 'unavailable',
      message: expect.stringContaining('No response to PUT devices'),
    })
  })
})

test('tries again after transient failures when asked to', async () => {
  const { api, server, waits } = await answering(answer(503), 2)
  expect(await api.devices.put(DEVICE, { signal, retries: true })).toEqual({ kind: 'done' })
  expect(server.seen).toHaveLength(3)
  expect(waits).toHaveLength(2)
})

test('stops at once when it is aborted', async () => {
  const { api } = await answering({ kind: 'slow' })
  const abort = new AbortController()
  const put = api.devices.put(DEVICE, { signal: abort.signal, retries: true })
  const reason = new Error('enough')
  setTimeout(() => abort.abort(reason), 20)
  await expect(put).rejects.toBe(reason)
})

describe('to deny a device', () => {
  const path = `/ota/devices/${UUID}/?factory=acme&by-uuid=1`

  test.each([
    [200, '{}', 'done'],
    [204, '', 'done'],
    [400, '', 'refused'],
    [409, '', 'refused'],
    [401, '', 'unavailable'],
    [403, '', 'unavailable'],
    [500, '', 'unavailable'],
  ])('deletes it: %i %s means that it is %s', async (status, body, kind) => {
    const { api, server } = await overHttp()
    server.others.set(path, () => ({ status, body: body === '' ? {} : JSON.parse(body) }))
    expect((await api.devices.deny(UUID, ONCE)).kind).toBe(kind)
    expect(server.seen).toMatchObject([{ method: 'DELETE', path, headers: { 'osf-token': TOKEN }, body: '' }])
  })

  test.each([
    // It is denied already.
    [200, 'done'],
    [404, 'unknown'],
    // A server without that path.
    [405, 'unknown'],
    [503, 'unavailable'],
  ])(
    'looks for it among the denied ones when there is no such device: %i means that it is %s',
    async (status, kind) => {
      const { api, server } = await overHttp()
      server.others.set(path, () => ({ status: 404, body: { message: 'no such device' } }))
      server.others.set(`/ota/factories/acme/denied-devices/${UUID}/`, () => ({ status, body: {} }))
      expect((await api.devices.deny(UUID, ONCE)).kind).toBe(kind)
      expect(server.seen.map(({ method }) => method)).toEqual(['DELETE', 'GET'])
    },
  )
})

describe('to allow a device', () => {
  const path = `/ota/factories/acme/denied-devices/${UUID}/`

  test.each([
    [200, 'done'],
    // It is not denied.
    [404, 'done'],
    // It is denied for ever.
    [403, 'refused'],
    [401, 'unavailable'],
    [503, 'unavailable'],
  ])('ends its denial: %i means that it is %s', async (status, kind) => {
    const { api, server } = await overHttp()
    server.others.set(path, () => ({ status, body: { message: `it is ${status}` } }))
    const outcome = await api.devices.allow(UUID, ONCE)
    expect(outcome.kind).toBe(kind)
    expect(outcome.kind === 'done' ? '' : outcome.error.message).toContain(kind === 'done' ? '' : `it is ${status}`)
    expect(server.seen).toMatchObject([{ method: 'DELETE', path, headers: { 'osf-token': TOKEN }, body: '' }])
  })
})
