import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { deviceFiles } from '../../../src/machine/devices.js'
import { thisMachine } from '../../../src/machine/index.js'
import { readClientCas, readClientMap } from '../../../src/operations/renewal/client-files.js'
import { newToken } from '../../operations/registration/scene.js'
import { buildCsr, CN, extensionRequest, newKey, utf8Name } from '../../pki/support/csr.js'
import { temporaryDirectory } from '../../support/cli.js'
import { withRegister } from '../../support/device-register.js'
import { certificatesIn, DEVICE_EXTENSIONS, derOf, type EstServer, est, rfcClient } from './clients.js'
import { CA_TRUE, DAY, deviceSubject, newDevice, type TestDevice, type Unusual } from './device-certificates.js'
import { type RealScene, realScene } from './real-scene.js'

const PKCS10 = { 'Content-Type': 'application/pkcs10' }
const SERIAL_NUMBER = '2.5.4.5'

/** The first request of a device. */
function requestFor(uuid: string, key = newKey()): string {
  const attributes = [extensionRequest(...DEVICE_EXTENSIONS)]
  return buildCsr({ subject: deviceSubject(uuid), key, attributes }).toString('base64')
}

function enroll(server: EstServer, body: string, how: { readonly token?: string; readonly device?: TestDevice }) {
  const basic = how.token === undefined ? {} : { Authorization: basicOf(how.token) }
  return est(server, 'simpleenroll', { device: how.device ?? null, body, headers: { ...PKCS10, ...basic } })
}

function basicOf(token: string): string {
  return `Basic ${Buffer.from(`device:${token}`).toString('base64')}`
}

async function tokenFor(scene: RealScene, settings: Parameters<typeof newToken>[0]): Promise<string> {
  const { text, token } = newToken(settings)
  await withRegister(scene.made.directory, ({ credentials }) => credentials.createToken(token, null))
  return text
}

const USELESS_TOKENS: readonly (readonly [
  name: string,
  settings: Parameters<typeof newToken>[0],
  more: string,
  path: string,
  status: number,
  text: string,
])[] = [
  ['of another device', { uuid: randomUUID() }, '', 'simpleenroll', 403, 'its request is for'],
  ['of no device', { uuid: null }, '', 'simpleenroll', 403, 'is not bound to one device'],
  ['of another line', {}, '', 'site-b/simpleenroll', 403, 'its line is not site-b'],
  ['that has expired', { expiresAt: 1 }, '', 'simpleenroll', 401, 'wrong, expired or revoked'],
  ['with another secret', {}, 'x', 'simpleenroll', 401, 'wrong, expired or revoked'],
  ['for a renewal', {}, '', 'simplereenroll', 403, 'needs the client certificate'],
  ['on an unknown line', {}, '', 'site-c/simpleenroll', 404, 'not found'],
]

describe('a token', () => {
  test('that is bound to a device gets it one certificate, and the same again', async () => {
    const scene = await realScene()
    await scene.line('line-1')
    const [uuid, key] = [randomUUID(), newKey()]
    const token = await tokenFor(scene, { uuid, uses: 1 })
    const server = await scene.serve()
    const answer = await enroll(server, requestFor(uuid, key), { token })
    expect([answer.status, answer.headers['content-type']]).toEqual([
      ...[200, 'application/pkcs7-mime; smime-type=certs-only'],
    ])
    const again = await enroll({ ...server, base: `${server.base}/line-1` }, requestFor(uuid, key), { token })
    expect(await certificatesIn(again.text)).toEqual(await certificatesIn(answer.text))
    const details = await scene.details(uuid)
    expect(details).toMatchObject({ line: 'line-1', state: 'active', credential: `token:${token.split('_')[1]}` })
    // Renewal follows.
    const [cert = ''] = await certificatesIn(answer.text)
    const pem = key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    await rfcClient(server, { key: pem, cert })
    scene.later(DAY)
    expect((await enroll(server, requestFor(uuid), { token })).status).toBe(409)
  })

  test('gets none while the CA of its line is disabled, and one when that is enabled again', async () => {
    const scene = await realScene()
    await scene.line('line-1')
    const uuid = randomUUID()
    const token = await tokenFor(scene, { uuid, uses: 1 })
    const server = await scene.serve()
    const change = async (command: string) => {
      const words = ['ca', command, scene.made.directory, '--ca-file', 'local-ca.pem', '--quiet']
      expect(await scene.made.home.fpki(words)).toMatchObject({ status: 0, stderr: '' })
      scene.later(3000)
    }
    await change('disable-device-ca')
    const answer = await enroll(server, requestFor(uuid), { token })
    expect([answer.status, answer.text]).toEqual([503, 'the device CA cannot issue now\n'])
    expect(await scene.details(uuid)).toBeNull()
    await change('enable-device-ca')
    expect((await enroll(server, requestFor(uuid), { token })).status).toBe(200)
  })

  test('gets none where it may not', async () => {
    const scene = await realScene()
    await scene.line('line-1')
    await scene.line('site-b')
    const server = await scene.serve()
    for (const [name, settings, more, path, status, text] of USELESS_TOKENS) {
      const uuid = randomUUID()
      const token = `${await tokenFor(scene, { uuid, ...settings })}${more}`
      const headers = { ...PKCS10, Authorization: basicOf(token) }
      const answer = await est(server, path, { body: requestFor(uuid), headers })
      expect({ name, status: answer.status, text: answer.text }).toEqual({
        ...{ name, status, text: expect.stringContaining(text) },
      })
      expect(await scene.details(uuid)).toBeNull()
    }
  })

  test('does not help a denied device', async () => {
    const scene = await realScene()
    await scene.line('line-1')
    const device = await scene.knownDevice({ line: 'line-1' })
    const token = await tokenFor(scene, { uuid: device.uuid })
    const server = await scene.serve()
    await withRegister(scene.made.directory, (register) =>
      register.deny([device.uuid], { reason: 'keyCompromise', at: scene.now().getTime(), announce: false }),
    )
    const answer = await enroll(server, requestFor(device.uuid), { token })
    expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('is denied')])
  })
})

