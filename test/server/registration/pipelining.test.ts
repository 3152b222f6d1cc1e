import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { serveRelay } from '../../../src/server/relay/relay.js'
import { MOST_IN_PROGRESS } from '../../../src/server/request-limits.js'
import { type RegistrationScene, registrationScene, TOKEN } from './scene.js'

const PATIENT = { timeout: 30_000, interval: 100 }
const BODY = JSON.stringify({ csr: 'a request' })
const REQUEST = `POST /sign HTTP/1.1\r\nHost: a\r\nOSF-TOKEN: ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`

/** A connection that sends so many requests without waiting for an answer. */
async function pipelined({ port }: Pick<RegistrationScene, 'port'>, count: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  socket.write(REQUEST.repeat(count))
  return socket
}

function gate() {
  let open: () => void = () => undefined
  return { until: new Promise<void>((resolve) => (open = resolve)), open: () => open() }
}

test('requests whose answers nobody waits for any more are not in progress for ever', async () => {
  const scene = await registrationScene()
  const { until, open } = gate()
  scene.service.until = until
  const socket = await pipelined(scene, 3)
  await vi.waitFor(() => expect(scene.service.requests.length).toBe(3), PATIENT)
  expect(await scene.metrics()).toContain('fpki_registration_requests_in_flight 3\n')
  socket.destroy()
  await vi.waitFor(
    async () => expect(await scene.metrics()).toContain('fpki_registration_requests_in_flight 0\n'),
    PATIENT,
  )
  expect(scene.log().match(/"status":0/g)).toHaveLength(3)
  open()
  expect((await scene.post(BODY)).status).toBe(201)
  expect(await scene.metrics()).toContain('fpki_registration_requests_in_flight 0\n')
})

test('what clients have left to be registered is in progress too', async () => {
  const scene = await registrationScene()
  const { until, open } = gate()
  scene.service.until = until
  const socket = await pipelined(scene, MOST_IN_PROGRESS)
  await vi.waitFor(() => expect(scene.service.requests.length).toBe(MOST_IN_PROGRESS), PATIENT)
  socket.destroy()
  await vi.waitFor(async () => expect((await scene.metrics()).includes('in_flight 0\n')).toBe(true), PATIENT)
  expect((await scene.post(BODY)).status).toBe(503)
  open()
  await vi.waitFor(async () => expect((await scene.post(BODY)).status).toBe(201), PATIENT)
})

test('a client that never waits for answers fills no memory: what is too much is refused before its body is read', async () => {
  const scene = await registrationScene()
  const { until, open } = gate()
  scene.service.until = until
  const socket = await pipelined(scene, MOST_IN_PROGRESS)
  await vi.waitFor(() => expect(scene.service.requests.length).toBe(MOST_IN_PROGRESS), PATIENT)
  const refused = await scene.post(BODY)
  expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
  expect(JSON.parse(refused.text)).toEqual({ message: 'too many registrations are in progress' })
  expect(scene.service.requests.length).toBe(MOST_IN_PROGRESS)
  open()
  let text = ''
  socket.setEncoding('latin1').on('data', (more) => {
    text += more
  })
  await vi.waitFor(() => expect(text.match(/HTTP\/1.1 201/g)).toHaveLength(MOST_IN_PROGRESS), PATIENT)
  expect((await scene.post(BODY)).status).toBe(201)
  socket.destroy()
})

test('a relay refuses what is too much', async () => {
  const { until, open } = gate()
  let sent = 0
  const send = async () => {
    sent += 1
    await until
    return { status: 201, headers: {}, body: new Uint8Array() }
  }
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const upstream = { send, close: async () => undefined }
  const relay = await serveRelay({ host: '127.0.0.1', port: 0 }, { upstream, log })
  onTestFinished(() => relay.close())
  const socket = await pipelined({ port: Number(new URL(relay.url).port) }, MOST_IN_PROGRESS)
  await vi.waitFor(() => expect(sent).toBe(MOST_IN_PROGRESS), PATIENT)
  expect((await fetch(`${relay.url}/sign`, { method: 'POST', body: BODY })).status).toBe(503)
  socket.destroy()
  open()
  await vi.waitFor(async () => expect((await fetch(`${relay.url}/sign`)).status).toBe(201), PATIENT)
})
