import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { newServerIdentity, newStation } from '../../server/registration/tls.js'
import { output, temporaryDirectory } from '../../support/cli.js'
import { deviceCsr } from '../../support/device-requests.js'
import { listeningManager } from '../../support/listening-manager.js'
import { PATIENT } from '../../support/patience.js'
import { parsePrometheus } from '../../support/prometheus.js'
import { deviceFile, fioup, lmpDeviceRegister, replay, send } from '../../support/register-client.js'
import { clientOf, lineWithToken, type ServedDevices, serveDevices } from '../../support/served-devices.js'
import { copiedPki, type Made } from '../made.js'
import { expectWords } from '../refusal.js'

const SERVERS = ['--gateway', 'https://gw.acme.example:8443', '--ostree', 'https://ostree.acme.example:8443']

interface Scene {
  readonly made: Made
  readonly token: string
  readonly served: ServedDevices
}

async function scene(words: readonly string[] = ['--no-tls']): Promise<Scene> {
  const made = await copiedPki()
  const token = await lineWithToken(made.directory)
  return { made, token, served: await serve(made, words) }
}

function serve({ directory, home }: Made, words: readonly string[]): Promise<ServedDevices> {
  return serveDevices(['serve', directory, '--register', '127.0.0.1:0', ...SERVERS, ...words], { HOME: home.path })
}

describe.each([
  ['lmp-device-register', lmpDeviceRegister],
  ['fioup', fioup],
])('%s', (_, client) => {
  test('gets a certificate, and the same again; a refusal leaves nothing', async () => {
    const { made, token, served } = await scene()
    for (const path of ['/sign', '/ota/devices/']) {
      const device = deviceCsr()
      const order = { uuid: device.uuid, csr: device.pem }
      const [folder, again] = [await temporaryDirectory(), await temporaryDirectory()]
      const options = await clientOf(served, { token, path })
      const { status, text } = await client(options, order, folder)
      expect({ path, status, text: status === 201 ? '' : text }).toEqual({ path, status: 201, text: '' })
      expect((await readdir(folder)).toSorted()).toEqual(['client.chained', 'client.pem', 'root.crt', 'sota.toml'])
      await expectDevice(made, join(folder, 'client.pem'), device.uuid)
      expect(await deviceFile(folder, 'root.crt')).toContain((await made.text('factory_ca.pem')).trim())
      expect((await client(options, order, again)).status).toBe(201)
      expect(await deviceFile(again, 'client.pem')).toBe(await deviceFile(folder, 'client.pem'))
    }
    await made.home.fpki(['lines', 'pause', made.directory, 'site-a'])
    const folder = join(await temporaryDirectory(), 'sota')
    const { uuid, pem } = deviceCsr()
    const answer = await client(await clientOf(served, { token }), { uuid, csr: pem }, folder)
    expect([403, 503]).toContain(answer.status)
    expect(JSON.parse(answer.text || '{"message": ""}')).toMatchObject({ message: expect.any(String) })
    await expect(stat(folder)).rejects.toThrow('ENOENT')
  })
})

