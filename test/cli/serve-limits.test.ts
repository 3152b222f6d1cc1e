import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { describe, expect, test, vi } from 'vitest'
import { PATIENT } from '../support/patience.js'
import { ALL_POINTS } from '../support/points.js'
import { CERTS, SELF, type Served, serve } from '../support/served.js'
import { copiedPki } from './made.js'

/** What comes back on a connection of one's own until the server ends it. */
function raw({ port }: Served, send: (write: (text: string) => void) => void): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.on('secureConnect', () => send((more) => socket.writable && socket.write(more)))
    socket.setEncoding('latin1').on('data', (more) => {
      text += more
    })
    socket.on('error', () => undefined).on('close', () => resolve(text))
  })
}

async function onMade() {
  const made = await copiedPki()
  const server = await serve([], made.home)
  return { server, token: await server.token('--factory', 'acme'), state: () => readFile(made.stateFile, 'utf8') }
}

const rss = async ({ pid }: Served) =>
  Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

describe('an invalid request', () => {
  test('is answered with a status and message, and changes nothing', async () => {
    const { server, token, state } = await onMade()
    const before = await state()
    const json = (body: string, headers = {}) => ({ token, body, headers })
    for (const [method, path, ask, status] of [
      ['PATCH', CERTS, json('{"a'), 400],
      ['PATCH', CERTS, json('[]'), 400],
      ['PATCH', CERTS, json('null'), 400],
      ['PATCH', CERTS, json('{"tls-crt": 1}'), 400],
      ['PATCH', CERTS, json('{"__proto__": {"x": 1}}'), 400],
      ['PATCH', CERTS, json('{"tls-crt": "x"}'), 400],
      ['PATCH', CERTS, { token }, 400],
      ['POST', CERTS, json('{"first-time-init": true}'), 400],
      ['POST', CERTS, json('[[[['.repeat(100_000)), 400],
      ['POST', CERTS, json('{}', { 'Content-Type': 'application/x-www-form-urlencoded' }), 415],
      ['POST', CERTS, json('{}', { 'Content-Type': 'text/plain' }), 415],
      ['PATCH', CERTS, json(`{"tls-crt": "${'x'.repeat(1024 * 1024)}"}`), 413],
      ['PUT', CERTS, json('{}'), 405],
      ['DELETE', CERTS, { token }, 405],
      ['POST', SELF, json('{}'), 405],
      ['GET', '/ota/factories/acme/certs', { token }, 404],
      ['GET', '/ota/factories/acme/users/nobody/', { token }, 404],
      ['GET', '/ota/factories/%zz/certs/', { token }, 400],
      ['GET', '/', {}, 404],
    ] as const) {
      const answer = await server.ask(method, path, ask)
      expect({ method, path, status: answer.status, text: answer.text }).toMatchObject({ method, path, status })
      expect(answer.text).toMatch(/"(msg|message)":"/)
    }
    expect(await state()).toBe(before)
    expect((await server.ask('GET', CERTS, { token })).status).toBe(200)
  })

  test('times out: slow head, slow body, no HTTP', async () => {
    const { server, token } = await onMade()
    const began = performance.now()
    const head = `PATCH ${CERTS} HTTP/1.1\r\nHost: x\r\nOSF-TOKEN: ${token}\r\n`
    const [slowHead, slowBody, none] = await Promise.all([
      raw(server, (write) => write(head)),
      raw(server, (write) => write(`${head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{`)),
      raw(server, (write) => write('\0\0\0\r\n\r\n')),
    ])
    expect(performance.now() - began).toBeLessThan(120_000)
    expect([slowHead, slowBody, none].map((text) => text.slice(9, 12))).toEqual(['408', '408', '400'])
    expect((await server.ask('GET', CERTS, { token })).status).toBe(200)
  })

  test('with a head of 20 kB gets 431', async () => {
    const { server } = await onMade()
    const text = await raw(server, (write) => write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`))
    expect(text.slice(9, 12)).toBe('431')
  })
})

/** Requests before memory is measured, and between the measurements. */
const [WARM_UP, ROUND] = ALL_POINTS ? [800, 300] : [200, 100]

test('many requests, some of them malformed, leave no trace', async () => {
  const { server, token, state } = await onMade()
  const before = await state()
  const statuses = new Map<number, number>()
  const rounds = async (count: number) => {
    for (let at = 0; at < count; at += 50) {
      const one = (index: number) =>
        index % 25 === 0 ? server.ask('PATCH', CERTS, { token, body: '{"a' }) : server.ask('GET', CERTS, { token })
      for (const { status } of await Promise.all(Array.from({ length: 50 }, (_, index) => one(index))))
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  await rounds(WARM_UP)
  const sizes = [await rss(server)]
  for (let round = 0; round < 4; round++) {
    await rounds(ROUND)
    sizes.push(await rss(server))
  }
  // What leaks grows in each round; what the garbage collector has not come to yet, on a busy machine, in some.
  expect(Math.min(...sizes.slice(1).map((size, at) => size - (sizes[at] ?? 0)))).toBeLessThan(8)
  const count = WARM_UP + 4 * ROUND
  expect(Object.fromEntries(statuses)).toEqual({ 200: (count * 24) / 25, 400: count / 25 })
  expect(await state()).toBe(before)
})

test('a change by another process is visible at once, even under load', async () => {
  const { server, token } = await onMade()
  const load = { on: true }
  const busy = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (load.on) await server.ask('GET', CERTS, { token })
    }),
  )
  for (let round = 0; round < 3; round++) {
    const { status } = await server.home.fpki(['ca', 'rotate-tls', join(server.home.path, 'acme')])
    expect(status).toBe(0)
    const { text } = await server.ask('GET', CERTS, { token })
    expect(JSON.parse(text)['tls-crt']).toBe(await readFile(join(server.home.path, 'acme', 'tls-crt'), 'utf8'))
  }
  load.on = false
  await busy
})

test('an invalid state file causes a 500 without details; the log has them', async () => {
  const { server, token } = await onMade()
  const { writeFile } = await import('node:fs/promises')
  await writeFile(join(server.home.state, 'factories', 'acme', 'factory.json'), '{"version": 2}')
  const { status, text } = await server.ask('GET', CERTS, { token })
  expect({ status, text }).toEqual({ status: 500, text: '{"msg":"internal server error; see the log of the server"}' })
  await vi.waitFor(() => expect(server.log()).toContain('"code":"ERR_BAD_FILE"'), PATIENT)
})

test('log, metrics, responses, --verbose and process arguments contain no secrets', async () => {
  const { server, token } = await onMade()
  const [, id = ''] = token.split('_')
  const wrong = `fpki_${id}_${'w'.repeat(43)}`
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const secretBody = `grant_type=client_credentials&client_id=${id}&client_secret=${token}`
  const granted = JSON.parse((await server.ask('POST', '/oauth/token/', { headers: form, body: secretBody })).text)
  const bearer = Buffer.from(granted.access_token).toString('base64')
  const said: string[] = []
  for (const ask of [
    { token },
    { token: wrong },
    { headers: { Authorization: `Bearer ${bearer}` } },
    { token, body: `{"tls-crt": "${token}"}` },
    { token, body: `{"${token}` },
  ]) {
    for (const path of [CERTS, `${CERTS}?token=${token}`, `/${token}`, `/ota/factories/${token}/certs/`])
      said.push((await server.ask('body' in ask ? 'PATCH' : 'GET', path, ask)).text)
  }
  said.push((await server.ask('GET', '/metrics')).text, (await server.ask('GET', '/healthz')).text)
  const client = server.client(token)
  const cli = client.run(['api', 'ping', '--verbose', '--factory', 'elsewhere'], {
    onStart: ({ pid }) => void readFile(`/proc/${pid}/cmdline`, 'utf8').then((line) => said.push(line)),
  })
  const { stdout, stderr, status } = await cli
  expect(status).toBe(4)
  said.push(stdout, stderr, await readFile(`/proc/${server.pid}/cmdline`, 'utf8'), server.log(), server.said())
  const key = await readFile(join(server.home.state, 'api', 'oauth.key'), 'utf8')
  const text = said.join('\n')
  for (const secret of [
    token.slice(-43),
    'w'.repeat(43),
    granted.access_token,
    granted.refresh_token,
    bearer,
    key.trim(),
  ])
    expect(text.includes(secret)).toBe(false)
  const lines = server.log().trimEnd().split('\n')
  expect(lines.length).toBeGreaterThan(20)
  for (const line of lines)
    expect(JSON.parse(line)).toMatchObject({ time: expect.stringMatching(/Z$/), level: expect.any(String) })
})
