import { describe, expect, test } from 'vitest'
import type { CertificatesUpdate } from '../../src/factory/api.js'
import type { Fault } from '../support/factory-server.js'
import { newRoot } from '../support/issue.js'
import { csrOf, pemOf, signed } from './support/embedded.js'
import { overHttp, TOKEN } from './support/http.js'

const FIRST = { firstTimeInit: true, kinds: ['tls', 'ca'] } as const
const certsPath = expect.stringMatching(/^\/ota\/factories\/acme\/certs\/$/)

async function rootUpdate(): Promise<CertificatesUpdate> {
  return { rootCrt: pemOf((await newRoot()).certificate) }
}

function methods({ seen }: { readonly seen: readonly { readonly method: string }[] }): string {
  return seen.map(({ method }) => method).join(' ')
}

test('behaves like the API that the server serves', async () => {
  const { api, behind, server } = await overHttp()
  expect(await api.getCertificates()).toBeNull()
  expect(await api.getUser()).toEqual(await behind.getUser())
  const csrs = await api.requestCsrs(FIRST)
  expect(csrs).toEqual(await behind.requestCsrs(FIRST))
  const root = await newRoot()
  const tlsCrt = await signed(await csrOf(api, 'tls'), 'tls', root)
  await api.updateCertificates({ rootCrt: pemOf(root.certificate), tlsCrt })
  expect(await api.getCertificates()).toEqual(await behind.getCertificates())
  expect(await api.getCertificates()).toMatchObject({ tlsCrt })
  const [get] = server.seen
  expect(get).toMatchObject({
    method: 'GET',
    path: certsPath,
    headers: { 'osf-token': TOKEN, 'user-agent': 'fpki/test' },
  })
  const post = server.seen.find(({ method }) => method === 'POST')
  expect(post?.headers['content-type']).toBe('application/json')
  const order = { 'first-time-init': true, 'ca-csr': true, 'tls-csr': true, 'est-tls-csr': false }
  expect(JSON.parse(post?.body ?? '')).toEqual(order)
})

describe('a refusal of the server', () => {
  test.each([
    [401, { msg: 'bad token' }, '401 Unauthorized: bad token', 'fpki login'],
    [403, { message: 'not yours' }, '403 Forbidden: not yours', 'scopes'],
    [404, {}, '404 Not Found.', 'fpki config show'],
    [409, { msg: 'is set' }, '409 Conflict: is set', 'fpki ca show --pretty'],
    [422, { errors: ['one', 'two'] }, '422 Unprocessable Entity: one; two', 'run the same command again'],
    [
      400,
      { msg: 'bad', errors: { 'ca-crt': 'no CA' } },
      '400 Bad Request: bad; ca-crt: no CA',
      'Correct what it reports',
    ],
    [500, '<html>', '500 Internal Server Error.', 'The server failed'],
  ])('%i %j is reported with its effect and a hint', async (status, body, said, hint) => {
    const { api, server } = await overHttp()
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    server.faults.push({ method: 'GET', times: 9, fault: { kind: 'answer', status, body: text } })
    const error = await api.getCertificates().catch((caught) => caught)
    expect(error).toMatchObject({ code: 'ERR_API', status, message: expect.stringContaining(said) })
    expect(error.message).toContain(server.url)
    expect(error.hint).toMatch(/^Nothing was changed there\./)
    expect(error.hint).toContain(hint)
    expect(methods(server)).toBe('GET')
  })

  test('of a change is reported, and not retried', async () => {
    const { api, behind, server } = await overHttp()
    await api.updateCertificates(await rootUpdate())
    const known = await behind.getCertificates()
    await expect(api.updateCertificates(await rootUpdate())).rejects.toMatchObject({ status: 409 })
    expect(await behind.getCertificates()).toEqual(known)
    expect(methods(server)).toBe('PATCH PATCH')
  })

  test('that repeats the token does not bring it into the message', async () => {
    const { api, server } = await overHttp()
    const body = JSON.stringify({ msg: `token ${TOKEN} is wrong` })
    server.faults.push({ method: 'GET', times: 1, fault: { kind: 'answer', status: 401, body } })
    const error = await api.getCertificates().catch((caught) => caught)
    expect(error.message).toContain('token *** is wrong')
  })
})

