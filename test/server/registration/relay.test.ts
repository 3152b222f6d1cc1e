import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { embeddedPortsOn, thisMachine } from '../../../src/machine/index.js'
import { serviceManager } from '../../../src/machine/service-manager.js'
import { type RelayOptions, relayRegistrations } from '../../../src/server/relay/serve-relay.js'
import { temporaryDirectory } from '../../support/cli.js'
import { PATIENT } from '../../support/patience.js'
import { fioup, lmpDeviceRegister, send } from '../../support/register-client.js'
import { FILES, registrationScene, TOKEN, UUID } from './scene.js'
import { newServerIdentity, newStation, type SelfSigned } from './tls.js'

const DEVICE = { uuid: UUID, csr: 'a request\n' }

interface Relay {
  readonly url: string
  log(): string
  stop(): Promise<void>
}

async function relayTo(upstream: string, station: SelfSigned, more: Partial<RelayOptions> = {}): Promise<Relay> {
  const stopping = new AbortController()
  let log = ''
  const write = (text: string) => {
    log += text
  }
  const manager = serviceManager({})
  const ports = { ...embeddedPortsOn(thisMachine(), stopping.signal), manager, signal: stopping.signal, log: write }
  const files = { certificate: station.certPath, key: station.keyPath }
  const options = { listen: '127.0.0.1:0', upstream, station: files, ca: null, isQuiet: false, ...more }
  const { url, ended } = await new Promise<{ url: string; ended: () => Promise<void> }>((resolve, reject) => {
    const running: Promise<void> = relayRegistrations(options, ports, (served) =>
      resolve({ url: served.url, ended: () => running }),
    )
    running.catch(reject)
  })
  const stop = () => {
    stopping.abort()
    return ended()
  }
  onTestFinished(stop)
  return { url, stop, log: () => log }
}

async function relayScene() {
  const [identity, station] = [await newServerIdentity(), await newStation()]
  const scene = await registrationScene({ identity: { key: identity.key, certificate: identity.cert } })
  scene.service.authenticate = async (proof) => {
    scene.service.proofs.push(proof)
    const isStation = proof.kind === 'station' && Buffer.from(proof.certificate).equals(station.der)
    return isStation ? { credential: { kind: 'station', line: 'site-a', name: 'east' }, line: 'site-a' } : null
  }
  const relay = await relayTo(scene.url, station, { ca: identity.certPath })
  return { ...scene, relay, station, identity }
}

describe.each([
  ['lmp-device-register', lmpDeviceRegister],
  ['fioup', fioup],
])('%s behind a relay', (_, client) => {
  test('registers with any token, as the station', async () => {
    const { relay, service } = await relayScene()
    const answer = await client({ api: `${relay.url}/sign`, token: 'dummy' }, DEVICE, await temporaryDirectory())
    expect({ status: answer.status, files: JSON.parse(answer.text) }).toEqual({ status: 201, files: FILES })
    expect(answer.headers['content-type']).toBe('application/json')
    expect(service.proofs.map(({ kind }) => kind)).toEqual(['station'])
    expect(service.requests).toMatchObject([DEVICE])
  })

  test('stops at the ping when no device could be registered, or the service is away', async () => {
    const { relay, service, close } = await relayScene()
    service.unavailable = 'the device CA has expired'
    const register = async () =>
      client({ api: `${relay.url}/ota/devices/`, token: 'dummy' }, DEVICE, await temporaryDirectory())
    expect(await register()).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
    await close()
    expect(await register()).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
    expect(relay.log()).toContain('ECONNREFUSED')
  })
})

test('status, body and Retry-After pass as they are', async () => {
  const { relay, service } = await relayScene()
  const post = (body: string, headers = {}) =>
    send(
      { api: relay.url, headers: { 'Content-Type': 'application/json', ...headers } },
      { method: 'POST', path: '/sign', body },
    )
  service.outcome = { kind: 'refused', uuid: UUID, code: 'uuid-taken', reason: 'it exists' }
  const refused = await post('{"csr": "x"}')
  expect({ status: refused.status, text: JSON.parse(refused.text) }).toEqual({
    status: 409,
    text: { message: 'the device was not registered: it exists' },
  })
  expect(JSON.parse((await post('{"csr')).text)).toMatchObject({
    message: 'the request is not valid: it is not valid JSON',
  })
  expect((await post('x', { 'Content-Type': 'text/plain' })).status).toBe(415)
  expect((await post('x'.repeat(16 * 1024 + 1))).status).toBe(413)
  service.unavailable = 'no'
  expect(JSON.parse((await send({ api: relay.url }, { method: 'GET', path: '/sign' })).text)).toEqual({ message: 'no' })
  expect((await send({ api: relay.url }, { method: 'DELETE', path: '/sign' })).status).toBe(404)
  expect((await send({ api: relay.url }, { method: 'GET', path: '/metrics' })).status).toBe(404)
})

