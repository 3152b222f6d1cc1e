import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { describe, expect, test, vi } from 'vitest'
import { type Ended, newHome, output } from '../support/cli.js'
import { newKey } from '../support/company.js'
import { DAMAGES, damageKey, partsOf, pkcs8Pem } from '../support/damaged-key.js'
import { listeningManager } from '../support/listening-manager.js'
import { PATIENT } from '../support/patience.js'
import { parsePrometheus } from '../support/prometheus.js'
import { CERTS, SELF, type Served, serve } from '../support/served.js'
import { transcript } from '../support/transcript.js'

async function done(ended: Promise<Ended>): Promise<string> {
  const { status, stdout, stderr } = await ended
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

test('every command works with a server in another process', async () => {
  const server = await serve()
  const { home, run } = server.client(await server.token('--factory', 'acme'))
  await mkdir(home.path)
  const directory = join(home.path, 'acme')
  const show = async () => JSON.parse(await done(run(['ca', 'show', '--json'])))
  const cas = join(home.path, 'cas.pem')
  await done(run(['ca', 'create', directory]))
  const { api, root, deviceCas } = await show()
  expect(api).toBe(server.url)
  expect(root.pem).toBe(await readFile(join(directory, 'factory_ca.pem'), 'utf8'))
  expect(deviceCas.length).toBe(2)
  expect(JSON.parse(await done(run(['api', 'ping', '--json'])))).toMatchObject({ api: server.url, isSet: true })
  await done(run(['ca', 'add-device-ca', directory, '--local-ca', '--local-ca-filename', 'site-b.pem']))
  await done(run(['ca', 'rotate-tls', directory]))
  await done(run(['est', 'authorize', directory]))
  expect(JSON.parse(await done(run(['est', 'show', '--json']))).estTls.pem).toContain('CERTIFICATE')
  await done(run(['ca', 'disable-device-ca', directory, '--ca-file', 'site-b', '--yes']))
  expect((await show()).disabledCaSerials.length).toBe(1)
  await done(run(['ca', 'enable-device-ca', directory, '--ca-file', 'site-b', '--yes']))
  expect((await show()).disabledCaSerials).toEqual([])
  await done(run(['ca', 'revoke-device-ca', directory, '--ca-file', 'site-b', '--yes']))
  expect((await show()).deviceCas.length).toBe(2)
  await writeFile(cas, await done(run(['ca', 'show', '--just-device-cas'])))
  await done(run(['ca', 'update', cas, '--yes']))
  await writeFile(join(home.path, 'server.csr'), await newCsr(home.path))
  expect(await done(run(['ca', 'sign', join(home.path, 'server.csr'), '--pki-dir', directory]))).toContain(
    'CERTIFICATE',
  )
  await done(run(['ca', 'verify', directory, '--json']))
  expect(JSON.parse(await done(run(['ca', 'status', directory, '--json']))).pkis[0].problems).toEqual([])
})

async function newCsr(folder: string): Promise<string> {
  const key = join(folder, 'server.key')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await writeFile(key, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const subject = ['-subj', '/OU=acme/CN=x.example', '-addext', 'subjectAltName=DNS:x.example']
  return output('openssl', ['req', '-new', '-key', key, ...subject])
}

describe('the certificate of the server', () => {
  test('is trusted by curl and OpenSSL with the printed CA file, and is kept', async () => {
    const server = await serve(['--tls-name', 'factory.example'])
    const { said: words, url, port, trust, home } = server
    expect(words()).toContain(`CACERT=${trust}`)
    const [, said] = /SHA-256 ([0-9a-f]{64})/.exec(words()) ?? []
    const printed = await output('openssl', ['x509', '-in', trust, '-noout', '-fingerprint', '-sha256'])
    expect(printed.trim().split('=')[1]?.replaceAll(':', '').toLowerCase()).toBe(said)
    for (const host of ['127.0.0.1', 'localhost', 'factory.example']) {
      const resolved = ['--resolve', `${host}:${port}:127.0.0.1`]
      const words = ['-sS', '--cacert', trust, ...resolved, `https://${host}:${port}/healthz`]
      expect(JSON.parse(await output('curl', words))).toEqual({ status: 'ok' })
    }
    for (const name of ['server.key', 'server.pem', 'ca.pem', 'oauth.key'])
      expect((await stat(join(home.state, 'api', name))).mode & 0o777).toBe(0o600)
    const own = join(home.state, 'api', 'server.pem')
    const clientBehind = ['-attime', String(Math.floor(Date.now() / 1000) - 3000)]
    const verified = await output('openssl', ['verify', '-x509_strict', ...clientBehind, '-CAfile', trust, own])
    expect(verified).toBe(`${own}: OK\n`)
    for (const file of [trust, own]) {
      const text = await output('openssl', ['x509', '-in', file, '-noout', '-ocspid', '-ext', 'subjectKeyIdentifier'])
      const [, hash] = /^ *Public key OCSP hash: (.*)$/m.exec(text) ?? []
      expect(text.replaceAll(':', '')).toContain(`\n    ${hash}\n`)
    }
    const before = await readFile(trust, 'utf8')
    expect(url).toBe(`https://127.0.0.1:${port}`)
    expect(await server.stop()).toEqual({ status: 0, signal: null })
    const again = await serve(['--tls-name', 'other.example'], home)
    expect(await readFile(again.trust, 'utf8')).toBe(before)
    expect(again.said()).toContain('lacks the names other.example')
  })

  test('is signed with a key that was not stored', async () => {
    const { home, trust } = await serve()
    const spki = async (words: readonly string[]) => output('openssl', [...words, '-pubout'])
    const ofCa = await output('openssl', ['x509', '-in', trust, '-noout', '-pubkey'])
    expect(await spki(['ec', '-in', join(home.state, 'api', 'server.key')])).not.toBe(ofCa)
  })
})

test('--tls-cert is served; one that does not match its key is refused', async () => {
  const home = await newHome()
  const pair = async (name: string) => {
    const [key, cert] = [join(home.path, `${name}.key`), join(home.path, `${name}.pem`)]
    const names = ['-subj', '/CN=own', '-addext', 'subjectAltName=IP:127.0.0.1']
    await output('openssl', [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      ...names,
      '-keyout',
      key,
      '-out',
      cert,
    ])
    return { key, cert }
  }
  const [own, other] = [await pair('own'), await pair('other')]
  const server = await serve(['--tls-cert', own.cert, '--tls-key', own.key], home)
  expect(await output('curl', ['-sS', '--cacert', own.cert, `${server.url}/healthz`])).toContain('ok')
  expect(server.said()).not.toContain('CACERT')
  const damaged = join(home.path, 'damaged.key')
  const parts = partsOf(await readFile(own.key, 'utf8'))
  await writeFile(damaged, pkcs8Pem(DAMAGES['a flipped bit in the scalar']?.(parts) ?? parts))
  const words = ['api', 'serve', '--listen', '127.0.0.1:0', '--tls-cert', own.cert, '--tls-key', damaged]
  const refused = await home.fpki(words)
  expect({ status: refused.status, stderr: refused.stderr }).toEqual({
    status: 6,
    stderr: expect.stringMatching(/damaged\.key is damaged.*\[ERR_BAD_KEY\]/),
  })
  const wrong = await home.fpki(['api', 'serve', '--tls-cert', own.cert, '--tls-key', other.key])
  expect({ status: wrong.status, stderr: wrong.stderr }).toEqual({
    status: 6,
    stderr: expect.stringContaining('[ERR_BAD_KEY]'),
  })
})

describe('the server does not start', () => {
  test.each([
    ['is damaged', 'is damaged', async (path: string) => damageKey(path, 'a flipped bit in the scalar')],
    ['is another one', 'is not the key of server.pem', (path: string) => newKey(path)],
  ])('if its key %s, and the suggested command helps', async (_, reason, change) => {
    const first = await serve()
    expect(await first.stop()).toMatchObject({ status: 0 })
    const key = join(first.home.state, 'api', 'server.key')
    await change(key)
    const { status, stderr } = await first.home.fpki(['api', 'serve', '--listen', '127.0.0.1:0'])
    expect({ status, stderr }).toEqual({ status: 6, stderr: expect.stringContaining('[ERR_BAD_KEY]') })
    expect(stderr).toContain(`${key} ${reason}`)
    expect(stderr).toContain(`rm ${first.trust}`)
    await output('rm', [first.trust])
    const again = await serve([], first.home)
    expect(await output('curl', ['-sS', '--cacert', again.trust, `${again.url}/healthz`])).toContain('ok')
  })

  test.each([['--no-tls'], []])('where others can make tokens %s: exit 3', async (...words) => {
    const home = await newHome()
    await mkdir(join(home.state, 'api'), { recursive: true })
    await chmod(join(home.state, 'api'), 0o777)
    const { status, stderr } = await home.fpki(['api', 'serve', '--listen', '127.0.0.1:0', ...words])
    expect({ status, stderr }).toEqual({ status: 3, stderr: expect.stringContaining('Others can write to') })
  })

  test.each<readonly [string, readonly string[], string]>([
    ['in the clear for other machines', ['--no-tls', '--listen', '0.0.0.0:0'], 'in the clear'],
    ['in the clear at a name', ['--no-tls', '--listen', '127.evil.example:0'], 'in the clear'],
    ['at an invalid address', ['--listen', 'here'], 'Invalid address to listen on'],
    ['at an invalid port', ['--listen', '127.0.0.1:70000'], 'Invalid address to listen on'],
    ['with half an identity', ['--tls-cert', '/x'], 'must be used together'],
    ['with an invalid fault', ['--fault', 'PATCH:0:500'], 'Invalid fault'],
    ['with a slow fault of another kind', ['--fault', 'PATCH:1:500:3'], 'Invalid fault'],
    ['for another API', ['--api', 'foundries'], 'only the embedded'],
  ])('with %s', async (_, words, said) => {
    const { status, stderr } = await (await newHome()).fpki(['api', 'serve', ...words])
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(said) })
  })

  test('on a port in use', async () => {
    const { home, port } = await serve()
    const { status, stderr } = await home.fpki(['api', 'serve', '--listen', `127.0.0.1:${port}`])
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringContaining(`Cannot listen on 127.0.0.1:${port}: address already in use`),
    })
  })
})

