import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newKey } from '../../pki/support/csr.js'
import { derOf, est, fioconfig, renewalRequest } from '../../server/est/clients.js'
import { newDevice } from '../../server/est/device-certificates.js'
import { newServerIdentity } from '../../server/registration/tls.js'
import { output, temporaryDirectory } from '../../support/cli.js'
import { withRegister } from '../../support/device-register.js'
import { deviceCsr } from '../../support/device-requests.js'
import { ALL_POINTS } from '../../support/points.js'
import { parsePrometheus } from '../../support/prometheus.js'
import { send } from '../../support/register-client.js'
import { lineWithToken, serveDevices } from '../../support/served-devices.js'
import { copiedPki } from '../made.js'

test('est-tls-crt of `fpki est authorize`, which devices trust by their root, and registration beside it', async () => {
  const made = await copiedPki()
  const { directory } = made
  const authorize = ['est', 'authorize', directory, '--quiet', '--tls-name', 'localhost']
  const { status, stderr } = await made.home.fpki(authorize)
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  const token = await lineWithToken(directory)
  const servers = ['--gateway', 'https://gw.acme.example:8443', '--ostree', 'https://gw.acme.example:8443']
  const addresses = ['--register', '127.0.0.1:0', '--no-tls', '--est', '127.0.0.1:0', '--status', '127.0.0.1:0']
  const served = await serveDevices(['serve', directory, ...addresses, ...servers], { HOME: made.home.path })
  const [, base = ''] = /^Renewing certificates at (\S+),/m.exec(served.said()) ?? []
  const server = {
    base: base.replace('127.0.0.1', 'localhost'),
    // factory_ca alone, as fioconfig.
    trust: await readFile(join(directory, 'factory_ca.pem'), 'utf8'),
  }
  const key = newKey()
  const { uuid, pem } = deviceCsr({ key })
  const registered = await send(
    { api: served.url, headers: { 'Content-Type': 'application/json', 'OSF-TOKEN': token } },
    { method: 'POST', path: '/sign', body: JSON.stringify({ uuid, csr: pem }) },
  )
  const device = {
    key: key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: JSON.parse(registered.text)['client.pem'],
  }
  const renewed = await fioconfig(server, device)
  const file = join(await temporaryDirectory(), 'client.pem')
  await writeFile(file, renewed.device.cert)
  const cas = ['-CAfile', join(directory, 'factory_ca.pem'), '-untrusted', join(directory, 'local-ca.pem')]
  expect(await output('openssl', ['verify', '-x509_strict', '-purpose', 'sslclient', ...cas, file])).toContain('OK')
  const [, status2 = ''] = /^Status at (\S+)$/m.exec(served.said()) ?? []
  const samples = parsePrometheus((await send({ api: status2 }, { method: 'GET', path: '/metrics' })).text)
  const value = (metric: string) => samples.filter((one) => one.metric === metric).map((one) => one.value)
  expect([value('fpki_est_available'), value('fpki_registration_available')]).toEqual([[1], [1]])
  expect(value('process_resident_memory_bytes').length).toBe(1)
  expect(samples).toContainEqual({
    ...{ metric: 'fpki_est_certificates_total', labels: { operation: 'renew', outcome: 'issued' }, value: 1 },
  })
  // While one of both can work, the process is ready.
  await made.home.fpki(['lines', 'pause', directory, 'site-a'])
  expect((await send({ api: status2 }, { method: 'GET', path: '/readyz' })).status).toBe(200)
  expect(await served.stop()).toEqual({ status: 0, signal: null })
  const { stdout } = await made.home.fpki(['devices', 'show', directory, uuid, '--json'])
  expect(JSON.parse(stdout).certificates.length).toBe(2)
})

test('EST alone needs no line, token or register, and takes --tls-cert', async () => {
  const made = await copiedPki()
  const { certPath, keyPath, cert } = await newServerIdentity()
  const words = [
    '--est',
    '127.0.0.1:0',
    '--tls-cert',
    certPath,
    '--tls-key',
    keyPath,
    '--status',
    '127.0.0.1:0',
    '--json',
  ]
  const served = await serveDevices(['serve', made.directory, ...words], { HOME: made.home.path })
  expect(JSON.parse(served.log())).toEqual({
    ...{ schemaVersion: 1, url: null, est: served.url.replace('/.well-known/est', ''), directory: made.directory },
    ...{ ocsp: null, status: expect.stringMatching(/^http:/), trust: null },
  })
  expect(served.said()).toContain(`${certPath} is not signed by the root of the factory`)
  expect(served.said()).toContain(`fpki ca sign CSR --pki-dir ${made.directory} --profile tls-server --out est.pem`)
  const answer = await est({ base: served.url, trust: cert }, 'cacerts')
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/pkcs7-mime'])
  const { text } = await send({ api: JSON.parse(served.log()).status }, { method: 'GET', path: '/metrics' })
  expect(text).toMatch(/^fpki_devices_denied 0$/m)
  expect(text).toMatch(/^fpki_devices_expiring_by_month\{month="later"\} 0$/m)
})

