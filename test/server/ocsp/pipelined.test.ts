import { connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { servedOcsp } from './scene.js'

test('requests of a client that left without reading answers are not counted as in progress for ever', {
  timeout: 90_000,
}, async () => {
  const scene = await servedOcsp()
  const request = await scene.request(scene.certificate())
  const get = `GET /${encodeURIComponent(request.toString('base64'))} HTTP/1.1\r\nHost: a\r\n\r\n`
  const { hostname, port } = new URL(scene.url)
  for (let client = 0; client < 5; client++) {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.once('connect', () => socket.write(get.repeat(50), () => socket.resetAndDestroy()))
    await closed
  }
  const answer = await fetch(`${scene.url}/${encodeURIComponent(request.toString('base64'))}`)
  expect(answer.status).toBe(200)
  await vi.waitFor(() => expect(scene.metrics.inFlight()).toBe(0), { timeout: 60_000 })
})