test('serves plain HTTP on a loopback address, and --json prints one document', async () => {
  const home = await newHome()
  let stdout = ''
  const ended = home.fpki(['api', 'serve', '--no-tls', '--listen', '127.0.0.1:0', '--json'], {
    onStart: async (child) => {
      if (child.stdout !== null) [stdout] = await once(child.stdout, 'data')
      const { url } = JSON.parse(stdout)
      expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: 'ok' })
      child.kill('SIGINT')
    },
  })
  expect(await ended).toMatchObject({ status: 0, signal: null })
  expect(JSON.parse(stdout)).toMatchObject({ stateDirectory: home.state, factories: [], tokens: 0, trust: null })
})

test('on a signal, finishes pending requests and accepts no more', async () => {
  const server = await serve(['--fault', 'POST:1:slow:1'])
  const token = await server.token('--factory', 'acme')
  const body = JSON.stringify({ 'first-time-init': true, 'ca-csr': true, 'tls-csr': true, 'est-tls-csr': false })
  const answer = server.ask('POST', CERTS, { token, body })
  // One that says nothing must not hold it up.
  const silent = connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false })
  silent.on('error', () => undefined)
  await new Promise((resolve) => setTimeout(resolve, 500))
  const stopped = server.stop()
  await vi.waitFor(() => expect(server.ask('GET', '/healthz')).rejects.toThrow(), PATIENT)
  expect((await answer).status).toBe(201)
  expect(JSON.parse((await answer).text)['tls-csr']).toContain('CERTIFICATE REQUEST')
  expect(await stopped).toEqual({ status: 0, signal: null })
})

