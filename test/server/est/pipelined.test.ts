import { once } from 'node:events'
import { connect } from 'node:tls'
import { expect, test, vi } from 'vitest'
import { est } from './clients.js'
import { fakeScene } from './fake-scene.js'

const PATIENT = { timeout: 60_000, interval: 100 }

test('a client that asks for CA certificates and never waits fills no memory', { timeout: 120_000 }, async () => {
  const { server, service, identity } = await fakeScene()
  let open: () => void = () => undefined
  const until = new Promise<void>((resolve) => {
    open = resolve
  })
  const { note } = service
  Object.assign(service, { note: (...words: Parameters<typeof note>) => note(...words).then(() => until) })
  const port = Number(new URL(server.base).port)
  const own = { key: identity.key, cert: identity.cert, rejectUnauthorized: false }
  const socket = connect({ port, host: '127.0.0.1', ...own })
  socket.on('error', () => undefined)
  await once(socket, 'secureConnect')
  socket.write('GET /.well-known/est/cacerts HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(4200))
  await vi.waitFor(async () => expect((await est(server, 'cacerts', {})).status).toBe(503), PATIENT)
  expect((await est(server, 'cacerts', {})).headers['retry-after']).toBe('5')
  // Requests that arrived together count before the first of them is looked at.
  expect(service.noted.length).toBeLessThanOrEqual(4096)
  open()
  await vi.waitFor(async () => expect((await est(server, 'cacerts', {})).status).toBe(200), PATIENT)
  socket.destroy()
})