describe('an invalid response:', () => {
  const answer = (body: string, headers?: Record<string, string>): Fault => ({
    ...{ kind: 'answer', status: 200, body },
    ...(headers === undefined ? {} : { headers }),
  })
  test.each([
    ['HTML', answer('<html>', { 'Content-Type': 'text/html' }), 'not a JSON object (text/html)'],
    ['a list', answer('[]'), 'not a JSON object'],
    ['a member of the wrong kind', answer('{"root-crt": 1}'), '"root-crt" is missing or has the wrong type'],
    ['50 MB', answer(`{"root-crt": "${'x'.repeat(50_000_000)}"}`), 'larger than 1 MiB'],
    [
      'a redirect to another host',
      { ...answer('', { Location: 'https://evil.example/x?y' }), status: 302 } as Fault,
      'redirected GET certs to evil.example (302 Found)',
    ],
  ])('%s', async (_, fault, said) => {
    const { api, server } = await overHttp()
    server.faults.push({ method: 'GET', times: 1, fault })
    const error = await api.getCertificates().catch((caught) => caught)
    expect(error).toMatchObject({ code: 'ERR_API', message: expect.stringContaining(said) })
    expect(methods(server)).toBe('GET')
    expect(await api.getCertificates()).toBeNull()
  })

  test('a requested CSR is missing', async () => {
    const { api, server } = await overHttp()
    server.faults.push({ method: 'POST', times: 1, fault: { ...answer('{"tls-csr": "x"}'), status: 201 } as Fault })
    await expect(api.requestCsrs(FIRST)).rejects.toThrow('"ca-csr" is missing')
  })

  test('a slow body', async () => {
    const { again, server, waits } = await overHttp()
    server.faults.push({ method: 'GET', times: 9, fault: { kind: 'slow' } })
    const message = expect.stringContaining('the request timed out')
    await expect(again({ timeoutMilliseconds: 150 }).getCertificates()).rejects.toMatchObject({ status: 0, message })
    // A busy machine may not even connect in that time; it is tried as often.
    expect(waits).toEqual([250, 500, 1000])
  })
})

describe('the server’s certificate', () => {
  test.each([
    ['expired', 'its certificate has expired'],
    ['other-host', 'its certificate is for another host'],
  ] as const)('%s: nothing is sent', async (tls, said) => {
    const { api, server, waits } = await overHttp(tls)
    await expect(api.getCertificates()).rejects.toMatchObject({ status: 0, message: expect.stringContaining(said) })
    expect(server.seen).toEqual([])
    expect(waits).toEqual([])
  })

  test('of an unknown CA: nothing is sent, unless any certificate is accepted', async () => {
    const { again, server } = await overHttp()
    const hint = expect.stringContaining('CACERT')
    await expect(again({ extraRoots: null }).getCertificates()).rejects.toMatchObject({ status: 0, hint })
    expect(server.seen).toEqual([])
    expect(await again({ extraRoots: null, insecure: true }).getCertificates()).toBeNull()
  })
})

describe('reading', () => {
  test.each([429, 502, 503, 504])('is retried after %i, with growing waits', async (status) => {
    const { api, server, waits } = await overHttp()
    server.faults.push({ method: 'GET', times: 3, fault: { kind: 'answer', status, body: '' } })
    expect(await api.getCertificates()).toBeNull()
    expect(waits).toEqual([250, 500, 1000])
  })

  test('waits as long as Retry-After requests, in seconds or until a date', async () => {
    const { api, server, waits } = await overHttp()
    for (const after of ['7', 'Mon, 23 Nov 2026 09:44:05 GMT']) {
      const headers = { 'Retry-After': after }
      server.faults.push({ method: 'GET', times: 1, fault: { kind: 'answer', status: 429, body: '', headers } })
    }
    expect(await api.getCertificates()).toBeNull()
    expect(waits).toEqual([7000, 10_000])
  })

  test('fails immediately when it should wait for an hour', async () => {
    const { api, server } = await overHttp()
    const headers = { 'Retry-After': '3600' }
    server.faults.push({ method: 'GET', times: 1, fault: { kind: 'answer', status: 429, body: '', headers } })
    await expect(api.getCertificates()).rejects.toMatchObject({ status: 429 })
    expect(methods(server)).toBe('GET')
  })

  test('is retried after a closed connection, and fails after four', async () => {
    const { api, server } = await overHttp()
    server.faults.push({ method: 'GET', times: 2, fault: { kind: 'cut-before' } })
    server.faults.push({ method: 'GET', times: 1, fault: { kind: 'cut-during' } })
    expect(await api.getCertificates()).toBeNull()
    server.faults.push({ method: 'GET', times: 9, fault: { kind: 'cut-before' } })
    await expect(api.getCertificates()).rejects.toMatchObject({ status: 0 })
    expect(server.seen.length).toBe(8)
  })

  test('from a server that is down fails with the reason', async () => {
    const { again } = await overHttp()
    const message = expect.stringContaining('connection refused')
    await expect(again({ url: 'https://127.0.0.1:1' }).getCertificates()).rejects.toMatchObject({ status: 0, message })
  })
})