/** An HTTPS server that answers in the way of the test, and what it was asked. */
async function oddService(identity: SelfSigned, answer: (count: number) => 'cut' | 'redirect' | 'created') {
  const asked: { headers: unknown; body: string }[] = []
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    let body = ''
    for await (const part of request) body += part
    asked.push({ headers: request.headers, body })
    const kind = answer(asked.length)
    if (kind === 'cut') return void request.socket.destroy()
    if (kind === 'redirect') return void response.writeHead(302, { Location: 'https://127.0.0.1:1/' }).end()
    response.writeHead(201, { 'Content-Type': 'application/json', 'Set-Cookie': 'a=b' }).end('{}')
  }
  const server = createServer({ key: identity.key, cert: identity.cert }, (request, response) => {
    void handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { asked, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('a lost connection is repeated once, redirects are not followed, and no token or cookie passes', async () => {
  const [identity, station] = [await newServerIdentity(), await newStation()]
  const kinds = ['created', 'cut', 'created', 'cut', 'cut', 'redirect'] as const
  const { asked, url } = await oddService(identity, (count) => kinds[count - 1] ?? 'created')
  const relay = await relayTo(url, station, { ca: identity.certPath })
  const body = '{"csr":\n "x\\/y"}'
  const post = () =>
    send(
      {
        api: relay.url,
        headers: { 'Content-Type': 'application/json', 'OSF-TOKEN': TOKEN, Authorization: `Bearer ${TOKEN}` },
      },
      { method: 'POST', path: '/sign', body },
    )
  const statuses = []
  for (let at = 0; at < 4; at++) statuses.push((await post()).status)
  expect(statuses).toEqual([201, 201, 503, 302])
  expect(new Set(asked.map((one) => one.body))).toEqual(new Set([body]))
  expect(JSON.stringify(asked)).not.toContain(TOKEN)
  expect((await post()).headers['set-cookie']).toBeUndefined()
  expect(relay.log()).not.toContain(TOKEN)
})

test('a service that another CA vouches for gets nothing', async () => {
  const { url, station, service } = await relayScene()
  const relay = await relayTo(url, station)
  const answer = await send({ api: relay.url }, { method: 'GET', path: '/sign' })
  expect(answer.status).toBe(503)
  expect(relay.log()).toMatch(/SELF_SIGNED|self-signed/)
  expect(relay.log()).toContain('Pass --ca FILE')
  expect(service.proofs).toEqual([])
})

test('stopping answers what was accepted', async () => {
  const { relay, service } = await relayScene()
  let open: () => void = () => undefined
  service.until = new Promise<void>((resolve) => {
    open = resolve
  })
  const answer = lmpDeviceRegister({ api: `${relay.url}/sign`, token: 'dummy' }, DEVICE, await temporaryDirectory())
  await vi.waitFor(() => expect(service.requests.length).toBe(1), PATIENT)
  const stopped = relay.stop()
  open()
  expect((await answer).status).toBe(201)
  await stopped
})

test.each([
  [{ listen: '0.0.0.0:0' }, 'Refusing to relay'],
  [{ listen: '192.0.2.1:0' }, 'Refusing to relay'],
  [{ listen: 'relay.example:80' }, 'Refusing to relay'],
  [{ listen: 'nowhere' }, 'Invalid address'],
  [{ upstream: 'http://127.0.0.1:1' }, 'must be an https:// address'],
  [{ upstream: 'https://127.0.0.1:1/sign' }, 'must be an https:// address'],
  [{ upstream: 'https://a:b@127.0.0.1:1' }, 'must be an https:// address'],
  [{ ca: '/nowhere' }, 'No such file'],
])('refuses %j', async (options, message) => {
  const station = await newStation()
  await expect(relayTo('https://127.0.0.1:1', station, options)).rejects.toThrow(message)
})

test('refuses a key that is not that of the certificate', async () => {
  const [station, other] = [await newStation(), await newStation()]
  const files = { certificate: station.certPath, key: other.keyPath }
  const relay = relayTo('https://127.0.0.1:1', station, { station: files })
  await expect(relay).rejects.toThrow('is not the key of')
})
