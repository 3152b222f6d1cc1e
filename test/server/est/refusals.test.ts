import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { readCertificateFields } from '../../pki/support/certificate-fields.js'
import { dnsNames, extensionRequest } from '../../pki/support/csr.js'
import { pem } from '../../pki/support/der.js'
import { withRegister } from '../../support/device-register.js'
import { type Asked, DEVICE_EXTENSIONS, derOf, type EstDevice, est, renewalRequest } from './clients.js'
import { CA_TRUE, DAY, deviceSubject, newDevice, SERVER_AUTH, type TestDevice } from './device-certificates.js'
import { type RealScene, realScene } from './real-scene.js'

const PKCS10 = { 'Content-Type': 'application/pkcs10' }

interface Case {
  readonly name: string
  /** The device that presents a certificate; null: nothing is presented. */
  readonly device: (scene: RealScene) => Promise<EstDevice | null>
  readonly asked?: (device: TestDevice) => Asked
  readonly body?: (der: Buffer) => string | Buffer
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  readonly reason: string | RegExp
}

const known = (scene: RealScene) => scene.knownDevice()
const days = (scene: RealScene, from: number, to: number) => ({
  notBefore: new Date(scene.now().getTime() + from * DAY),
  notAfter: new Date(scene.now().getTime() + to * DAY),
})

/** A CA with the name of local-ca and another key, under a root of its own. */
async function otherFactory(scene: RealScene) {
  const root = { ...scene.ca, ...newDevice('root', scene.ca, scene.now(), { subject: subjectOf(scene.ca.cert) }) }
  const extensions = [CA_TRUE]
  const ca = newDevice('ca', root, scene.now(), { subject: subjectOf(scene.ca.cert), extensions })
  return { root, ca }
}

function subjectOf(cert: string): Buffer {
  return readCertificateFields(derOf(cert)).subject
}

const CASES: readonly Case[] = [
  {
    name: "another device's subject",
    device: known,
    asked: () => ({ subject: deviceSubject(randomUUID()) }),
    ...{ status: 403, reason: 'its client certificate for' },
  },
  {
    name: 'a changed OU',
    device: known,
    asked: ({ uuid }) => ({ subject: deviceSubject(uuid, false, 'other') }),
    ...{ status: 400, reason: 'its OU is "other"' },
  },
  {
    name: 'the production flag',
    device: known,
    asked: ({ uuid }) => ({ subject: deviceSubject(uuid, true) }),
    ...{ status: 403, reason: 'for a production device' },
  },
  {
    name: 'a production device that would be none',
    device: (scene) => {
      const uuid = randomUUID()
      return scene.knownDevice({ subject: deviceSubject(uuid, true), production: true, uuid })
    },
    asked: ({ uuid }) => ({ subject: deviceSubject(uuid) }),
    ...{ status: 403, reason: 'not for a production device' },
  },
  {
    name: 'an added SAN',
    device: known,
    asked: () => ({ attributes: [extensionRequest(...DEVICE_EXTENSIONS, dnsNames('gw.acme.example'))] }),
    ...{ status: 400, reason: 'it asks for subjectAltName' },
  },
  {
    name: 'CA:TRUE',
    device: known,
    asked: () => ({ attributes: [extensionRequest(CA_TRUE)] }),
    ...{ status: 400, reason: 'CA:TRUE' },
  },
  {
    name: 'the same subject in another encoding',
    device: known,
    asked: ({ uuid }) => ({ subject: printable(deviceSubject(uuid)) }),
    ...{ status: 403, reason: 'is not encoded as' },
  },
  {
    name: 'a denied device',
    device: async (scene) => {
      const device = await scene.knownDevice()
      await withRegister(scene.made.directory, (register) =>
        register.deny([device.uuid], { reason: 'keyCompromise', at: scene.now().getTime(), announce: false }),
      )
      return device
    },
    ...{ status: 403, reason: 'is denied' },
  },
  {
    name: 'a device on hold',
    device: async (scene) => {
      const device = await scene.knownDevice()
      await withRegister(scene.made.directory, (register) =>
        register.deny([device.uuid], { reason: 'certificateHold', at: scene.now().getTime(), announce: false }),
      )
      return device
    },
    ...{ status: 403, reason: 'is denied' },
  },
  {
    name: 'an expired certificate',
    device: (scene) => scene.knownDevice(days(scene, -9, -1)),
    ...{ status: 403, reason: /expired on \d{4}-/ },
  },
  {
    name: 'a certificate that is not valid yet',
    device: (scene) => scene.knownDevice(days(scene, 1, 9)),
    ...{ status: 403, reason: 'is valid from' },
  },
  {
    name: 'a certificate of a CA of another factory with the same name, sent along with its CA',
    device: async (scene) => {
      const { root, ca } = await otherFactory(scene)
      const device = scene.device()
      const other = newDevice(device.uuid, ca, scene.now())
      return { key: other.key, cert: `${other.cert}${ca.cert}${root.cert}` }
    },
    ...{ status: 403, reason: 'was not issued by a device CA of this factory' },
  },
  {
    name: 'a self-signed certificate',
    device: async (scene) => {
      const uuid = randomUUID()
      const self = newDevice(uuid, scene.ca, scene.now())
      return newDevice(uuid, { cert: self.cert, key: self.key }, scene.now())
    },
    ...{ status: 403, reason: 'was not issued by a device CA of this factory' },
  },
  {
    name: 'a certificate of the root itself',
    device: async (scene) => {
      const [cert, key] = [await scene.made.text('factory_ca.pem'), await scene.made.text('factory_ca.key')]
      return newDevice(randomUUID(), { cert, key }, scene.now())
    },
    ...{ status: 403, reason: 'was not issued by a device CA of this factory' },
  },
  {
    name: 'a certificate that the register does not know',
    device: async (scene) => scene.device(),
    ...{ status: 403, reason: 'does not know' },
  },
  {
    name: 'a certificate with the serial number of another one',
    device: async (scene) => {
      const device = await scene.knownDevice()
      return newDevice(device.uuid, scene.ca, scene.now(), { serial: device.serial })
    },
    ...{ status: 403, reason: 'another certificate of that serial number' },
  },
  {
    name: 'a certificate that is not for clients',
    device: (scene) => scene.knownDevice({ extensions: [SERVER_AUTH] }),
    ...{ status: 403, reason: 'clientAuth' },
  },
  {
    name: 'a certificate of a device of another factory by our CA',
    device: async (scene) => scene.device({ subject: deviceSubject(randomUUID(), false, 'other') }),
    ...{ status: 403, reason: 'its OU is "other"' },
  },
  {
    name: 'TLS without a client certificate',
    device: async () => null,
    status: 403,
    reason: 'needs the client certificate',
  },
  {
    name: 'PEM frames',
    device: known,
    body: (der) => pem('CERTIFICATE REQUEST', der),
    ...{ status: 400, reason: 'the body is PEM' },
  },
  { name: 'a body of 1 MB', device: known, body: () => 'A'.repeat(1 << 20), status: 413, reason: '16 kB' },
  {
    name: 'another content type',
    device: known,
    headers: { 'Content-Type': 'application/x-pem-file' },
    ...{ status: 415, reason: 'application/pkcs10' },
  },
  {
    name: 'a request with a broken signature',
    device: known,
    body: (der) => Buffer.concat([der.subarray(0, -1), Buffer.of((der.at(-1) ?? 0) ^ 1)]).toString('base64'),
    ...{ status: 400, reason: 'signature' },
  },
  { name: 'no request', device: known, body: () => 'AAAA', status: 400, reason: 'refused' },
]

