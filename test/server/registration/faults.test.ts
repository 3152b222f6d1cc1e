import { connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { PATIENT } from '../../support/patience.js'
import { ALL_POINTS } from '../../support/points.js'
import { send } from '../../support/register-client.js'
import { ISSUED, type RegistrationScene, registrationScene, TOKEN, UUID } from './scene.js'

const BODY = JSON.stringify({ csr: 'x' })
const HEAD = `POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nOSF-TOKEN: ${TOKEN}\r\n`

test.each([
  ['no JSON', '{"csr', 400, 'not valid JSON'],
  ['nothing', '', 400, 'it is not valid JSON'],
  ['a list', '[]', 400, 'must be a JSON object'],
  ['null', 'null', 400, 'must be a JSON object'],
  ['without a request', '{}', 400, 'csr: it must be PEM text'],
  ['a request that is a number', '{"csr": 1}', 400, 'csr: it must be PEM text'],
  ['a request that is an object', '{"csr": {}}', 400, 'csr: it must be PEM text'],
  ['a long name', `{"csr": "x", "name": "${'n'.repeat(257)}"}`, 400, 'name: it is longer'],
  ['a name with a newline', '{"csr": "x", "name": "a\\nb"}', 400, 'name: it has unprintable characters'],
  ['a relative folder', '{"csr": "x", "sota-config-dir": "var"}', 400, 'sota-config-dir: it is not an absolute'],
  ['a folder with a newline', '{"csr": "x", "sota-config-dir": "/a\\nb"}', 400, 'unprintable characters'],
  ['an odd boolean', '{"csr": "x", "use-ostree-server": "yes"}', 400, 'use-ostree-server: it is neither'],
  ['overrides as text', '{"csr": "x", "overrides": "a"}', 400, 'overrides: it must be an object'],
  ['a section as text', '{"csr": "x", "overrides": {"a": "b"}}', 400, 'overrides: a section must be'],
  [
    'a value that is a number',
    '{"csr": "x", "overrides": {"a": {"b": 1}}}',
    400,
    'overrides: the values must be strings',
  ],
  ['deep lists', `{"csr": ${'['.repeat(8000)}${']'.repeat(8000)}}`, 400, 'nested too deeply'],
  ['deep objects', `${'{"a":'.repeat(2500)}1${'}'.repeat(2500)}`, 400, 'nested too deeply'],
  ['deep and open', '['.repeat(16_000), 400, 'not valid JSON'],
  ['__proto__', '{"csr": "x", "__proto__": {"uuid": "y"}}', 400, 'a reserved name'],
  ['__proto__ in escapes', '{"csr": "x", "\\u005f_proto__": {}}', 400, 'a reserved name'],
  ['constructor in a section', '{"csr": "x", "overrides": {"constructor": {"a": "b"}}}', 400, 'a reserved name'],
  ['a member twice', '{"csr": "x", "csr": "y"}', 400, 'a member twice'],
  ['a member twice, once in escapes', '{"csr": "x", "cs\\u0072": "y"}', 400, 'a member twice'],
  ['a value that is no TOML', '{"csr": "x", "overrides": {"a": {"b": "1\\nc = 2"}}}', 400, 'overrides: '],
  ['an override twice', '{"csr": "x", "overrides": {"a": {"b": "1", "b": "2"}}}', 400, 'a member twice'],
  ['bad UTF-8', Buffer.from('7b22637372223a22ff227d', 'hex'), 400, 'not valid JSON'],
  ['10 MB', Buffer.alloc(10_000_000, 'a'), 413, 'larger than 16 kB'],
  ['a little more than 16 kB', `{"csr": "${'x'.repeat(16 * 1024)}"}`, 413, 'larger than 16 kB'],
] as const)('a body with %s is refused', async (_, body, status, message) => {
  const { post, service } = await registrationScene()
  const answer = await post(body).catch((error: NodeJS.ErrnoException) => {
    // The server closed the connection before all of a large body was sent.
    expect(error.code).toMatch(/EPIPE|ECONNRESET/)
    return null
  })
  if (answer !== null) {
    expect(answer.status).toBe(status)
    const said = JSON.parse(answer.text)
    expect(said.message).toContain(message)
    expect(Object.keys(said).filter((name) => name !== 'errors')).toEqual(['message'])
  } else expect(status).toBe(413)
  expect(service.requests).toEqual([])
})

test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json-patch+json', 'nonsense', ''])(
  'the content type %j is refused with 415',
  async (type) => {
    const { url, service } = await registrationScene()
    const headers = { 'OSF-TOKEN': TOKEN, ...(type === '' ? {} : { 'Content-Type': type }) }
    const { status, text } = await send({ api: url, headers }, { method: 'POST', path: '/sign', body: BODY })
    expect({ status, text: JSON.parse(text) }).toEqual({
      status: 415,
      text: { message: 'the body must be application/json' },
    })
    expect(service.requests).toEqual([])
  },
)