/** The devices that renew while their service is killed, and how often it is. */
const [KILLED_FLEET, KILLS] = ALL_POINTS ? [600, 60] : [16, 2]

test('a service that is killed again and again gives each device one certificate that is in use', async () => {
  const made = await copiedPki()
  const { certPath, keyPath, cert } = await newServerIdentity()
  const ca = { cert: await made.text('local-ca.pem'), key: await made.text('local-ca.key') }
  const devices = Array.from({ length: KILLED_FLEET }, () => newDevice(randomUUID(), ca, new Date()))
  const words = ['--est', '127.0.0.1:0', '--adopt', '--tls-cert', certPath, '--tls-key', keyPath]
  const start = () => serveDevices(['serve', made.directory, ...words], { HOME: made.home.path })
  let served = await start()
  let done = 0
  let kills = 0
  // As fioconfig: another key each time, until there is an answer; then it uses what it got.
  const renewUntilAnswered = async (device: (typeof devices)[number]) => {
    for (;;) {
      const server = { base: served.url, trust: cert }
      try {
        const { device: renewed } = await fioconfig(server, device)
        await est(server, 'cacerts', { device: renewed })
        done++
        return [device.uuid, derOf(renewed.cert)] as const
      } catch (error) {
        // A service that is gone; whoever is refused by one that is there has lost its certificate.
        if (/unexpected status 4/.test(String(error))) throw error
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }
  const queue = [...devices]
  const renewed = new Map<string, Buffer>()
  const lane = async () => {
    for (let device = queue.pop(); device !== undefined; device = queue.pop())
      renewed.set(...(await renewUntilAnswered(device)))
  }
  const killer = async () => {
    for (; kills < KILLS; kills++) {
      const at = ((kills + 1) * KILLED_FLEET) / (KILLS + 2)
      while (done < at) await new Promise((resolve) => setTimeout(resolve, 5))
      await served.stop('SIGKILL')
      served = await start()
    }
  }
  await Promise.all([killer(), ...Array.from({ length: 8 }, lane)])
  expect(await served.stop()).toEqual({ status: 0, signal: null })
  await withRegister(made.directory, async (register) => {
    for (const [uuid, der] of renewed) {
      const { certificates = [] } = (await register.device(uuid)) ?? {}
      const active = certificates.filter(({ state }) => state === 'active')
      expect(active.map((one) => Buffer.from(one.der).equals(der))).toEqual([true])
    }
  })
  expect([renewed.size, kills]).toEqual([KILLED_FLEET, KILLS])
})

/** So many devices of a fleet that asks for new certificates on one day are simulated. */
const FLEET = 10_000

test.runIf(ALL_POINTS)(
  'none of 10,000 devices is refused; how long they take is printed',
  async () => {
    const made = await copiedPki()
    const { certPath, keyPath, cert } = await newServerIdentity()
    const ca = { cert: await made.text('local-ca.pem'), key: await made.text('local-ca.key') }
    const queue = Array.from({ length: FLEET }, () => newDevice(randomUUID(), ca, new Date()))
    const requests = new Map(queue.map((device) => [device.uuid, renewalRequest(device).der.toString('base64')]))
    const words = ['--est', '127.0.0.1:0', '--adopt', '--tls-cert', certPath, '--tls-key', keyPath]
    const served = await serveDevices(['serve', made.directory, ...words], { HOME: made.home.path })
    const times: number[] = []
    const begin = performance.now()
    const lane = async () => {
      for (let device = queue.pop(); device !== undefined; device = queue.pop()) {
        const start = performance.now()
        const body = requests.get(device.uuid) ?? ''
        const headers = { 'Content-Type': 'application/pkcs10' }
        const answer = await est({ base: served.url, trust: cert }, 'simplereenroll', { device, headers, body })
        expect([answer.status, answer.status === 200 ? '' : answer.text]).toEqual([200, ''])
        times.push(performance.now() - start)
      }
    }
    await Promise.all(Array.from({ length: 64 }, () => lane()))
    const seconds = (performance.now() - begin) / 1000
    const p99 = times.toSorted((one, other) => one - other)[Math.floor(times.length * 0.99)] ?? 0
    process.stderr.write(`${FLEET} renewals in ${seconds.toFixed(1)} s, p99 ${p99.toFixed(0)} ms\n`)
    expect(times.length).toBe(FLEET)
  },
  1_200_000,
)
