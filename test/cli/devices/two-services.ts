import { X509Certificate } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import { ALL_DEVICES, type DeviceRegister } from '../../../src/devices/register.js'
import { withRegister } from '../../support/device-register.js'
import { type DeviceCsr, deviceCsrs } from '../../support/device-requests.js'
import { factoryServer } from '../../support/factory-server.js'
import { replay } from '../../support/register-client.js'
import { clientOf, lineWithToken, type ServedDevices, serveDevices } from '../../support/served-devices.js'
import { copiedPki } from '../made.js'

/** How many devices register, and how many of them twice. */
export interface Size {
  readonly devices: number
  readonly again: number
}

/** Two `devices serve` on one register, and clients that register many devices. */
export interface TwoServices {
  /** Which of them answers is up to the client; a test may replace one. */
  readonly instances: [ServedDevices, ServedDevices]
  start(): Promise<ServedDevices>
  /** Asks one to register a device, and resolves to the status; null: the connection ended without an answer. */
  ask(instance: ServedDevices, device: DeviceCsr): Promise<number | null>
  /** Registers all devices, and meanwhile does `disturb` whenever another part of them is done, `times` times in all. */
  registerAll(times: number, disturb: (time: number) => Promise<void>): Promise<void>
  /** How many connections ended without an answer. */
  lost(): number
  /** Stops both, publishes what is left in the outbox, and expects that everybody has the same truth. */
  check(): Promise<void>
}

/** More devices than the quota of their line. */
const TOO_MANY = 10
const CLIENTS = 16

interface Answered {
  readonly status: number
  /** The certificate in DER. */
  readonly certificate: Buffer | null
}

/** Starts both; they end with the test. `store`: the URL of a PostgreSQL database; null: SQLite. */
export async function twoServices(size: Size, store: string | null): Promise<TwoServices> {
  const { home, directory } = await copiedPki()
  const cloud = await informedCloud()
  const where = store === null ? {} : { FPKI_STORE: store }
  const env = { HOME: home.path, FPKI_API: cloud.url, FPKI_TOKEN: 'the-token-of-the-api', ...where }
  const run = async (...words: readonly string[]) => {
    const { status, stderr } = await home.fpki(words, { env })
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  }
  if (store !== null) await run('devices', 'store', 'init', directory)
  const register = store ?? directory
  const quota = size.devices - TOO_MANY
  const token = await lineWithToken(register, 'site-a', { quota })
  const words = ['serve', directory, '--register', '127.0.0.1:0', '--no-tls']
  const start = () => serveDevices([...words, '--gateway', 'https://gw.acme.example:8443'], env)
  const instances = await bothOf(start)
  const devices = deviceCsrs(size.devices)
  const answers = new Map<string, Answered[]>(devices.map(({ uuid }) => [uuid, []]))
  let lost = 0

  const post = async (instance: ServedDevices, { uuid, pem }: DeviceCsr) => {
    const options = await clientOf(instance, { token })
    return replay(options, { path: '/sign', body: JSON.stringify({ uuid, csr: pem }) }).catch(() => null)
  }
  /** Asks until an instance answers that the device has a certificate, or that it gets none. */
  const answered = async (index: () => number, device: DeviceCsr): Promise<Answered> => {
    for (;;) {
      const answer = await post(instances[index() % 2 === 0 ? 0 : 1], device)
      if (answer === null) lost++
      // The client of the test tries again, unlike those of devices.
      if (answer === null || answer.status === 503) await setTimeout(20)
      else return { status: answer.status, certificate: answer.status === 201 ? certificateIn(answer.text) : null }
    }
  }
  return {
    instances,
    start,
    ask: async (instance, device) => (await post(instance, device))?.status ?? null,
    lost: () => lost,
    async registerAll(times, disturb) {
      const orders = inSomeOrder(devices, size.again)
      const left = orders.entries()
      let done = 0
      let next = 0
      const client = async () => {
        for (const [, device] of left) {
          const answer = await answered(() => next++, device)
          answers.get(device.uuid)?.push(answer)
          done++
        }
      }
      const disturbing = async () => {
        for (let time = 1; time <= times; time++) {
          while (done < (orders.length * time) / (times + 1)) await setTimeout(5)
          await disturb(time)
        }
      }
      await Promise.all([...Array.from({ length: CLIENTS }, client), disturbing()])
    },
    async check() {
      for (const { status } of await Promise.all(instances.map((instance) => instance.stop()))) expect(status).toBe(0)
      await run('devices', 'publish', directory)
      await withRegister(register, (open) => checkRegister(open, { quota, answers, informed: cloud.informed }))
    },
  }
}

