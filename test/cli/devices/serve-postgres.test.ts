import { chmod } from 'node:fs/promises'
import { expect, test, vi } from 'vitest'
import { temporaryDirectory } from '../../support/cli.js'
import { deviceCsr } from '../../support/device-requests.js'
import { PATIENT } from '../../support/patience.js'
import { launchPostgres, startPostgres, stopPostgres } from '../../support/postgres.js'
import { deviceFile, lmpDeviceRegister } from '../../support/register-client.js'
import { clientOf, serveDevices } from '../../support/served-devices.js'
import { copiedPki } from '../made.js'

const SERVERS = ['--gateway', 'https://gw.acme.example:8443', '--ostree', 'https://ostree.acme.example:8443']

test('two services share a register in PostgreSQL, and go on after it was away', async () => {
  const folder = await temporaryDirectory()
  await chmod(folder, 0o711)
  const server = await startPostgres(folder, process.pid)
  const store = ['--store', `postgres:///postgres?host=${server.socket}&port=${server.port}&user=fpki`]
  const { home, directory } = await copiedPki()
  const run = async (...words: readonly string[]) => {
    const { status, stdout, stderr } = await home.fpki([...words, ...store])
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    return stdout.trim()
  }
  await run('devices', 'store', 'init', directory)
  await run('lines', 'create', directory, 'site-a')
  const token = await run('lines', 'token', directory, 'site-a', '--uses', '2')
  const words = ['serve', directory, '--register', '127.0.0.1:0', '--no-tls', ...SERVERS, ...store]
  const served = [await serveDevices(words, { HOME: home.path }), await serveDevices(words, { HOME: home.path })]
  const clients = await Promise.all(served.map((one) => clientOf(one, { token })))
  const register = async (service: number, { uuid, pem }: ReturnType<typeof deviceCsr>) => {
    const [client = clients[0]] = clients.slice(service)
    if (client === undefined) throw new Error('no service')
    const out = await temporaryDirectory()
    const { status } = await lmpDeviceRegister(client, { uuid, csr: pem }, out)
    return { status, certificate: status === 201 ? await deviceFile(out, 'client.pem') : null }
  }
  const [first, second, third] = [deviceCsr(), deviceCsr(), deviceCsr()]
  const issued = await register(0, first)
  expect(issued).toMatchObject({ status: 201, certificate: expect.stringContaining('BEGIN CERTIFICATE') })
  expect(await register(1, first)).toEqual(issued)
  expect(await register(1, second)).toMatchObject({ status: 201 })
  expect(await register(0, third)).toMatchObject({ status: 403 })
  await stopPostgres(server.data)
  expect(await register(0, first)).toMatchObject({ status: 503 })
  expect(await register(1, second)).toMatchObject({ status: 503 })
  launchPostgres(server, process.pid)
  for (const service of [0, 1])
    await vi.waitFor(async () => expect(await register(service, first)).toEqual(issued), PATIENT)
  expect(JSON.parse(await run('devices', 'count', directory, '--json'))).toMatchObject({ devices: 2 })
  await stopPostgres(server.data)
})