/** The CA of a vendor, whose devices have its certificates. */
function vendorOf(scene: RealScene, name = 'vendor'): TestDevice {
  const subject = utf8Name([CN, name])
  const self = newDevice(name, scene.ca, scene.now(), { subject })
  return newDevice(name, self, scene.now(), { subject, extensions: [CA_TRUE] })
}

async function clientCas(...cas: readonly TestDevice[]) {
  const file = join(await temporaryDirectory(), 'cas.pem')
  await writeFile(file, cas.map(({ cert }) => cert).join(''))
  return readClientCas([file], thisMachine())
}

describe('a certificate of --client-ca', () => {
  test.each([
    ['whose CN is the UUID', (uuid: string) => utf8Name([CN, uuid])],
    ['whose serialNumber is the UUID', (uuid: string) => utf8Name([CN, 'a board'], [SERIAL_NUMBER, uuid])],
  ])('%s enrolls its device in the line of the URL', async (_, subjectOf) => {
    const scene = await realScene()
    await scene.line('site-a')
    const [uuid, other] = [randomUUID(), randomUUID()]
    const vendor = vendorOf(scene)
    const device = newDevice(uuid, vendor, scene.now(), { subject: subjectOf(uuid), extensions: [] })
    const server = await scene.serve({ clientCas: await clientCas(vendor) })
    const inLine = { ...server, base: `${server.base}/site-a` }
    const answer = await enroll(inLine, requestFor(uuid), { device })
    expect([answer.status, answer.status === 200 ? '' : answer.text]).toEqual([200, ''])
    expect(await scene.details(uuid)).toMatchObject({ line: 'site-a', state: 'active' })
    expect((await certificatesIn(answer.text)).length).toBe(1)
    expect((await enroll(inLine, requestFor(other), { device })).text).toContain('its request is for')
    expect((await enroll(server, requestFor(uuid), { device })).text).toContain('must name the line')
    const renewal = await est(inLine, 'simplereenroll', { device, headers: PKCS10, body: requestFor(uuid) })
    expect([renewal.status, renewal.text]).toEqual([403, expect.stringContaining('not issued by a device CA')])
    expect(await scene.details(other)).toBeNull()
  })

  test('is mapped to its devices by --client-map', async () => {
    const scene = await realScene()
    await scene.line('site-a')
    const [one, two, foreign] = [randomUUID(), randomUUID(), randomUUID()]
    const vendor = vendorOf(scene)
    const file = join(await temporaryDirectory(), 'map.csv')
    await writeFile(file, `uuid,serial\n${one},SN-1\n${two},SN-1\n`)
    const map = await readClientMap(file, { ...deviceFiles(thisMachine()), note: () => undefined })
    const device = newDevice('SN-1', vendor, scene.now(), { subject: utf8Name([CN, 'SN-1']), extensions: [] })
    const named = newDevice(one, vendor, scene.now(), { subject: utf8Name([CN, one]), extensions: [] })
    const server = await scene.serve({ line: 'site-a', clientCas: await clientCas(vendor), clientMap: map })
    for (const uuid of [one, two]) expect((await enroll(server, requestFor(uuid), { device })).status).toBe(200)
    expect((await enroll(server, requestFor(foreign), { device })).status).toBe(403)
    expect((await enroll(server, requestFor(one), { device: named })).text).toContain('name no device')
  })

  test('is refused where it does not identify a device', async () => {
    const scene = await realScene()
    await scene.line('site-a')
    const vendor = vendorOf(scene)
    const server = await scene.serve({ line: 'site-a', clientCas: await clientCas(vendor) })
    const day = (days: number) => new Date(scene.now().getTime() + days * DAY)
    const cases: readonly (readonly [name: string, ca: TestDevice, unusual: Unusual, text: string])[] = [
      ['of another CA of the same name', vendorOf(scene), {}, 'was not issued by'],
      ['that has expired', vendor, { notBefore: day(-9), notAfter: day(-1) }, 'expired'],
      ['of a CA', vendor, { extensions: [CA_TRUE] }, 'not for clients'],
    ]
    for (const [name, ca, unusual, text] of cases) {
      const uuid = randomUUID()
      const device = newDevice(uuid, ca, scene.now(), { subject: utf8Name([CN, uuid]), extensions: [], ...unusual })
      const answer = await enroll(server, requestFor(uuid), { device })
      expect({ name, status: answer.status, text: answer.text }).toEqual({
        ...{ name, status: 403, text: expect.stringContaining(text) },
      })
      expect(await scene.details(uuid)).toBeNull()
    }
  })
})

test('simpleenroll with the certificate of a device is its renewal, with the same subject', async () => {
  const scene = await realScene()
  const device = await scene.knownDevice()
  const server = await scene.serve()
  const [cert = ''] = await certificatesIn((await enroll(server, requestFor(device.uuid), { device })).text)
  expect((await scene.details(device.uuid))?.certificates.map(({ der }) => Buffer.from(der))[0]).toEqual(derOf(cert))
  expect((await enroll(server, requestFor(randomUUID()), { device })).status).toBe(403)
  expect((await enroll(server, requestFor(device.uuid), {})).status).toBe(401)
})
