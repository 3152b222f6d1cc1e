import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { ALL_DEVICES, type DeviceRegister } from '../../../src/devices/register.js'
import { withRegister } from '../../support/device-register.js'
import { deviceCsrs } from '../../support/device-requests.js'
import { factoryServer } from '../../support/factory-server.js'
import { ALL_POINTS } from '../../support/points.js'
import { replay } from '../../support/register-client.js'
import { clientOf, lineWithToken, type ServedDevices, serveDevices } from '../../support/served-devices.js'
import { copiedPki } from '../made.js'

/** How many devices register, how many of them twice, and how often an instance is killed. */
const SIZE = ALL_POINTS ? { devices: 10_000, again: 2_000, kills: 40 } : { devices: 160, again: 40, kills: 2 }
const CLIENTS = 8

interface Answered {
  readonly status: number
  readonly pem: string | null
}

/** Registers a device until an instance answers that it has a certificate, or that it gets none. */
async function register(instance: () => ServedDevices, token: string, device: { uuid: string; pem: string }) {
  const body = JSON.stringify({ uuid: device.uuid, csr: device.pem })
  for (;;) {
    const answer = await replay(await clientOf(instance(), { token }), { path: '/sign', body }).catch(() => null)
    if (answer === null || answer.status === 503) {
      // It was killed; the client of the test comes again, unlike those of devices.
      await new Promise((resolve) => setTimeout(resolve, 20))
      continue
    }
    return { status: answer.status, pem: answer.status === 201 ? JSON.parse(answer.text)['client.pem'] : null }
  }
}

async function certificatesOf(register: DeviceRegister): Promise<ReadonlyMap<string, readonly Uint8Array[]>> {
  const all = new Map<string, readonly Uint8Array[]>()
  for await (const { device, certificate } of register.certificates(ALL_DEVICES))
    all.set(device.uuid, [...(all.get(device.uuid) ?? []), certificate.der])
  return all
}

test('two instances on one register, one of which is killed again and again', async () => {
  const made = await copiedPki()
  const quota = SIZE.devices - 10
  const token = await lineWithToken(made.directory, 'site-a', { quota })
  const api = await factoryServer(null, 'none')
  const informed = new Map<string, Set<string>>()
  api.others.set('/ota/devices/', ({ body }) => {
    const { 'client.pem': pem } = JSON.parse(body)
    const certificate = new X509Certificate(pem)
    const [, uuid = ''] = /CN=(\S+)/.exec(certificate.subject) ?? []
    informed.set(uuid, (informed.get(uuid) ?? new Set()).add(certificate.serialNumber))
    return { status: 201, body: {} }
  })
  const env = { HOME: made.home.path, FPKI_API: api.url, FPKI_TOKEN: 'the-token-of-the-api' }
  const words = ['serve', made.directory, '--register', '127.0.0.1:0', '--no-tls']
  const start = () => serveDevices([...words, '--gateway', 'https://gw.acme.example:8443'], env)
  const instances = await Promise.all([start(), start()])
  const [devices, answers] = [deviceCsrs(SIZE.devices), new Map<string, Answered[]>()]
  const orders = [...devices, ...devices.slice(0, SIZE.again)].toSorted((a, b) => (a.pem < b.pem ? -1 : 1))
  const left = orders.entries()
  let done = 0
  const client = async (at: number) => {
    for (const [index, device] of left) {
      const answer = await register(() => instances[(at + index) % 2] ?? failWithout(), token, device)
      answers.set(device.uuid, [...(answers.get(device.uuid) ?? []), answer])
      done++
    }
  }
  const killer = async () => {
    for (let kill = 1; kill <= SIZE.kills; kill++) {
      while (done < (orders.length * kill) / (SIZE.kills + 1)) await new Promise((resolve) => setTimeout(resolve, 5))
      await instances[kill % 2]?.stop('SIGKILL')
      instances[kill % 2] = await start()
    }
  }
  await Promise.all([...Array.from({ length: CLIENTS }, (_, at) => client(at)), killer()])
  await Promise.all(instances.map((instance) => instance.stop()))
  const { status, stderr } = await made.home.fpki(['devices', 'publish', made.directory], { env })
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })

  await withRegister(made.directory, async (open) => {
    const registered = await certificatesOf(open)
    // Each has one, so no UUID is there twice; and the quota is used up, and no more.
    expect([...registered.values()].filter(({ length }) => length !== 1)).toEqual([])
    expect(registered.size).toBe(quota)
    expect((await open.lines.get('site-a'))?.issued).toBe(quota)
    const certificates = [...registered.values()].flat().map((der) => new X509Certificate(der))
    expect(new Set(certificates.map(({ serialNumber }) => serialNumber)).size).toBe(quota)
    const keys = certificates.map(({ publicKey }) => publicKey.export({ format: 'der', type: 'spki' }).toString('hex'))
    expect(new Set(keys).size).toBe(quota)
    // Whoever was answered has what the register has, and nobody else was refused but for the quota.
    for (const { uuid } of devices) {
      const [der] = registered.get(uuid) ?? []
      for (const { status: answered, pem } of answers.get(uuid) ?? []) {
        const expected = der === undefined ? { answered: 403, raw: null } : { answered: 201, raw: Buffer.from(der) }
        expect({ answered, raw: pem === null ? null : new X509Certificate(pem).raw }).toEqual(expected)
      }
    }
    // The Factory API may be informed twice of the same certificate, when an instance was killed before it recorded that.
    expect([...informed.keys()].toSorted()).toEqual([...registered.keys()].toSorted())
    for (const [uuid, serials] of informed) {
      const [der] = registered.get(uuid) ?? []
      expect([...serials]).toEqual(der === undefined ? [] : [new X509Certificate(der).serialNumber])
    }
    expect(await open.outbox.state()).toMatchObject({ waiting: 0, conflicts: 0 })
  })
}, 600_000)

function failWithout(): never {
  throw new Error('there are two instances')
}
