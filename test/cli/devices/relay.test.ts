import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newStation, type SelfSigned } from '../../server/registration/tls.js'
import { newHome, output, temporaryDirectory } from '../../support/cli.js'
import { ISSUED_AT, UNLIMITED, withRegister } from '../../support/device-register.js'
import { deviceCsr } from '../../support/device-requests.js'
import { fioup, lmpDeviceRegister } from '../../support/register-client.js'
import { type ServedDevices, serveDevices } from '../../support/served-devices.js'
import { copiedPki } from '../made.js'
import { expectWords } from '../refusal.js'

interface Scene {
  readonly directory: string
  readonly served: ServedDevices
  readonly relay: ServedDevices
}

/** A line with a station, the service, and the relay of the station. */
async function scene(): Promise<Scene> {
  const { directory, home } = await copiedPki()
  const station = await newStation()
  await withRegister(directory, async (register) => {
    await register.lines.create('site-a', UNLIMITED, ISSUED_AT)
    const fingerprint = createHash('sha256').update(station.der).digest('hex')
    const terms = { notAfter: Date.now() + 86_400_000, createdAt: ISSUED_AT }
    await register.credentials.createStation({ line: 'site-a', name: 'east', fingerprint, ...terms })
  })
  const env = { HOME: home.path }
  const gateway = ['--gateway', 'https://gw.acme.example:8443']
  const served = await serveDevices(['serve', directory, '--register', '127.0.0.1:0', ...gateway], env)
  const trust = join(directory, '.fpki', 'registration', 'ca.pem')
  const relay = await serveDevices(relayWords(station, served.url, ['--ca', trust]), env)
  return { directory, served, relay }
}

function relayWords({ certPath, keyPath }: SelfSigned, upstream: string, more: readonly string[] = []) {
  return ['relay', '--listen', '127.0.0.1:0', '--upstream', upstream, '--cert', certPath, '--key', keyPath, ...more]
}

describe.each([
  ['lmp-device-register', lmpDeviceRegister],
  ['fioup', fioup],
])('%s behind a relay', (_, client) => {
  test('gets a certificate of the line of the station', async () => {
    const { directory, served, relay } = await scene()
    const { uuid, pem } = deviceCsr()
    const folder = await temporaryDirectory()
    const { status } = await client({ api: `${relay.url}/sign`, token: 'dummy' }, { uuid, csr: pem }, folder)
    expect(status).toBe(201)
    expect((await readdir(folder)).length).toBe(4)
    const root = join(directory, 'factory_ca.pem')
    const verify = ['verify', '-CAfile', root, '-untrusted', join(directory, 'local-ca.pem')]
    expect(await output('openssl', [...verify, join(folder, 'client.pem')])).toContain('OK')
    expect(served.log()).toContain('"credential":"station:site-a/east"')
    expect(await relay.stop()).toEqual({ status: 0, signal: null })
    expect(relay.log()).toContain('"event":"stopped"')
  })
})

test('is not a station once it is revoked', async () => {
  const { directory, relay } = await scene()
  await withRegister(directory, (register) =>
    register.credentials.revoke({ kind: 'station', line: 'site-a', name: 'east' }, Date.now()),
  )
  const { uuid, pem } = deviceCsr()
  const folder = await temporaryDirectory()
  const answer = await fioup({ api: `${relay.url}/sign`, token: 'dummy' }, { uuid, csr: pem }, folder)
  expect({ status: answer.status, text: answer.text }).toEqual({
    status: 401,
    text: '{"message":"the client certificate is wrong, expired or revoked"}',
  })
  expect(await readdir(folder)).toEqual([])
})

test('with --json, stdout has one document', async () => {
  const home = await newHome()
  const relay = await serveDevices([...relayWords(await newStation(), 'https://127.0.0.1:1'), '--json'], {
    HOME: home.path,
  })
  await relay.stop()
  expect(JSON.parse(relay.log())).toEqual({ schemaVersion: 1, url: relay.url, upstream: 'https://127.0.0.1:1' })
})

test('is refused on a public address, and without the key of the station', async () => {
  const home = await newHome()
  const station = await newStation()
  const words = relayWords(station, 'https://127.0.0.1:1')
  const isPublic = ['devices', ...words.map((word) => (word === '127.0.0.1:0' ? '192.0.2.1:8080' : word))]
  const refusal = { status: 2, code: 'ERR_USAGE', names: ['Refusing to relay on 192.0.2.1:8080', '--listen'] }
  expectWords(await home.fpki(isPublic), refusal)
  const missing = ['devices', ...words.map((word) => (word === station.keyPath ? '/nowhere.key' : word))]
  expectWords(await home.fpki(missing), { status: 2, code: 'ERR_USAGE', names: ['/nowhere.key', '--key'] })
  expect(await readFile(station.keyPath, 'utf8')).toContain('PRIVATE KEY')
})
