import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connect, pragma } from '../../../src/devices/sqlite.js'
import { output, runProgram } from '../../support/cli.js'
import { registerOf, withRegister } from '../../support/device-register.js'
import { deviceCsr } from '../../support/device-requests.js'
import { PATIENT } from '../../support/patience.js'
import { ALL_POINTS } from '../../support/points.js'
import { replay, send } from '../../support/register-client.js'
import { clientOf, lineWithToken, type ServedDevices, serveDevices } from '../../support/served-devices.js'
import { copiedPki, type Made } from '../made.js'

/** What keeps the register of a service from growing, until it is freed. */
interface FullDisk {
  fill(served: ServedDevices): Promise<void>
  free(served: ServedDevices): Promise<void>
}

const SIZE = 4 * 1024 * 1024

/** The PKI directory becomes a small file system. */
async function smallDisk({ directory, home }: Made): Promise<FullDisk> {
  const original = join(home.path, 'original')
  await rename(directory, original)
  await mkdir(directory, { mode: 0o700 })
  await output('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=0700`, 'tmpfs', directory])
  // SQLite keeps files open until this process ends.
  onTestFinished(async () => {
    await output('umount', ['--lazy', directory])
  })
  await output('cp', ['-a', `${original}/.`, directory])
  const filler = join(directory, 'filler')
  return {
    fill: () => expect(writeFile(filler, Buffer.alloc(SIZE))).rejects.toMatchObject({ code: 'ENOSPC' }),
    free: () => rm(filler),
  }
}

/** The process may write nothing more to files, as with a quota. */
async function fileLimit(): Promise<FullDisk> {
  const limit = async ({ pid }: ServedDevices, octets: string) => {
    await output('prlimit', ['--pid', String(pid), `--fsize=${octets}:`])
  }
  return { fill: (served) => limit(served, '1'), free: (served) => limit(served, 'unlimited') }
}

/** In a container, nobody may mount anything. */
async function canMount(): Promise<boolean> {
  return (await runProgram('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'])).status === 0
}

const DISKS: readonly (readonly [string, (made: Made) => Promise<FullDisk>])[] = [
  ['the disk is full', smallDisk],
  ['files may not grow', fileLimit],
]

/** `npm test` has the real one where it can. */
const TRIED = (await canMount()) ? DISKS.slice(0, ALL_POINTS ? 2 : 1) : DISKS.slice(1)

test.each(TRIED)('while %s, nobody is registered; then the service goes on without a restart', async (_, newDisk) => {
  const made = await copiedPki()
  const { directory } = made
  const disk = await newDisk(made)
  const token = await lineWithToken(directory, 'site-a', { quota: 3 })
  const words = ['--register', '127.0.0.1:0', '--status', '127.0.0.1:0', '--no-tls']
  const gateway = ['--gateway', 'https://gw.acme.example:8443']
  const served = await serveDevices(['serve', directory, ...words, ...gateway], { HOME: made.home.path })
  const [, status = ''] = /^Status at (\S+)$/m.exec(served.said()) ?? []
  const options = await clientOf(served, { token })
  const register = async ({ uuid, pem }: ReturnType<typeof deviceCsr>) =>
    replay(options, { path: '/sign', body: JSON.stringify({ uuid, csr: pem }) })
  const get = async (api: string, path: string) => {
    const answer = await send({ api }, { method: 'GET', path })
    return { status: answer.status, message: JSON.parse(answer.text).message }
  }
  const [first, second, third] = [deviceCsr(), deviceCsr(), deviceCsr()]
  expect((await register(first)).status).toBe(201)

  await disk.fill(served)
  const away = { status: 503, message: 'the device register is not available' }
  for (const device of [second, third, second]) {
    const answer = await register(device)
    expect({ status: answer.status, ...JSON.parse(answer.text) }).toEqual(away)
  }
  expect(await get(served.url, '/sign')).toEqual(away)
  expect(await get(status, '/readyz')).toEqual(away)
  expect((await send({ api: status }, { method: 'GET', path: '/metrics' })).text).toMatch(
    /^fpki_registration_available 0$/m,
  )

  await disk.free(served)
  expect((await register(second)).status).toBe(201)
  await vi.waitFor(async () => expect((await get(served.url, '/sign')).status).toBe(200), PATIENT)
  expect((await get(status, '/readyz')).status).toBe(200)
  expect(await served.stop()).toEqual({ status: 0, signal: null })

  const found = await withRegister(directory, async (open) => {
    const devices = await Promise.all([first, second, third].map(({ uuid }) => open.device(uuid)))
    const certificates = devices.map((device) => device?.certificates.length ?? 0)
    return { issued: (await open.lines.get('site-a'))?.issued, certificates }
  })
  expect(found).toEqual({ issued: 2, certificates: [1, 1, 0] })
  const connection = await connect(registerOf(directory), 'read')
  expect(pragma(connection, 'integrity_check')).toBe('ok')
  await connection.close()
})
