import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { newStation, type SelfSigned } from '../../server/registration/tls.js'
import { newHome, output, temporaryDirectory } from '../../support/cli.js'
import { deviceCsr } from '../../support/device-requests.js'
import { PATIENT } from '../../support/patience.js'
import { fioup, lmpDeviceRegister, send } from '../../support/register-client.js'
import { type ServedDevices, serveDevices } from '../../support/served-devices.js'
import { copiedPki, type Made } from '../made.js'
import { expectWords } from '../refusal.js'

interface Scene {
  readonly made: Made
  readonly directory: string
  readonly served: ServedDevices
  readonly relay: ServedDevices
}

/** A line with a station, the service, and the relay of the station. */
async function scene(): Promise<Scene> {
  const made = await copiedPki()
  const { directory, home } = made
  const stations = await temporaryDirectory()
  await done(made, ['lines', 'create', directory, 'site-a'])
  await done(made, ['lines', 'station', directory, 'site-a', 'east', '--out', stations])
  const env = { HOME: home.path }
  const gateway = ['--gateway', 'https://gw.acme.example:8443']
  const served = await serveDevices(['serve', directory, '--register', '127.0.0.1:0', ...gateway], env)
  const trust = join(directory, '.fpki', 'registration', 'ca.pem')
  const station = { certPath: join(stations, 'east.pem'), keyPath: join(stations, 'east.key') }
  const relay = await serveDevices(relayWords(station, served.url, ['--ca', trust]), env)
  return { made, directory, served, relay }
}

async function done({ home }: Made, words: readonly string[]): Promise<void> {
  const { status, stderr } = await home.fpki(words)
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
}

type StationFiles = Pick<SelfSigned, 'certPath' | 'keyPath'>

function relayWords({ certPath, keyPath }: StationFiles, upstream: string, more: readonly string[] = []) {
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
  const { made, directory, relay } = await scene()
  await done(made, ['lines', 'revoke-station', directory, 'site-a', 'east'])
  // The service remembers a credential for a second.
  const ping = { api: `${relay.url}/sign`, headers: { 'Content-Type': 'application/json' } }
  const status = async () => (await send(ping, { method: 'POST', body: '{}' })).status
  await vi.waitFor(async () => expect(await status()).toBe(401), { ...PATIENT, interval: 300 })
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