describe('a change whose response is lost', () => {
  test.each(['cut-after', 'cut-during', 'slow'] as const)('%s: is detected by reading back', async (kind) => {
    const { again, behind, server } = await overHttp()
    const update = await rootUpdate()
    server.faults.push({ method: 'PATCH', times: 1, fault: { kind } })
    await again({ timeoutMilliseconds: 2_000 }).updateCertificates(update)
    expect((await behind.getCertificates())?.rootCrt).toBe(update.rootCrt)
    expect(methods(server)).toMatch(/^PATCH( GET)+$/)
  })

  test('because of a 504 or a proxy’s page, too', async () => {
    for (const fault of [
      { kind: 'answer', status: 504, body: '', works: true },
      { kind: 'answer', status: 200, body: '<html>', works: true },
    ] as const) {
      const { api, behind, server } = await overHttp()
      server.faults.push({ method: 'PATCH', times: 1, fault })
      const update = await rootUpdate()
      await api.updateCertificates(update)
      expect((await behind.getCertificates())?.rootCrt).toBe(update.rootCrt)
      expect(server.seen.filter(({ method }) => method === 'PATCH').length).toBe(1)
    }
  })

  test('to a proxy’s page instead of the work: is not a refusal', async () => {
    const { api, server } = await overHttp()
    server.faults.push({ method: 'PATCH', times: 1, fault: { kind: 'answer', status: 200, body: '<html>' } })
    const message = expect.stringContaining('Invalid response to PATCH certs')
    const hint = expect.stringMatching(/^Nothing was changed there\./)
    await expect(api.updateCertificates(await rootUpdate())).rejects.toMatchObject({ message, hint })
  })

  test('before the work: is sent again after checking that it had no effect', async () => {
    const { api, behind, server } = await overHttp()
    server.faults.push({ method: 'PATCH', times: 1, fault: { kind: 'cut-before' } })
    const update = await rootUpdate()
    await api.updateCertificates(update)
    expect((await behind.getCertificates())?.rootCrt).toBe(update.rootCrt)
    expect(methods(server)).toBe('PATCH GET PATCH')
  })

  test('and cannot be read back: is not sent again, and reported as unknown', async () => {
    const { api, server } = await overHttp()
    server.faults.push({ method: 'PATCH', times: 1, fault: { kind: 'cut-after' } })
    server.faults.push({ method: 'GET', times: 99, fault: { kind: 'cut-before' } })
    const hint = expect.stringContaining('Whether it accepted the certificates is unknown')
    await expect(api.updateCertificates(await rootUpdate())).rejects.toMatchObject({ status: 0, hint })
    expect(server.seen.filter(({ method }) => method === 'PATCH').length).toBe(1)
  })

  test('a 500 without an effect is reported as such', async () => {
    const { api, server } = await overHttp()
    server.faults.push({ method: 'PATCH', times: 1, fault: { kind: 'answer', status: 500, body: '{}' } })
    const hint = expect.stringMatching(/^Nothing was changed there\./)
    await expect(api.updateCertificates(await rootUpdate())).rejects.toMatchObject({ status: 500, hint })
    expect(methods(server)).toBe('PATCH GET')
  })
})

test('CSRs whose response is lost are requested again when the server is reachable', async () => {
  const { api, behind, server } = await overHttp()
  server.faults.push({ method: 'POST', times: 1, fault: { kind: 'cut-after' } })
  expect(await api.requestCsrs(FIRST)).toEqual(await behind.requestCsrs(FIRST))
  expect(methods(server)).toBe('POST GET POST')
})

describe('the version of the certificates', () => {
  test('is sent as If-Match, and a mismatch is refused without a change', async () => {
    const { api, behind, server } = await overHttp()
    const root = await newRoot()
    await api.updateCertificates({ rootCrt: pemOf(root.certificate) })
    const { version = null } = (await api.getCertificates()) ?? {}
    expect(version).toMatch(/^"/)
    const tlsCrt = await signed(await csrOf(api, 'tls'), 'tls', root)
    await api.updateCertificates({ tlsCrt }, version)
    expect(server.seen.at(-1)?.headers['if-match']).toBe(version)
    const refused = api.updateCertificates({ tlsCrt: 'x' }, version)
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_API',
      status: 412,
      hint: expect.stringContaining('again'),
    })
    expect((await behind.getCertificates())?.tlsCrt).toBe(tlsCrt)
  })

  test.each(['W/"weak"', 'bare', '"', '"with\tcontrol"', `"${'x'.repeat(300)}"`])(
    'is not %s, which no server may match',
    async (etag) => {
      const { api, server } = await overHttp()
      const body = JSON.stringify({ 'root-crt': 'x' })
      server.faults.push({
        method: 'GET',
        times: 1,
        fault: { kind: 'answer', status: 200, body, headers: { ETag: etag } },
      })
      expect((await api.getCertificates())?.version).toBeNull()
    },
  )
})
