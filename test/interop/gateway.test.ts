import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { output, runProgram, temporaryDirectory } from '../support/cli.js'
import { withFpkiOnPath } from '../support/on-path.js'
import {
  ask,
  type Device,
  freePort,
  type Nginx,
  startNginx,
  startUpstream,
  TLS_VERSIONS,
  type Upstream,
} from './support/nginx.js'
import {
  concatenated,
  DEVICE,
  deviceCa,
  GATEWAY,
  type KeyAndCertificate,
  newDevice,
  newDeviceByKey,
  newForeignCa,
  newPki,
  newSubordinateCa,
  type Pki,
} from './support/pki.js'

interface Scene {
  readonly pki: Pki
  readonly root: string
  readonly gateway: string
  readonly port: number
  readonly upstream: Upstream
  fpki(words: readonly string[]): Promise<void>
  /** Exports the gateway, the first time or with --replace. */
  exportIt(more?: readonly string[]): Promise<void>
  /** A device with a certificate signed by a CA of the factory. */
  deviceOf(ca: string): Promise<KeyAndCertificate>
}

/** A factory with online-ca, local-ca, a disabled site-b and a revoked site-c, and its exported gateway. */
async function scene(): Promise<Scene> {
  const pki = await newPki()
  const upstream = await startUpstream()
  const port = await freePort()
  const gateway = join(pki.home.path, 'the gateway')
  const fpki: Scene['fpki'] = async (words) => {
    const { status, stderr } = await pki.home.fpki([...words, '--quiet'])
    expect({ words, status, stderr }).toMatchObject({ status: 0, stderr: expect.not.stringContaining('error') })
  }
  const listen = ['--listen', `127.0.0.1:${port}`, '--upstream', upstream.url]
  const exportIt: Scene['exportIt'] = (more = []) =>
    fpki(['api', 'export-gateway', 'acme', gateway, ...listen, ...more])
  const add = ['ca', 'add-device-ca', pki.directory, '--local-ca', '--local-ca-filename']
  await fpki([...add, 'site-b.pem'])
  await fpki([...add, 'site-c.pem'])
  await fpki(['ca', 'disable-device-ca', pki.directory, '--ca-file', 'site-b.pem'])
  await fpki(['ca', 'revoke-device-ca', pki.directory, '--ca-file', 'site-c.pem', '--yes'])
  await exportIt()
  const deviceOf: Scene['deviceOf'] = async (ca) => newDevice(deviceCa(pki, ca), await temporaryDirectory())
  return { pki, root: pki.path('factory_ca.pem'), gateway, port, upstream, fpki, exportIt, deviceOf }
}

/** The HTTP status of each device, over TLS 1.2 and 1.3. */
async function statuses(nginx: Nginx, root: string, devices: Readonly<Record<string, Device>>) {
  const asked = Object.entries(devices).map(async ([name, device]) => {
    const answers = TLS_VERSIONS.map((version) => ask(nginx, root, { ...device, version }))
    return [name, (await Promise.all(answers)).map(({ status }) => status)] as const
  })
  return Object.fromEntries(await Promise.all(asked))
}

const ACCEPTED = [200, 200]
/** nginx completes the handshake, then rejects the request (400, "The SSL certificate error"). */
const REFUSED = [400, 400]