test('a content type with parameters, a body in chunks, and `Expect: 100-continue` are accepted', async () => {
  const { raw, post } = await registrationScene()
  expect((await post(BODY, { headers: { 'Content-Type': 'Application/JSON; charset=utf-8' } })).status).toBe(201)
  const close = 'Connection: close\r\n'
  expect(await raw(`${HEAD}${close}Transfer-Encoding: chunked\r\n\r\nc\r\n{"csr": "x"}\r\n0\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 201/,
  )
  const expecting = await raw(`${HEAD}${close}Expect: 100-continue\r\nContent-Length: 12\r\n\r\n{"csr": "x"}`)
  expect(expecting).toMatch(/^HTTP\/1.1 100 [\s\S]*HTTP\/1.1 201/)
})

test('the body of a stranger is not read', async () => {
  const { raw, service } = await registrationScene()
  const head = 'POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 12\r\n'
  expect(await raw(`${head}Connection: close\r\n\r\n{"cs`)).toMatch(/^HTTP\/1.1 401/)
  expect(service.requests).toEqual([])
})

test('errors of the HTTP layer have a JSON body with a message', async () => {
  const { raw } = await registrationScene()
  for (const [request, status] of [
    ['POST /sign HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['nonsense\r\n\r\n', 400],
    [`GET /sign HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['PUT /sign HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 405],
    ['GET /elsewhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 404],
  ] as const) {
    const [head = '', body = ''] = (await raw(request)).split('\r\n\r\n')
    expect({ request, status: Number(head.split(' ')[1]) }).toEqual({ request, status })
    expect(Object.keys(JSON.parse(body))).toEqual(['message'])
  }
})

test('a client that sends slowly gets 408, and does not hold up others', async () => {
  const { raw, post } = await registrationScene()
  const slow = Promise.all([
    raw(HEAD),
    raw(`${HEAD}Content-Length: 100\r\n\r\n{`),
    ...Array.from({ length: 20 }, () => raw('P')),
    raw(''),
  ])
  expect((await post(BODY)).status).toBe(201)
  expect(new Set((await slow).map((text) => text.slice(9, 12)))).toEqual(new Set(['408']))
}, 120_000)

test('many idle connections do not keep others out', async () => {
  const { port, post, raw } = await registrationScene()
  const idle = await idleConnections(port, ALL_POINTS ? 2000 : 200)
  expect((await post(BODY)).status).toBe(201)
  expect(await raw('GET /sign HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 200/)
  for (const socket of idle) socket.destroy()
})

function idleConnections(port: number, count: number) {
  const one = () =>
    new Promise<ReturnType<typeof connect>>((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => resolve(socket))
      socket.on('error', reject)
    })
  return Promise.all(Array.from({ length: count }, one))
}

/** Sends a registration on a connection of its own, which the caller may cut. */
function begin({ port }: RegistrationScene) {
  const socket = connect({ port, host: '127.0.0.1' })
  let text = ''
  socket.setEncoding('utf8').on('data', (more) => {
    text += more
  })
  const ended = new Promise<string>((resolve) => socket.on('error', () => undefined).on('close', () => resolve(text)))
  socket.write(`${HEAD}Content-Length: ${BODY.length}\r\n\r\n${BODY}`)
  return { socket, ended }
}

function gate() {
  let open: () => void = () => undefined
  return { until: new Promise<void>((resolve) => (open = resolve)), open: () => open() }
}

test('a client that leaves in the middle is registered all the same, and logged', async () => {
  const scene = await registrationScene()
  const { until, open } = gate()
  scene.service.until = until
  const { socket } = begin(scene)
  await vi.waitFor(() => expect(scene.service.requests.length).toBe(1), PATIENT)
  socket.destroy()
  await vi.waitFor(() => expect(scene.log()).toContain('"status":0'), PATIENT)
  open()
  await vi.waitFor(
    async () => expect(await scene.metrics()).toContain('fpki_registrations_total{line="site-a",outcome="issued"} 1'),
    PATIENT,
  )
  const line = expect.objectContaining({ event: 'client left', uuid: UUID, code: 'issued', line: 'site-a' })
  expect(
    scene
      .log()
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text)),
  ).toContainEqual(line)
  expect((await scene.post(BODY)).status).toBe(201)
})

test('closing answers what was accepted, and refuses new connections', async () => {
  const scene = await registrationScene()
  const { until, open } = gate()
  scene.service.until = until
  const begun = [begin(scene), begin(scene)]
  await vi.waitFor(() => expect(scene.service.requests.length).toBe(2), PATIENT)
  const closed = scene.close()
  await vi.waitFor(() => expect(scene.post(BODY)).rejects.toThrow('ECONNREFUSED'), PATIENT)
  open()
  for (const { ended } of begun) expect(await ended).toMatch(/^HTTP\/1.1 201/)
  await closed
})

test('log, metrics and answers have no secrets', async () => {
  const { post, url, service, log, metrics } = await registrationScene()
  const [secret, wrong, csr] = [TOKEN.slice(-20), 'a-wrong-token-of-a-client', 'MIIBMjCB2QIBADA']
  const said: string[] = []
  const ask = async (path: string, headers: Record<string, string>, body: string) => {
    said.push((await post(body, { path, headers })).text)
  }
  const outcomes = [
    ISSUED,
    new Error('a bug'),
    { kind: 'refused', uuid: UUID, code: 'quota', reason: 'used up' },
  ] as const
  for (const outcome of outcomes) {
    service.outcome = outcome
    for (const path of ['/sign', `/sign?token=${wrong}`, `/${wrong}`, `/ota/devices/?csr=${csr}`]) {
      await ask(path, {}, JSON.stringify({ csr, name: wrong }))
      await ask(path, { 'OSF-TOKEN': wrong }, JSON.stringify({ csr }))
      await ask(path, { 'OSF-TOKEN': '', Authorization: `Bearer ${wrong}` }, JSON.stringify({ csr }))
      await ask(path, {}, `{"${wrong}`)
      await ask(path, {}, JSON.stringify({ csr: [csr], uuid: wrong.repeat(9) }))
    }
  }
  const all = [...said, log(), await metrics(), url].join('\n')
  for (const one of [secret, wrong, csr]) expect(all.includes(one)).toBe(false)
  for (const line of log().trim().split('\n')) expect(line.length).toBeLessThan(2000)
})
