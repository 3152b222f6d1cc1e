import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { servedOcsp } from './scene.js'

const TYPE = { 'Content-Type': 'application/ocsp-request' }

test('GET takes a request in any of the forms that clients write', async () => {
  const scene = await servedOcsp()
  const plain = await findPlain(scene)
  const base64 = plain.toString('base64')
  const forms = [
    encodeURIComponent(base64),
    base64,
    plain.toString('base64url'),
    `/${encodeURIComponent(base64)}`,
    `${encodeURIComponent(base64)}?ignored=1`,
  ]
  for (const form of forms) {
    const answer = await fetch(`${scene.url}/${form}`)
    expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({
      ...{ status: 200, type: 'application/ocsp-response' },
    })
    const read = await scene.read(plain, new Uint8Array(await answer.arrayBuffer()))
    expect(read).toContain('Response verify OK')
    expect(read).toContain('Cert Status: good')
  }
})

/** A request whose base64 has each of the characters that need care. */
async function findPlain(scene: Awaited<ReturnType<typeof servedOcsp>>): Promise<Buffer> {
  const request = await scene.request(scene.certificate())
  const text = request.toString('base64')
  return text.includes('/') && text.includes('+') ? request : findPlain(scene)
}

test('answers to GET have the caching headers of RFC 5019', async () => {
  const scene = await servedOcsp()
  const request = await scene.request(scene.certificate())
  const url = `${scene.url}/${encodeURIComponent(request.toString('base64'))}`
  const first = await fetch(url)
  const { headers } = first
  const [lastModified, expires] = ['last-modified', 'expires'].map((name) => Date.parse(headers.get(name) ?? ''))
  expect((expires ?? 0) - (lastModified ?? 0)).toBe(3_600_000)
  const age = Number(
    /^max-age=(\d+), public, no-transform, must-revalidate$/.exec(headers.get('cache-control') ?? '')?.[1],
  )
  expect(Math.abs(age - ((expires ?? 0) - scene.now().getTime()) / 1000)).toBeLessThanOrEqual(1)
  const etag = headers.get('etag') ?? ''
  expect(etag).toMatch(/^"[0-9a-f]{64}"$/)
  const again = await fetch(url, { headers: { 'If-None-Match': etag } })
  expect({ status: again.status, body: await again.text() }).toEqual({ status: 304, body: '' })
  const head = await fetch(url, { method: 'HEAD' })
  expect({ status: head.status, etag: head.headers.get('etag') }).toEqual({ status: 200, etag })
  const withNonce = await scene.request(scene.certificate(), ['-nonce'])
  const fresh = await fetch(`${scene.url}/${encodeURIComponent(withNonce.toString('base64'))}`)
  expect({ cache: fresh.headers.get('cache-control'), etag: fresh.headers.get('etag') }).toEqual({
    ...{ cache: 'no-store', etag: null },
  })
})

test('what is no OCSP request is refused, and said to be malformed where OCSP can say so', async () => {
  const { url, metrics, log, service } = await servedOcsp()
  const malformed = await fetch(`${url}/`, { method: 'POST', headers: TYPE, body: Buffer.from('not DER') })
  expect({ status: malformed.status, body: Buffer.from(await malformed.arrayBuffer()).toString('hex') }).toEqual({
    // SEQUENCE { ENUMERATED 1 } (RFC 6960, 4.2.1).
    ...{ status: 200, body: '30030a0101' },
  })
  const empty = await fetch(`${url}/`, { method: 'POST', headers: TYPE })
  expect(Buffer.from(await empty.arrayBuffer()).toString('hex')).toBe('30030a0101')
  const short = await fetch(`${url}/MAA=`)
  expect(Buffer.from(await short.arrayBuffer()).toString('hex')).toBe('30030a0101')
  const refusals: readonly (readonly [string, RequestInit, number])[] = [
    ['/', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }, 415],
    ['/', { method: 'POST', headers: TYPE, body: Buffer.alloc(1_000_000) }, 413],
    ['/', { method: 'GET' }, 404],
    ['/favicon.ico', { method: 'GET' }, 404],
    ['/%zz', { method: 'GET' }, 400],
    [`/${'M'.repeat(5000)}`, { method: 'GET' }, 404],
    ['/', { method: 'PUT', headers: TYPE, body: 'x' }, 405],
  ]
  for (const [path, init, status] of refusals) {
    const answer = await fetch(`${url}${path}`, init)
    expect([path, init.method, answer.status]).toEqual([path, init.method, status])
    expect(await answer.json()).toEqual({ message: expect.any(String) })
  }
  const text = await metrics.text({ isAvailable: true, responders: service.responders() })
  expect(text).toContain('fpki_ocsp_responses_total{outcome="malformedRequest"} 3')
  expect(text).toMatch(/fpki_ocsp_responder_expiry_seconds\{ca="local-ca\.pem"\} \d+/)
  expect(log()).toBe('')
})