test('one of two concurrent creates succeeds, the other is refused', async () => {
  const server = await serve()
  const { home, run } = server.client(await server.token('--factory', 'acme'))
  await mkdir(home.path)
  const begin = (name: string) => run(['ca', 'create', join(home.path, name), '--factory', 'acme'])
  const both = await Promise.all([begin('one'), begin('two')])
  const [loser, ...others] = both.filter(({ status }) => status !== 0)
  expect(others).toEqual([])
  expect(loser?.status).toBe(3)
  expect(loser?.stderr).toContain('already has a root of trust')
  const winner = both[0]?.status === 0 ? 'one' : 'two'
  expect(await done(run(['ca', 'show', '--just-root']))).toBe(
    await readFile(join(home.path, winner, 'factory_ca.pem'), 'utf8'),
  )
  await done(run(['ca', 'verify', join(home.path, winner)]))
})

test('with the CSRs of two clients, the PATCH of the second is a conflict', async () => {
  const server = await serve()
  const token = await server.token('--factory', 'acme')
  const [, post, ...later] = transcript('file')
  expect(post?.method).toBe('POST')
  const order = { token, body: JSON.stringify(post?.request) }
  const [first, second] = [await server.ask('POST', CERTS, order), await server.ask('POST', CERTS, order)]
  expect([first.status, second.status]).toEqual([201, 201])
  expect(second.text).toBe(first.text)
  const root = later.find(({ request }) => request !== null && 'root-crt' in request)?.request?.['root-crt']
  const setting = { token, body: JSON.stringify({ 'root-crt': root }) }
  const answers = await Promise.all([server.ask('PATCH', CERTS, setting), server.ask('PATCH', CERTS, setting)])
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 409])
  expect(answers.find(({ status }) => status === 409)?.text).toContain('can be set only once')
})