/** UTF8String as PrintableString. */
function printable(name: Buffer): Buffer {
  return Buffer.from(name.toString('hex').replaceAll('0c24', '1324').replaceAll('0c04', '1304'), 'hex')
}

test('every refusal has its reason, and leaves no certificate', async () => {
  const scene = await realScene()
  const server = await scene.serve()
  for (const { name, device: make, asked, body, headers = PKCS10, status, reason } of CASES) {
    const device = await make(scene)
    const own = device ?? scene.device()
    const { der } = renewalRequest(own, asked?.(own as TestDevice))
    const text = body?.(der) ?? der.toString('base64')
    const answer = await est(server, 'simplereenroll', { device, headers, body: text })
    expect({ name, status: answer.status, text: answer.text }).toEqual({
      ...{ name, status },
      text: typeof reason === 'string' ? expect.stringContaining(reason) : expect.stringMatching(reason),
    })
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8')
  }
  const { certificates } = await withRegister(scene.made.directory, (register) => register.head())
  expect(certificates).toBe(scene.imported())
})

test('a CA that is disabled or revoked while EST is served, also with its CA and the root sent along', async () => {
  const scene = await realScene()
  const device = await scene.knownDevice()
  const server = await scene.serve()
  const post = async (one: EstDevice) => {
    const body = renewalRequest(device).der.toString('base64')
    return est(server, 'simplereenroll', { device: one, headers: PKCS10, body })
  }
  expect((await post(device)).status).toBe(200)
  const disable = ['ca', 'disable-device-ca', scene.made.directory, '--ca-file', 'local-ca.pem', '--quiet']
  const { status, stderr } = await scene.made.home.fpki(disable)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  scene.later(3000)
  const chain = { key: device.key, cert: `${device.cert}${scene.ca.cert}${await scene.made.text('factory_ca.pem')}` }
  for (const one of [device, chain]) {
    const answer = await post(one)
    expect([answer.status, answer.text]).toEqual([
      403,
      expect.stringContaining('the CA of its client certificate is disabled'),
    ])
  }
  await scene.made.home.fpki(['ca', 'enable-device-ca', scene.made.directory, '--ca-file', 'local-ca.pem', '--quiet'])
  scene.later(3000)
  expect((await post(device)).status).toBe(200)
})

test('--renew-expired lets those that the register knows in, for so many days; --renew-from lets nobody in earlier', async () => {
  const scene = await realScene()
  const [expired, older, young, due] = [
    await scene.knownDevice(days(scene, -40, -9)),
    await scene.knownDevice(days(scene, -40, -11)),
    await scene.knownDevice(days(scene, -49, 51)),
    await scene.knownDevice(days(scene, -51, 49)),
  ]
  const server = await scene.serve({ renewExpired: 10, renewFrom: 50 })
  const post = async (device: TestDevice) =>
    est(server, 'simplereenroll', { device, headers: PKCS10, body: renewalRequest(device).der.toString('base64') })
  expect((await post(expired)).status).toBe(200)
  expect((await post(due)).status).toBe(200)
  expect((await post(older)).text).toContain('expired on')
  expect((await post(young)).text).toMatch(/may be renewed from \d{4}-/)
})