async function bothOf(start: () => Promise<ServedDevices>): Promise<[ServedDevices, ServedDevices]> {
  return Promise.all([start(), start()])
}

/** The first `again` devices twice: half of these at the same time as before, and the others at any time. */
function inSomeOrder(devices: readonly DeviceCsr[], again: number): readonly DeviceCsr[] {
  // A UUID is random.
  const order = ({ uuid }: DeviceCsr) => uuid
  const backwards = (text: string) => [...text].reverse().join('')
  return [
    ...devices.map((device) => ({ device, at: order(device) })),
    ...devices.slice(0, again).map((device, index) => ({
      device,
      at: index % 2 === 0 ? order(device) : backwards(device.uuid),
    })),
  ]
    .toSorted((a, b) => (a.at < b.at ? -1 : 1))
    .map(({ device }) => device)
}

function certificateIn(text: string): Buffer {
  return new X509Certificate(JSON.parse(text)['client.pem']).raw
}

/** A Factory API that remembers which serial numbers it was given for each UUID. */
async function informedCloud() {
  const api = await factoryServer(null, 'none')
  const informed = new Map<string, Set<string>>()
  api.others.set('/ota/devices/', ({ body }) => {
    const { 'client.pem': pem } = JSON.parse(body)
    const { subject, serialNumber } = new X509Certificate(pem)
    const [, uuid = ''] = /CN=(\S+)/.exec(subject) ?? []
    informed.set(uuid, (informed.get(uuid) ?? new Set()).add(serialNumber))
    api.seen.length = 0
    return { status: 201, body: {} }
  })
  return { url: api.url, informed }
}

interface Truth {
  readonly quota: number
  /** What was answered for each UUID. */
  readonly answers: ReadonlyMap<string, readonly Answered[]>
  readonly informed: ReadonlyMap<string, ReadonlySet<string>>
}

async function checkRegister(open: DeviceRegister, { quota, answers, informed }: Truth): Promise<void> {
  const registered = new Map<string, Buffer[]>()
  for await (const { device, certificate } of open.certificates(ALL_DEVICES))
    registered.set(device.uuid, [...(registered.get(device.uuid) ?? []), Buffer.from(certificate.der)])
  // Each has one, so no UUID is there twice; and the quota is used up, and no more.
  expect([...registered.values()].filter(({ length }) => length !== 1)).toEqual([])
  expect(registered.size).toBe(quota)
  expect((await open.lines.get('site-a'))?.issued).toBe(quota)
  const certificates = [...registered].flatMap(([uuid, all]) => all.map((der) => certificateOf(uuid, der)))
  expect(new Set(certificates.map(({ serial }) => serial)).size).toBe(quota)
  expect(new Set(certificates.map(({ key }) => key)).size).toBe(quota)
  expect(certificates.filter(({ uuid, subject }) => !subject.includes(uuid))).toEqual([])
  // Whoever was answered has what the register has, and nobody was refused but for the quota; nobody else is registered.
  const wrong = [...answers].flatMap(([uuid, all]) => {
    const [der] = registered.get(uuid) ?? []
    const isRight = ({ status, certificate }: Answered) =>
      der === undefined ? status === 403 : status === 201 && certificate?.equals(der) === true
    return all.length > 0 && all.every(isRight) ? [] : [{ uuid, statuses: all.map(({ status }) => status) }]
  })
  expect(wrong).toEqual([])
  expect([...registered.keys()].filter((uuid) => !answers.has(uuid))).toEqual([])
  // The Factory API may be informed twice of the same certificate, when an instance was killed before it recorded that.
  expect([...informed.keys()].toSorted()).toEqual([...registered.keys()].toSorted())
  const misinformed = certificates.filter(({ uuid, serial }) => [...(informed.get(uuid) ?? [])].join() !== serial)
  expect(misinformed).toEqual([])
  expect(await open.outbox.state()).toMatchObject({ waiting: 0, conflicts: 0 })
}

function certificateOf(uuid: string, der: Buffer) {
  const { subject, serialNumber, publicKey } = new X509Certificate(der)
  return { uuid, subject, serial: serialNumber, key: publicKey.export({ format: 'der', type: 'spki' }).toString('hex') }
}