test('recorded requests of fioctl get the recorded statuses', async () => {
  const server = await serve()
  const token = await server.token('--factory', 'acme')
  const answered: unknown[] = []
  // The certificates that fioctl sent later are for other keys than those of this server; its reads and orders hold.
  const asked = transcript('file').filter(({ method, status }) => method !== 'PATCH' && status !== 409)
  const before = asked.slice(
    0,
    asked.findIndex(({ status, path }) => status === 200 && path.endsWith('/certs/')),
  )
  for (const { method, path, request } of before) {
    const data = request === null ? [] : ['-H', 'Content-Type: application/json', '-d', JSON.stringify(request)]
    const proof = ['-H', `Authorization: Bearer ${Buffer.from(token).toString('base64')}`]
    const words = [
      '-sS',
      '--cacert',
      server.trust,
      '-X',
      method,
      ...proof,
      ...data,
      '-w',
      '%{http_code}',
      '-o',
      '/dev/null',
    ]
    answered.push(Number(await output('curl', [...words, `${server.url}${path}`])))
  }
  expect(before.length).toBeGreaterThan(2)
  expect(answered).toEqual(before.map(({ status }) => status))
})

test('/openapi.json and /metrics are valid', async () => {
  const server = await serve()
  const token = await server.token('--factory', 'acme')
  await server.ask('GET', CERTS, { token })
  await server.ask('GET', CERTS, { token: 'wrong' })
  await server.ask('GET', '/ota/factories/elsewhere/secret-looking-path', { token })
  const { text, headers } = await server.ask('GET', '/metrics')
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  const samples = parsePrometheus(text)
  const counted = samples.filter(({ metric }) => metric === 'fpki_api_requests_total')
  expect(counted.map(({ labels, value }) => [labels['route'], labels['status'], value]).sort()).toEqual([
    ['/ota/factories/:factory/certs/', '206', 1],
    ['/ota/factories/:factory/certs/', '401', 1],
    ['none', '404', 1],
  ])
  expect(text).not.toMatch(/acme|elsewhere|secret-looking/)
  const page = await readFile(new URL('../../docs/api.md', import.meta.url), 'utf8')
  const named = new Set(page.match(/\b(fpki_api|process)_\w+/g))
  expect([...named].sort()).toEqual([...new Set(samples.map(({ metric }) => metric))].sort())
  const document = JSON.parse((await server.ask('GET', '/openapi.json')).text)
  expect(document.openapi).toBe('3.1.0')
  expect(document.components.schemas.CsrOrder.required.sort()).toEqual([
    'ca-csr',
    'est-tls-csr',
    'first-time-init',
    'tls-csr',
  ])
  const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name)
  for (const name of references) expect(document.components.schemas).toHaveProperty([name ?? ''])
  expect(Object.keys(document.paths['/ota/factories/{factory}/certs/'])).toEqual(['parameters', 'get', 'post', 'patch'])
})