/** OpenSSL accepts the certificate of a device, which the register has in its line. */
async function expectDevice({ home, directory, path }: Made, pem: string, uuid: string): Promise<void> {
  const verify = ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', path('factory_ca.pem')]
  expect(await output('openssl', [...verify, '-untrusted', path('local-ca.pem'), pem])).toBe(`${pem}: OK\n`)
  const subject = await output('openssl', ['x509', '-in', pem, '-noout', '-subject', '-nameopt', 'RFC2253'])
  expect(subject).toContain(`CN=${uuid}`)
  const { stdout } = await home.fpki(['devices', 'show', directory, uuid, '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ device: { uuid, line: 'site-a' } })
}

test('the recorded conversations end as they did with the reference', async () => {
  const { token, served } = await scene()
  const lines = (await readFile(new URL('../../fixtures/devices/registration.jsonl', import.meta.url), 'utf8')).trim()
  const all = lines.split('\n').map((line) => JSON.parse(line))
  const options = await clientOf(served, { token })
  const statuses: Record<string, number> = {}
  for (const { case: name, request, response } of all.filter((one) => one.request.method === 'POST')) {
    const answer = await replay(options, request)
    statuses[name] = answer.status
    // The reference has no groups at all, and says so in plain text.
    if (response.status !== 201) continue
    const files = JSON.parse(answer.text)
    expect(Object.keys(files).toSorted()).toEqual(Object.keys(JSON.parse(response.body)).toSorted())
    expect(files['sota.toml']).toBe(JSON.parse(response.body)['sota.toml'])
    expect(answer.headers['content-type']).toBe(response.contentType)
  }
  expect(statuses).toEqual({ plain: 201, production: 201, hsm: 201, group: 201 })
})

test('a group other than that of the line is refused, and named', async () => {
  const { made, served } = await scene()
  const token = await lineWithToken(made.directory, 'site-b', { group: 'east' })
  const { uuid, pem } = deviceCsr()
  const folder = await temporaryDirectory()
  const answer = await fioup(await clientOf(served, { token }), { uuid, csr: pem, group: 'west' }, folder)
  const { message, errors } = JSON.parse(answer.text)
  expect({ status: answer.status, errors }).toEqual({ status: 400, errors: { group: expect.stringContaining('east') } })
  expect(message).toContain(errors.group)
})

test('a token of `fpki lines token` is one until it is revoked', async () => {
  const made = await copiedPki()
  const run = async (...words: readonly string[]) => {
    const { status, stdout, stderr } = await made.home.fpki(words)
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    return stdout.trim()
  }
  await run('lines', 'create', made.directory, 'site-a')
  const token = await run('lines', 'token', made.directory, 'site-a', '--uses', '1')
  const served = await serve(made, ['--no-tls'])
  const options = await clientOf(served, { token })
  const register = async ({ uuid, pem }: ReturnType<typeof deviceCsr>) =>
    (await lmpDeviceRegister(options, { uuid, csr: pem }, await temporaryDirectory())).status
  const [one, other] = [deviceCsr(), deviceCsr()]
  expect([await register(one), await register(one), await register(other)]).toEqual([201, 201, 403])
  await run('lines', 'revoke-token', made.directory, token.split('_')[1] ?? '')
  await vi.waitFor(async () => expect(await register(one)).toBe(401), { ...PATIENT, interval: 300 })
  expect(`${served.log()}${served.said()}`).not.toContain(token.slice(-20))
})

describe('TLS', () => {
  test('with a certificate that fpki issues, which it keeps, and says that stock clients refuse', async () => {
    const { made, token, served } = await scene([])
    const trust = join(made.directory, '.fpki', 'registration', 'ca.pem')
    expect(served.said()).toContain(trust)
    expect(served.said().replace(/\s+/g, ' ')).toContain('lmp-device-register and fioup refuse it unless the image')
    const { uuid, pem } = deviceCsr()
    const options = await clientOf(served, { token, trust })
    expect((await lmpDeviceRegister(options, { uuid, csr: pem }, await temporaryDirectory())).status).toBe(201)
    for (const name of ['server.key', 'server.pem', 'ca.pem'])
      expect((await stat(join(made.directory, '.fpki', 'registration', name))).mode & 0o777).toBe(0o600)
    const before = await readFile(trust, 'utf8')
    await served.stop()
    const verified = await made.home.fpki(['ca', 'verify', made.directory, '--json'])
    expect(verified.status).toBe(0)
    await serve(made, [])
    expect(await readFile(trust, 'utf8')).toBe(before)
  })

  test('with --tls-cert and --tls-key', async () => {
    const identity = await newServerIdentity()
    const { made, token, served } = await scene(['--tls-cert', identity.certPath, '--tls-key', identity.keyPath])
    const { uuid, pem } = deviceCsr()
    const options = await clientOf(served, { token, trust: identity.certPath })
    expect((await fioup(options, { uuid, csr: pem }, await temporaryDirectory())).status).toBe(201)
    expect(served.said()).not.toContain('ca.pem')
    expect(await readdir(join(made.directory, '.fpki'))).not.toContain('registration')
  })

  test('is left out with --insecure-http for the clients of a network, with a warning', async () => {
    const { token, served } = await scene(['--insecure-http', '127.0.0.0/8'])
    expect(served.said()).toContain('tokens are sent over the network in the clear')
    const { uuid, pem } = deviceCsr()
    const options = await clientOf(served, { token })
    expect((await fioup(options, { uuid, csr: pem }, await temporaryDirectory())).status).toBe(201)
  })
})

test('--status has health, readiness and metrics; the registration port has not', async () => {
  const { made, token, served } = await scene(['--no-tls', '--status', '127.0.0.1:0'])
  const [, status = ''] = /^Status at (\S+)$/m.exec(served.said()) ?? []
  const get = (path: string) => send({ api: status }, { method: 'GET', path })
  expect(await get('/healthz')).toMatchObject({ status: 200, text: '{"status":"ok"}' })
  expect(await get('/readyz')).toMatchObject({ status: 200 })
  const { uuid, pem } = deviceCsr()
  await lmpDeviceRegister(await clientOf(served, { token }), { uuid, csr: pem }, await temporaryDirectory())
  await replay(await clientOf(served, { token: 'wrong' }), { path: '/sign', body: '{}' })
  const samples = parsePrometheus((await get('/metrics')).text)
  const value = (metric: string) => samples.find((one) => one.metric === metric)?.value
  expect(samples).toContainEqual({
    ...{ metric: 'fpki_registrations_total', labels: { line: 'site-a', outcome: 'issued' }, value: 1 },
  })
  expect(value('fpki_registration_wrong_credentials_total')).toBe(1)
  expect(value('fpki_registration_available')).toBe(1)
  expect(value('fpki_registration_seconds_count')).toBe(2)
  expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e6)
  await made.home.fpki(['lines', 'change', made.directory, 'site-a', '--quota', '5'])
  await made.home.fpki(['lines', 'pause', made.directory, 'site-a'])
  await vi.waitFor(async () => expect((await get('/readyz')).status).toBe(503), PATIENT)
  expect(JSON.parse((await get('/readyz')).text)).toEqual({ message: 'no line is open' })
  expect((await send({ api: served.url }, { method: 'HEAD', path: '/sign' })).status).toBe(503)
  const later = parsePrometheus((await get('/metrics')).text)
  expect(later).toContainEqual({ metric: 'fpki_line_quota_left', labels: { line: 'site-a' }, value: 4 })
  expect(later).toContainEqual({ metric: 'fpki_registration_available', labels: {}, value: 0 })
  for (const path of ['/healthz', '/readyz', '/metrics'])
    expect((await send({ api: served.url }, { method: 'GET', path })).status).toBe(404)
})

test('SIGTERM under load answers what was accepted, and a restart continues', async () => {
  const { made, token, served } = await scene()
  const load = { on: true }
  const answered = new Map<string, string>()
  const clients = Array.from({ length: 4 }, async () => {
    while (load.on) {
      const { uuid, pem } = deviceCsr()
      const body = JSON.stringify({ uuid, csr: pem })
      const answer = await replay(await clientOf(served, { token }), { path: '/sign', body }).catch(
        (error: NodeJS.ErrnoException) => error,
      )
      // Not accepted: a connection that was refused, or reset before anything was read.
      if (answer instanceof Error) return expect(answer.message).toMatch(/ECONNREFUSED|ECONNRESET|hang up/)
      if (answer.status === 503) return undefined
      expect({ status: answer.status, text: answer.status === 201 ? '' : answer.text }).toEqual({
        status: 201,
        text: '',
      })
      answered.set(uuid, JSON.parse(answer.text)['client.pem'])
    }
    return undefined
  })
  await vi.waitFor(() => expect(answered.size).toBeGreaterThan(20), PATIENT)
  expect(await served.stop()).toEqual({ status: 0, signal: null })
  load.on = false
  await Promise.all(clients)
  const registered = [...served.log().matchAll(/"code":"issued"/g)].length
  expect(registered).toBe(answered.size)
  const { stdout } = await made.home.fpki(['devices', 'count', made.directory, '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ devices: answered.size })
  const again = await serve(made, ['--no-tls'])
  const { uuid, pem } = deviceCsr()
  const answer = await replay(await clientOf(again, { token }), {
    ...{ path: '/sign', body: JSON.stringify({ uuid, csr: pem }) },
  })
  expect(answer.status).toBe(201)
})

test('systemd is informed when it is ready, and when it stops', async () => {
  const manager = await listeningManager()
  const made = await copiedPki()
  await lineWithToken(made.directory)
  const words = ['serve', made.directory, '--register', '127.0.0.1:0', '--no-tls', ...SERVERS]
  const served = await serveDevices(words, { HOME: made.home.path, NOTIFY_SOCKET: manager.socket })
  expect(await manager.heard()).toContain('READY=1')
  expect(await served.stop()).toEqual({ status: 0, signal: null })
  expect(await manager.heard()).toMatch(/READY=1[\s\S]*STOPPING=1/)
})

describe('is refused', () => {
  const refused = async (words: readonly string[], change = async (_: Made) => {}) => {
    const made = await copiedPki()
    await change(made)
    const servers = words.includes('--register') ? SERVERS : []
    return made.home.fpki(['devices', 'serve', made.directory, ...servers, ...words])
  }
  const address = ['--register', '127.0.0.1:0', '--no-tls']

  test('without a line that has a token or a station', async () => {
    const refusal = { status: 3, code: 'ERR_LINE', names: ['no line has a valid token or station', 'fpki lines token'] }
    expectWords(await refused(address), refusal)
  })

  test('without the line of --line, for EST alone', async () => {
    const refusal = { status: 3, code: 'ERR_LINE', names: ['There is no line "other"', '--line', 'fpki lines list'] }
    expectWords(await refused(['--est', '127.0.0.1:0', '--line', 'other']), refusal)
  })

  test.each(['in the directory', 'elsewhere'])(
    'and starts after the commands of that hint, with a register %s',
    async (place) => {
      const made = await copiedPki()
      const store = place === 'elsewhere' ? ['--store', `sqlite:${join(made.home.path, 'moved.sqlite')}`] : []
      const words = ['devices', 'serve', made.directory, '--register', '127.0.0.1:0', '--no-tls', ...store, ...SERVERS]
      const { stderr } = await made.home.fpki(words)
      const commands = [...stderr.replace(/\s+/g, ' ').matchAll(/`fpki (.*?)`/g)].map(([, command = '']) => command)
      expect(commands.length).toBe(2)
      for (const command of commands) expect((await made.home.fpki(command.split(' '))).status).toBe(0)
      expect((await serve(made, ['--no-tls', ...store])).url).toMatch(/^http:/)
    },
  )

  test('for a directory that is none, and nothing is made there', async () => {
    const folder = join(await temporaryDirectory(), 'none')
    const made = await copiedPki()
    const { status } = await made.home.fpki(['devices', 'serve', folder, '--register', '127.0.0.1:0'])
    expect(status).toBe(3)
    await expect(stat(folder)).rejects.toThrow('ENOENT')
  })

  test.each([
    [['--register', 'nowhere'], 'Invalid address', '--register'],
    [['--register', '127.0.0.1:0', '--status', 'nowhere'], 'Invalid address', '--status'],
    [['--register', '0.0.0.0:0', '--no-tls'], 'Refusing to serve 0.0.0.0:0 without TLS', '--insecure-http'],
    [['--register', '127.0.0.1:0', '--insecure-http', '10.0.0.0'], 'Invalid network', '--insecure-http'],
    [['--register', '127.0.0.1:0', '--tls-cert', 'a'], 'must be used together', '--no-tls'],
    [
      ['--register', '127.0.0.1:0', '--insecure-http', '10.0.0.0/8', '--tls-cert', 'a', '--tls-key', 'b'],
      'Plain HTTP',
      '',
    ],
    [[...address, '--token-header', 'a b'], 'name of a header', '--token-header'],
    [[...address, '--cloud', 'maybe'], 'queue', '--cloud'],
    [[], 'There is nothing to serve', '--register, --est, --ocsp'],
    [[...address, '--adopt'], '--adopt is about EST', '--est HOST:PORT'],
    [['--est', '127.0.0.1:0', '--no-tls'], 'EST is never served without TLS', '--no-tls'],
    [[...address, '--est-status', '200'], '--est-status is about EST', '--est HOST:PORT'],
    [['--ocsp', '127.0.0.1:0', '--cloud', 'off'], '--cloud is about registration', '--register HOST:PORT'],
    [['--est', '127.0.0.1:0', '--gateway', 'https://a'], '--gateway is about registration', '--register HOST:PORT'],
    [['--est', 'nowhere'], 'Invalid address', '--est'],
    [['--est', '127.0.0.1:0', '--tls-cert', 'a'], 'must be used together', 'neither'],
    [['--est', '127.0.0.1:0', '--client-map', 'a.csv'], '--client-map needs --client-ca', ''],
    [['--est', '127.0.0.1:0', '--client-ca', 'none.pem'], 'No such file', '--client-ca'],
    [['--est', '127.0.0.1:0', '--renew-from', '100'], 'from 0 to 99', ''],
    [['--est', '127.0.0.1:0'], 'has no certificate for an EST server', 'fpki est authorize'],
  ])('with %j', async (words, text, hint) => {
    expectWords(await refused(words), { status: 2, code: 'ERR_USAGE', names: [text, hint] })
  })

  test('with EST in a kit, which has no root key to authorize it', async () => {
    const made = await copiedPki()
    const kit = join(made.home.path, 'kit')
    expect(await made.home.fpki(['ca', 'export-kit', made.directory, kit, '--ca', 'local-ca'])).toMatchObject({
      status: 0,
    })
    const names = ['fpki ca sign CSR --pki-dir DIR --profile tls-server --out est.pem', '--tls-cert']
    const all = await made.home.fpki(['devices', 'serve', kit, '--est', '127.0.0.1:0'])
    expectWords(all, { status: 2, code: 'ERR_USAGE', names })
    expect(all.stderr).not.toContain('est authorize')
  })

  test('with a certificate that is not for servers', async () => {
    const { certPath, keyPath } = await newStation()
    const files = ['--tls-cert', certPath, '--tls-key', keyPath]
    const all = await refused(['--est', '127.0.0.1:0', ...files])
    expectWords(all, { status: 6, code: 'ERR_BAD_CERTIFICATE', names: [certPath, 'no serverAuth', '--tls-cert'] })
  })

  test('on a port in use', async () => {
    const { served, made } = await scene()
    const port = new URL(served.url).port
    const words = ['devices', 'serve', made.directory, '--register', `127.0.0.1:${port}`, '--no-tls', ...SERVERS]
    expectWords(await made.home.fpki(words), {
      status: 2,
      code: 'ERR_USAGE',
      names: ['address already in use', `ss -ltnp 'sport = :${port}'`, '--register'],
    })
  })
})

test('with --json, stdout has one document', async () => {
  const made = await copiedPki()
  await lineWithToken(made.directory)
  const words = ['serve', made.directory, '--register', '127.0.0.1:0', '--no-tls', ...SERVERS, '--json']
  const served = await serveDevices(words, { HOME: made.home.path })
  await served.stop()
  expect(JSON.parse(served.log())).toEqual({
    ...{
      schemaVersion: 1,
      url: served.url,
      est: null,
      ocsp: null,
      directory: made.directory,
      status: null,
      trust: null,
    },
  })
  expect(served.said()).toContain('"event":"stopped"')
})

test('a backup has its certificate, so that devices that trust it still do', async () => {
  const { made, served } = await scene([])
  await served.stop()
  const trust = ['.fpki', 'registration', 'ca.pem']
  const phrase = join(made.home.path, 'phrase')
  await writeFile(phrase, 'nine lives of a fish\n', { mode: 0o600 })
  const [backup, restored] = [join(made.home.path, 'a.backup'), join(made.home.path, 'restored')]
  const pass = ['--passphrase-file', phrase]
  expect((await made.home.fpki(['ca', 'backup', made.directory, '--out', backup, ...pass])).status).toBe(0)
  const { status, stderr } = await made.home.fpki(['ca', 'restore', backup, restored, '--no-state', ...pass])
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  expect(await readFile(join(restored, ...trust), 'utf8')).toBe(await readFile(made.path(join(...trust)), 'utf8'))
})