test('nginx admits only devices of the enabled CAs, whatever certificates they send', async () => {
  const { pki, root, gateway, port, upstream, deviceOf } = await scene()
  const [local, disabled, revoked] = await Promise.all(['local-ca', 'site-b', 'site-c'].map(deviceOf))
  const other = deviceCa(await newPki(), 'local-ca')
  const folders = await Promise.all(Array.from({ length: 6 }, temporaryDirectory))
  const newFolder = () => folders.pop() ?? ''
  const ofOther = await newDevice(other, newFolder())
  const expired = await newDevice(deviceCa(pki, 'local-ca'), newFolder(), '-1')
  const subordinate = await newSubordinateCa(deviceCa(pki, 'local-ca'), newFolder())
  const ofSubordinate = await newDevice(subordinate, newFolder())
  const subjectOf = (file: string) => output('openssl', ['x509', '-in', file, '-noout', '-subject'])
  const [localName = ''] = /fio-\w+/.exec(await subjectOf(pki.path('local-ca.pem'))) ?? []
  const sameName = await newForeignCa(newFolder(), `/CN=${localName}/OU=acme`)
  expect(await subjectOf(sameName.certificate)).toBe(await subjectOf(pki.path('local-ca.pem')))
  const ofSameName = await newDevice(sameName, await temporaryDirectory())
  const [siteB, siteC] = [pki.path('site-b.pem'), pki.path('site-c.pem')]
  if (local === undefined || disabled === undefined || revoked === undefined) throw new Error('no devices')

  const attack = { identity: revoked, along: [siteC, root] }
  const nginx = await startNginx(join(gateway, 'nginx.conf'), port)
  expect(
    await statuses(nginx, root, {
      'of local-ca': { identity: local },
      'of online-ca': { identity: await deviceOf('online-ca') },
      'of local-ca, whose identifier was computed from its key': {
        identity: await newDeviceByKey(deviceCa(pki, 'local-ca'), newFolder()),
      },
      'of local-ca, which is sent along': { identity: local, along: [pki.path('local-ca.pem')] },
      'of local-ca, with all above it': { identity: local, along: [pki.path('local-ca.pem'), root] },
      'of a disabled CA': { identity: disabled },
      'of a disabled CA, which is sent along': { identity: disabled, along: [siteB] },
      'of a disabled CA, with all above it': { identity: disabled, along: [siteB, root] },
      'of a revoked CA': { identity: revoked },
      'of a revoked CA, which is sent along': { identity: revoked, along: [siteC] },
      'of a revoked CA, with all above it': attack,
      'of another factory': { identity: ofOther },
      'of another factory, with its CA': { identity: ofOther, along: [other.certificate] },
      'of a CA of the same name': { identity: ofSameName, along: [sameName.certificate] },
      'of a CA below local-ca': { identity: ofSubordinate, along: [subordinate.certificate] },
      expired: { identity: expired },
      'with the certificate of the gateway': {
        identity: { key: pki.serverKey('tls-1.key'), certificate: pki.path('tls-crt') },
      },
      'with none': { identity: null },
    }),
  ).toEqual({
    'of local-ca': ACCEPTED,
    'of online-ca': ACCEPTED,
    'of local-ca, whose identifier was computed from its key': ACCEPTED,
    'of local-ca, which is sent along': ACCEPTED,
    'of local-ca, with all above it': ACCEPTED,
    'of a disabled CA': REFUSED,
    'of a disabled CA, which is sent along': REFUSED,
    'of a disabled CA, with all above it': REFUSED,
    'of a revoked CA': REFUSED,
    'of a revoked CA, which is sent along': REFUSED,
    'of a revoked CA, with all above it': REFUSED,
    'of another factory': REFUSED,
    'of another factory, with its CA': REFUSED,
    'of a CA of the same name': REFUSED,
    'of a CA below local-ca': REFUSED,
    expired: REFUSED,
    'with the certificate of the gateway': REFUSED,
    'with none': REFUSED,
  })
  expect(upstream.seen.length).toBe(5 * TLS_VERSIONS.length)

  // The attack is real: with the root among the CAs, as in many guides, nginx admits the same device.
  const folder = await temporaryDirectory()
  const withRoot = await concatenated(folder, 'with-root.pem', join(gateway, 'device-cas.pem'), root)
  const naivePort = await freePort()
  const naive = (await readFile(join(gateway, 'nginx.conf'), 'utf8'))
    .replace(`127.0.0.1:${port}`, `127.0.0.1:${naivePort}`)
    .replace(`"${join(gateway, 'device-cas.pem')}"`, `"${withRoot}"`)
  await writeFile(join(folder, 'naive.conf'), naive)
  const open = await startNginx(join(folder, 'naive.conf'), naivePort)
  expect(await statuses(open, root, { attack })).toEqual({ attack: ACCEPTED })
})

test('the upstream gets the identity of the device, and not what the device claims', async () => {
  const { root, gateway, port, upstream, deviceOf } = await scene()
  const identity = await deviceOf('local-ca')
  const nginx = await startNginx(join(gateway, 'nginx.conf'), port)
  const headers = {
    'X-Device-Subject': 'CN=root',
    'X-Device-Serial': '1',
    'X-Device-Certificate': 'x',
    X_Device_Subject: 'y',
  }
  expect(await ask(nginx, root, { identity, headers })).toMatchObject({ status: 200, body: 'hello device' })
  const [seen = {}] = upstream.seen
  expect(seen['x-device-subject']).toMatch(new RegExp(`OU=acme,CN=${DEVICE}$`))
  expect(seen['x-device-serial']).toBe(DEVICE.replaceAll('-', '').toUpperCase())
  const pem = decodeURIComponent(String(seen['x-device-certificate']))
  const fingerprint = ['x509', '-noout', '-fingerprint', '-sha256']
  expect(await output('openssl', fingerprint, { stdin: pem })).toBe(
    await output('openssl', [...fingerprint, '-in', identity.certificate]),
  )
  expect(
    Object.keys(seen)
      .filter((name) => /device/i.test(name))
      .sort(),
  ).toEqual(['x-device-certificate', 'x-device-serial', 'x-device-subject'])
  expect(seen.host).toBe(GATEWAY)
})

