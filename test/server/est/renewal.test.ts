import { createPrivateKey, createPublicKey, randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { openDeviceRegister, type SqliteOptions } from '../../../src/devices/open.js'
import { FpkiError } from '../../../src/errors.js'
import { thisMachine } from '../../../src/machine/index.js'
import { runProgram, temporaryDirectory } from '../../support/cli.js'
import { withRegister } from '../../support/device-register.js'
import { PATIENT } from '../../support/patience.js'
import { quickLocks } from '../../support/quick-locks.js'
import { certificatesIn, checkAsFioconfig, derOf, est, fioconfig, renewalRequest, rfcClient } from './clients.js'
import { DAY, deviceSubject, newDevice } from './device-certificates.js'
import { realScene } from './real-scene.js'

const PKCS10 = { 'Content-Type': 'application/pkcs10' }

/** What OpenSSL says of a device's certificate with the CAs of a PKI directory. */
async function verify(directory: string, cert: string): Promise<string> {
  const file = join(await temporaryDirectory(), 'client.pem')
  await writeFile(file, cert)
  const cas = ['-CAfile', join(directory, 'factory_ca.pem'), '-untrusted', join(directory, 'local-ca.pem')]
  const words = ['verify', '-x509_strict', '-purpose', 'sslclient', ...cas, file]
  return (await runProgram('openssl', words)).stdout.replace(file, 'client.pem')
}

describe.each([
  ['fioconfig', fioconfig],
  ["RFC 7030's client", rfcClient],
] as const)('%s', (_, client) => {
  test('renews, and renews again with the new certificate', async () => {
    const scene = await realScene()
    const first = await scene.knownDevice()
    const server = await scene.serve()
    const second = await client(server, first)
    expect(await verify(scene.made.directory, second.device.cert)).toBe('client.pem: OK\n')
    checkAsFioconfig(second.der, first)
    scene.later(40 * DAY)
    const third = await client(server, second.device)
    const details = await scene.details(first.uuid)
    expect(details?.certificates.map(({ der }) => Buffer.from(der))).toEqual([third.der, second.der, first.der])
    expect(details?.certificates.map(({ state }) => state)).toEqual(['active', 'superseded', 'superseded'])
    expect(details?.state).toBe('active')
  })
})

test('the recorded request of fioconfig is answered as it wants', async () => {
  const text = await readFile(join(import.meta.dirname, '../../fixtures/devices/est-fioconfig.jsonl'), 'utf8')
  const { request } = JSON.parse(text.trim().split('\n')[0] ?? '')
  const scene = await realScene()
  // The key of the recorded certificate is not in the recording: another one of the same subject.
  const uuid = '0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001'
  const device = newDevice(uuid, scene.ca, scene.now(), { subject: deviceSubject(uuid) })
  const server = await scene.serve({ adopt: true })
  const { path, headers, body } = request
  const answer = await est({ ...server, base: server.base.replace('/.well-known/est', '') }, path.slice(1), {
    ...{ device, headers, body },
  })
  expect([answer.status, answer.headers['content-type']]).toEqual([201, 'application/pkcs7-mime'])
  const [cert = '', ...more] = await certificatesIn(answer.text)
  expect(more).toEqual([])
  checkAsFioconfig(derOf(cert), device)
  expect(await verify(scene.made.directory, cert)).toBe('client.pem: OK\n')
})

test('curl gets 200, also with TLS 1.2', async () => {
  const scene = await realScene()
  const device = await scene.knownDevice()
  const server = await scene.serve()
  const folder = await temporaryDirectory()
  const file = async (name: string, text: string) => {
    await writeFile(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const { der } = renewalRequest(device)
  const { stdout } = await runProgram('curl', [
    ...['--silent', '--show-error', '--tls-max', '1.2', '--cacert', await file('ca.pem', server.trust)],
    ...['--cert', await file('cert.pem', device.cert), '--key', await file('key.pem', device.key)],
    ...[
      '--header',
      'Content-Type: application/pkcs10',
      '--data-binary',
      `@${await file('b64', der.toString('base64'))}`,
    ],
    ...['--output', join(folder, 'answer'), '--write-out', '%{http_code} %{content_type}'],
    `${server.base}/simplereenroll`,
  ])
  expect(stdout).toBe('200 application/pkcs7-mime; smime-type=certs-only')
  const [cert = ''] = await certificatesIn(await readFile(join(folder, 'answer'), 'utf8'))
  expect(await verify(scene.made.directory, cert)).toBe('client.pem: OK\n')
})

test('cacerts has the root and the CA that signs', async () => {
  const scene = await realScene()
  await scene.line('site-a')
  const server = await scene.serve()
  const expected = [derOf(await scene.made.text('factory_ca.pem')), derOf(scene.ca.cert)]
  for (const path of ['cacerts', 'site-a/cacerts', 'default/cacerts'])
    expect((await certificatesIn((await est(server, path)).text)).map(derOf)).toEqual(expected)
  expect((await est(server, 'site-b/cacerts')).status).toBe(404)
})

describe('the same request', () => {
  test('again gets the same certificate, also after the answer was lost and the service was started again', async () => {
    const scene = await realScene()
    const device = await scene.knownDevice()
    const { key } = renewalRequest(device)
    const server = await scene.serve()
    const one = await rfcClient(server, device, { key })
    expect((await rfcClient(server, device, { key })).der).toEqual(one.der)
    await server.stop()
    expect((await rfcClient(await scene.serve(), device, { key })).der).toEqual(one.der)
    expect((await scene.details(device.uuid))?.certificates.length).toBe(2)
  })

  test('at the same time gets one certificate', async () => {
    const scene = await realScene()
    const device = await scene.knownDevice()
    const { key } = renewalRequest(device)
    const server = await scene.serve()
    const all = await Promise.all(Array.from({ length: 5 }, () => rfcClient(server, device, { key })))
    expect(new Set(all.map(({ der }) => der.toString('hex'))).size).toBe(1)
    expect((await scene.details(device.uuid))?.certificates.length).toBe(2)
  })

  test('with the key of the certificate itself is answered with it while it is young, and then with a new one', async () => {
    const scene = await realScene()
    const device = await scene.knownDevice()
    const key = keyOf(device.key)
    const server = await scene.serve()
    expect((await rfcClient(server, device, { key })).der).toEqual(device.der)
    scene.later(300 * DAY)
    const renewed = await rfcClient(server, device, { key })
    expect(renewed.der).not.toEqual(device.der)
    expect((await rfcClient(server, device, { key })).der).toEqual(renewed.der)
    expect((await scene.details(device.uuid))?.certificates.length).toBe(2)
  })
})

test('another key is a further certificate, too many of which are refused', async () => {
  const scene = await realScene()
  const device = await scene.knownDevice()
  const server = await scene.serve()
  const renew = () => {
    const body = renewalRequest(device).der.toString('base64')
    return est(server, 'simplereenroll', { device, headers: PKCS10, body })
  }
  for (let count = 0; count < 10; count++) expect((await renew()).status).toBe(200)
  const answer = await renew()
  expect([answer.status, answer.headers['retry-after']]).toEqual([429, '3600'])
  scene.later(DAY)
  expect((await renew()).status).toBe(200)
})

test('a certificate that devices use counts as seen whatever they ask', async () => {
  const scene = await realScene()
  const device = await scene.knownDevice()
  const server = await scene.serve()
  const { device: renewed } = await fioconfig(server, device)
  const states = async () => (await scene.details(device.uuid))?.certificates.map(({ seenAt }) => seenAt !== null)
  expect(await states()).toEqual([false, true])
  await est(server, 'cacerts', { device: renewed })
  await vi.waitFor(async () => expect(await states()).toEqual([true, true]), PATIENT)
  // Whoever still has the old one is not the device.
  await expect(fioconfig(server, device)).rejects.toThrow('has already used a newer certificate')
})

test('a line that is closed or paused still renews, with its own CA; the line in the URL must be that of the device', async () => {
  const scene = await realScene()
  await scene.line('site-a')
  await scene.line('site-b')
  const devices = [await scene.knownDevice({ line: 'site-a' }), await scene.knownDevice({ line: 'site-b' })] as const
  await withRegister(scene.made.directory, async ({ lines }) => {
    await lines.change('site-a', { state: 'closed' })
    await lines.change('site-b', { state: 'paused' })
  })
  const server = await scene.serve()
  await fioconfig(server, devices[0])
  await fioconfig({ ...server, base: `${server.base}/site-b` }, devices[1])
  await expect(fioconfig({ ...server, base: `${server.base}/site-a` }, devices[1])).rejects.toThrow('403')
  await expect(fioconfig({ ...server, base: `${server.base}/other` }, devices[1])).rejects.toThrow('404')
  await server.stop()
  const onlyA = await scene.serve({ line: 'site-a' })
  await expect(fioconfig(onlyA, devices[1])).rejects.toThrow('its line is not site-a')
})

test('after the overlap, a device that has lost its new certificate still renews with the old one', async () => {
  const scene = await realScene()
  const device = await scene.knownDevice()
  const server = await scene.serve()
  const lost = await fioconfig(server, device)
  scene.later(31 * DAY)
  const again = await fioconfig(server, device)
  expect(again.der).not.toEqual(lost.der)
  const { certificates = [] } = (await scene.details(device.uuid)) ?? {}
  expect(certificates.map(({ state }) => state)).toEqual(['active', 'superseded', 'superseded'])
})

describe('a device that another service registered', () => {
  test('is recorded with its first renewal, in the line of the URL', async () => {
    const scene = await realScene()
    await scene.line('site-a')
    const device = scene.device(
      { subject: deviceSubject('0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a002', true) },
      '0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a002',
    )
    const server = await scene.serve({ adopt: true })
    const { der } = await fioconfig({ ...server, base: `${server.base}/site-a` }, device)
    const details = await scene.details(device.uuid)
    expect(details).toMatchObject({ line: 'site-a', state: 'active', isProduction: true, name: device.uuid })
    expect(details?.certificates.map((one) => Buffer.from(one.der))).toEqual([der, device.der])
  })

  test('by online-ca is renewed by the CA of its line', async () => {
    const scene = await realScene()
    const key = join(scene.made.home.state, 'factories', 'acme', 'keys', 'ca-1.key')
    const online = { cert: await scene.made.text('online-crt'), key: await readFile(key, 'utf8') }
    const uuid = randomUUID()
    const device = newDevice(uuid, online, scene.now())
    const { device: renewed } = await fioconfig(await scene.serve({ adopt: true }), device)
    expect(await verify(scene.made.directory, renewed.cert)).toBe('client.pem: OK\n')
    expect((await scene.details(uuid))?.certificates.length).toBe(2)
  })

  test('is recorded with the keys that were imported, and with no other', async () => {
    const scene = await realScene()
    const [device, other] = [scene.device(), scene.device()]
    const server = await scene.serve({ adopt: true })
    await withRegister(scene.made.directory, async (register) => {
      const keys = [device, { ...other, keyHash: Buffer.alloc(32, 1) }]
      const notAfter = device.notAfter.getTime()
      await register.importKeys({ line: 'default', ca: 'ab'.repeat(32), at: 1, notAfter, keys })
    })
    await fioconfig(server, device)
    await expect(fioconfig(server, other)).rejects.toThrow('other certificates of the device')
  })

  test.each(['00', `01${'00'.repeat(20)}`])(
    'with the serial number %s, which no CRL can have, is refused',
    async (serial) => {
      const scene = await realScene()
      const device = scene.device({ serial })
      await expect(fioconfig(await scene.serve({ adopt: true }), device)).rejects.toThrow('its serial number is not')
      expect(await scene.details(device.uuid)).toBeNull()
    },
  )

  test.each([
    ['whose certificate has expired', { notBefore: -400, notAfter: -1 }, 'expired'],
    ['without --adopt', {}, 'does not know'],
  ] as const)(
    '%s is refused',
    async (_, { notBefore, notAfter }: { notBefore?: number; notAfter?: number }, reason) => {
      const scene = await realScene()
      const day = (days: number | undefined) => (days === undefined ? {} : new Date(scene.now().getTime() + days * DAY))
      const dates =
        notBefore === undefined ? {} : { notBefore: day(notBefore) as Date, notAfter: day(notAfter) as Date }
      const device = scene.device(dates)
      const server = await scene.serve({ adopt: notBefore !== undefined, renewExpired: 30 })
      await expect(fioconfig(server, device)).rejects.toThrow(reason)
      expect(await scene.details(device.uuid)).toBeNull()
    },
  )
})

test('a renewal that was cut off at any step, and is tried again, ends with one certificate in use', async () => {
  const scene = await realScene()
  const away = new FpkiError('ERR_STORAGE', 'The disk is gone.', 'Mount it.')
  /** A register that is lost before it has recorded anything, or after it has. */
  const lost = (when: 'before' | 'after') => async (options: SqliteOptions) => {
    const register = await openDeviceRegister(options, thisMachine(quickLocks()))
    const renew: typeof register.renew = async (renewals) => {
      if (when === 'after') await register.renew(renewals)
      throw away
    }
    return { ...register, renew }
  }
  for (const cutOff of ['before the commit', 'after the commit', 'after the answer', 'never'] as const) {
    const device = await scene.knownDevice()
    const { key, der } = renewalRequest(device)
    const when = cutOff === 'before the commit' ? 'before' : 'after'
    const isLost = cutOff.endsWith('commit')
    if (cutOff !== 'never') {
      const server = await scene.serve({}, isLost ? { openRegister: lost(when) } : {})
      const answer = await est(server, 'simplereenroll', { device, headers: PKCS10, body: der.toString('base64') })
      expect(answer.status).toBe(isLost ? 503 : 200)
      await server.stop()
    }
    // A client makes a new key for each attempt, or sends the same request.
    const server = await scene.serve()
    const { device: renewed } = await fioconfig(server, device, cutOff === 'after the answer' ? {} : { key })
    await est(server, 'cacerts', { device: renewed })
    await server.stop()
    const { certificates = [] } = (await scene.details(device.uuid)) ?? {}
    const good = certificates.filter(({ endedAt }) => endedAt === null || endedAt > scene.now().getTime())
    expect(good.map((one) => Buffer.from(one.der).equals(derOf(renewed.cert)))).toEqual([true])
  }
})

function keyOf(pem: string) {
  const privateKey = createPrivateKey(pem)
  return { privateKey, publicKey: createPublicKey(privateKey) }
}