describe('an injected fault', () => {
  const order: (server: Served, token: string) => Promise<string> = async (server, token) => {
    const body = JSON.stringify({ 'first-time-init': false, 'ca-csr': false, 'tls-csr': true, 'est-tls-csr': false })
    return server.ask('POST', CERTS, { token, body }).then(
      ({ status, headers }) => `${status} ${headers['content-type']} ${headers['retry-after'] ?? ''}`.trim(),
      (error: Error & { code?: string }) => error.code ?? error.message,
    )
  }
  const keys = async ({ home }: Served) => {
    const text = await readFile(join(home.state, 'factories', 'acme', 'factory.json'), 'utf8')
    return JSON.parse(text).csrs.length
  }

  // The same order again is for the key that is there.
  const KINDS: readonly (readonly [kind: string, answered: string, worked: number])[] = [
    ['500', '500 application/json; charset=utf-8', 0],
    ['429', '429 application/json; charset=utf-8 1', 0],
    ['html', '200 text/html', 0],
    ['cut-before', 'ECONNRESET', 0],
    ['cut-after', 'ECONNRESET', 1],
    ['slow:1', '201 application/json; charset=utf-8', 1],
  ]

  test('is that of its request, which has been worked on or not; the next one succeeds', async () => {
    const faults = KINDS.flatMap(([kind], at) => ['--fault', `POST:${at + 2}:${kind}`])
    const server = await serve([...faults, '--fault', 'GET:*:500'])
    const token = await server.token('--factory', 'acme')
    // The first is counted, though it is refused.
    expect((await server.ask('POST', CERTS, { token, body: '{}' })).status).toBe(400)
    for (const [kind, answered, worked] of KINDS) {
      const begin = performance.now()
      expect({ kind, answered: await order(server, token) }).toEqual({ kind, answered })
      if (kind === 'slow:1') expect(performance.now() - begin).toBeGreaterThan(950)
      expect({ kind, keys: await keys(server) }).toEqual({ kind, keys: worked })
    }
    expect(await order(server, token)).toContain('201')
    expect((await server.ask('GET', SELF, { token })).status).toBe(500)
    expect((await server.ask('GET', CERTS, { token })).status).toBe(500)
  })

  test('ca create succeeds despite cut-after', async () => {
    const server = await serve(['--fault', 'PATCH:1:cut-after', '--fault', 'POST:1:429'])
    const { home, run } = server.client(await server.token('--factory', 'acme'))
    await mkdir(home.path)
    await done(run(['ca', 'create', join(home.path, 'acme')]))
    expect(await done(run(['ca', 'show', '--just-root']))).toBe(
      await readFile(join(home.path, 'acme', 'factory_ca.pem'), 'utf8'),
    )
  })
})

test('systemd is informed when it is ready, and when it stops', async () => {
  const manager = await listeningManager()
  const served = await serve([], undefined, { NOTIFY_SOCKET: manager.socket })
  expect(await manager.heard()).toContain('READY=1')
  expect(await served.stop()).toEqual({ status: 0, signal: null })
  expect(await manager.heard()).toMatch(/READY=1[\s\S]*STOPPING=1/)
})