test('a new export takes effect for new connections after a reload', async () => {
  const { pki, root, gateway, port, fpki, exportIt, deviceOf } = await scene()
  const identity = await deviceOf('local-ca')
  const nginx = await startNginx(join(gateway, 'nginx.conf'), port)
  const serialOf = async (file: string) =>
    (await output('openssl', ['x509', '-in', pki.path(file), '-noout', '-serial'])).trim().replace('serial=', '')
  const first = await Promise.all(TLS_VERSIONS.map((version) => ask(nginx, root, { identity, version })))
  const serverSerial = await serialOf('tls-crt')
  for (const answer of first) expect(answer).toMatchObject({ status: 200, serverSerial })
  const update = async () => {
    await exportIt(['--replace'])
    await nginx.reload()
  }

  await fpki(['ca', 'disable-device-ca', pki.directory, '--ca-file', 'local-ca.pem'])
  await fpki(['ca', 'rotate-tls', pki.directory])
  await update()
  const again = await Promise.all(
    first.map(({ session }, at) => ask(nginx, root, { identity, session, version: TLS_VERSIONS[at] ?? 'TLSv1.3' })),
  )
  const newSerial = await serialOf('tls-crt')
  expect(newSerial).not.toBe(serverSerial)
  for (const answer of again) expect(answer).toMatchObject({ status: 400, isResumed: false, serverSerial: newSerial })
  expect((await ask(nginx, root, { identity: await deviceOf('online-ca') })).status).toBe(200)

  await fpki(['ca', 'disable-device-ca', pki.directory, '--ca-file', 'online-crt', '--yes'])
  await update()
  const all = { local: { identity }, online: { identity: await deviceOf('online-ca') }, none: { identity: null } }
  expect(await statuses(nginx, root, all)).toEqual({ local: [403, 403], online: [403, 403], none: [403, 403] })

  await fpki(['ca', 'enable-device-ca', pki.directory, '--ca-file', 'local-ca.pem'])
  await update()
  expect(await statuses(nginx, root, all)).toEqual({ local: ACCEPTED, online: REFUSED, none: REFUSED })
})

test('devices can connect to the IP addresses of a gateway', async () => {
  const { pki, root, gateway, port, fpki, exportIt, deviceOf } = await scene()
  const identity = await deviceOf('local-ca')
  const nginx = await startNginx(join(gateway, 'nginx.conf'), port)
  const byAddress = { byAddress: { identity, byAddress: true as const } }
  expect(await statuses(nginx, root, byAddress)).toEqual({ byAddress: [null, null] })

  await fpki(['ca', 'rotate-tls', pki.directory, '--tls-name', '2001:db8::1', '--tls-name', '127.0.0.1'])
  await exportIt(['--replace'])
  await nginx.reload()
  expect(await statuses(nginx, root, byAddress)).toEqual({ byAddress: ACCEPTED })
  expect(await readFile(join(gateway, 'nginx.conf'), 'utf8')).toContain('server_name [2001:db8::1] 127.0.0.1;\n')
})

test('the commands of docs/gateway.md work as written', async () => {
  const guide = await readFile(fileURLToPath(new URL('../../docs/gateway.md', import.meta.url)), 'utf8')
  const [first = '', again = '', ...more] = [...guide.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, text = '']) => text)
  expect(more).toEqual([])
  const pki = await newPki()
  const [port, upstream, env] = [await freePort(), await startUpstream(), await withFpkiOnPath(pki.home)]
  const gateway = join(pki.home.path, 'gateway')
  const run = async (lines: string) => {
    const here = lines.replaceAll('/srv/gateway', gateway).replaceAll('8443', `127.0.0.1:${port}`)
    const script = `set -e\n${here.replaceAll('http://127.0.0.1:8080', upstream.url)}`
    const { status, stderr } = await runProgram('sh', ['-c', script], { env })
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  }
  await run(first)
  const nginx = await startNginx(join(gateway, 'nginx.conf'), port)
  const wrapper = `#!/bin/sh\nexec /usr/sbin/nginx ${nginx.flags.join(' ')} "$@"\n`
  const identity = await newDevice(deviceCa(pki, 'local-ca'), await temporaryDirectory())
  expect(await statuses(nginx, pki.path('factory_ca.pem'), { identity: { identity } })).toEqual({ identity: ACCEPTED })
  await pki.home.fpki(['ca', 'disable-device-ca', pki.directory, '--ca-file', 'local-ca'])
  await writeFile(join(pki.home.path, 'bin', 'nginx'), wrapper, { mode: 0o755 })
  await nginx.reload(() => run(again))
  expect(await statuses(nginx, pki.path('factory_ca.pem'), { identity: { identity } })).toEqual({ identity: REFUSED })
})