test('requests in chunks, of HTTP/1.0, one after the other, and by a client that leaves', async () => {
  const { url, request, certificate, read, metrics } = await servedOcsp()
  const body = await request(certificate())
  const sizes = [20, body.length - 20].map((size) => size.toString(16))
  const chunk = (text: string | undefined, octets: Buffer) => Buffer.concat([Buffer.from(`${text}\r\n`), octets, CRLF])
  const head = 'POST / HTTP/1.1\r\nHost: ocsp\r\nContent-Type: application/ocsp-request\r\n'
  const chunks = [chunk(sizes[0], body.subarray(0, 20)), chunk(sizes[1], body.subarray(20)), Buffer.from('0\r\n\r\n')]
  const length = `Content-Length: ${body.length}\r\n`
  const whole = Buffer.concat([Buffer.from(`${head}${length}\r\n`), body])
  const port = Number(new URL(url).port)
  const ways: readonly (readonly [number, readonly Uint8Array[]])[] = [
    [1, [Buffer.from(`${head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`), ...chunks]],
    [1, [Buffer.from(`${head.replace('1.1', '1.0')}${length}\r\n`), body]],
    [2, [whole, Buffer.from(`${head}Connection: close\r\n${length}\r\n`), body]],
    [0, [whole.subarray(0, -10)]],
  ]
  for (const [answers, octets] of ways) {
    const received = await exchange(port, octets)
    const starts = [...received.toString('latin1').matchAll(/HTTP\/1\.1 200 OK[\s\S]*?\r\n\r\n/g)]
    expect(starts).toHaveLength(answers)
    const last = starts.at(-1)
    if (last !== undefined && answers === 2)
      expect(await read(body, received.subarray(last.index + last[0].length))).toContain('Response verify OK')
  }
  expect(metrics.inFlight()).toBe(0)
  expect(await metrics.text({ isAvailable: true, responders: [] })).toContain('outcome="good"} 4')
})

const CRLF = Buffer.from('\r\n')

/** Sends octets, and resolves to all that comes back; without an answer, the client leaves. */
function exchange(port: number, octets: readonly Uint8Array[]): Promise<Buffer> {
  return new Promise((resolve) => {
    const received: Buffer[] = []
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      for (const part of octets) socket.write(part)
      socket.end()
    })
    socket.on('data', (more) => received.push(more))
    socket.on('error', () => undefined).on('close', () => resolve(Buffer.concat(received)))
  })
}

test('what cannot be answered is logged', async () => {
  const { url, register, certificate, request, log } = await servedOcsp()
  const body = await request(certificate())
  register.isAway = true
  const answer = await fetch(`${url}/`, { method: 'POST', headers: TYPE, body })
  expect(Buffer.from(await answer.arrayBuffer()).toString('hex')).toBe('30030a0103')
  expect(JSON.parse(log())).toMatchObject({ event: 'request', outcome: 'tryLater', method: 'POST', from: '127.0.0.1' })
})
