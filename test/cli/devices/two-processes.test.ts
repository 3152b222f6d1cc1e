import { randomUUID } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { ALL_DEVICES } from '../../../src/devices/register.js'
import type { Ended } from '../../support/cli.js'
import { deviceCsrs } from '../../support/device-requests.js'
import { copiedPki, x509 } from '../made.js'
import { registered, withRegister } from './scene.js'

/** The numbers in the summary of a batch. */
function countsOf(stderr: string) {
  const [, issued, reused, refused] = /(\d+) issued, (\d+) reused, (\d+) refused/.exec(stderr) ?? []
  return { issued: Number(issued), reused: Number(reused), refused: Number(refused) }
}

test('two processes that create the register and issue overlapping batches at once issue each device once', async () => {
  const pki = await copiedPki()
  const requests = deviceCsrs(400)
  const parts = [requests.slice(0, 300), requests.slice(100)]
  const started = parts.map(async (part, at) => {
    const from = join(pki.home.path, `requests-${at}.pem`)
    await writeFile(from, part.map(({ pem }) => pem).join(''))
    return pki.home.spawn(['devices', 'issue', pki.directory, '--from', from, '--out', '-'])
  })
  const ends = await Promise.all(started)
  const shown = new Map<string, string>()
  for (const [at, { status, stdout, stderr }] of ends.entries()) {
    expect(status, stderr).toBe(0)
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(rows.map(({ uuid }) => uuid)).toEqual(parts[at]?.map(({ uuid }) => uuid))
    for (const { uuid, certificate } of rows) {
      expect(shown.get(uuid) ?? certificate).toBe(certificate)
      shown.set(uuid, certificate)
    }
  }
  const counts = ends.map(({ stderr }) => countsOf(stderr))
  expect(counts.map(({ issued, reused }) => issued + reused)).toEqual([300, 300])
  expect(counts.reduce((sum, { issued }) => sum + issued, 0)).toBe(400)
  expect((await registered(pki.directory)).size).toBe(400)
  expect(await withRegister(pki.directory, ({ head }) => head())).toMatchObject({ certificates: 400 })
  expect((await readdir(pki.directory)).filter((name) => name.includes('fpki-unfinished'))).toEqual([])
})

test('two processes that make keys in one folder at once make one key for each device', async () => {
  const pki = await copiedPki()
  const uuids = Array.from({ length: 40 }, () => randomUUID())
  const [from, out] = [join(pki.home.path, 'uuids.txt'), join(pki.home.path, 'devices')]
  await writeFile(from, uuids.join('\n'))
  const words = ['devices', 'issue', pki.directory, '--from', from, '--make-keys', '--out', out]
  const ends = await Promise.all([pki.home.spawn(words), pki.home.spawn(words)])
  for (const { status, stderr } of ends) expect(status, stderr).toBe(0)
  expect(ends.map(({ stderr }) => countsOf(stderr).issued).sort((a, b) => a - b)).toEqual([0, 40])
  expect(await withRegister(pki.directory, ({ head }) => head())).toMatchObject({ certificates: 40 })
  const folders = (await readdir(out)).filter((name) => !name.startsWith('.'))
  expect(folders.sort()).toEqual([...uuids].sort())
  const [one = ''] = uuids
  const serial = (await registered(pki.directory)).get(one)?.certificate.serial
  expect(await x509(join(out, one, 'client.pem'), '-serial')).toBe(`serial=${serial?.toUpperCase()}`)
})

test('a job that makes keys in another folder makes none for the devices of a job that is running', async () => {
  const pki = await copiedPki()
  const at = (name: string) => join(pki.home.path, name)
  const words = (from: string, out: string) => {
    return ['devices', 'issue', pki.directory, '--from', from, '--make-keys', '--out', at(out)]
  }
  let second: Ended | null = null
  const first = await pki.home.spawn(words('-', 'first'), {
    keepStdin: true,
    onStart: async ({ stdin }) => {
      stdin?.write(Array.from({ length: 256 }, () => `${randomUUID()}\n`).join(''))
      // A chunk is issued, and the job waits for more.
      await vi.waitUntil(async () => (await registered(pki.directory)).size === 256, { timeout: 60_000, interval: 100 })
      await writeFile(at('uuids.txt'), [...(await registered(pki.directory)).keys()].slice(0, 2).join('\n'))
      second = await pki.home.spawn(words(at('uuids.txt'), 'second'))
      stdin?.end()
    },
  })
  expect(first).toMatchObject({ status: 0, stderr: expect.stringContaining('256 issued') })
  expect(second).toMatchObject({ status: 12, stderr: expect.stringContaining('(uuid-taken; 1 more)') })
  const abandoned = { ...ALL_DEVICES, state: 'abandoned' } as const
  expect(await withRegister(pki.directory, ({ count }) => count(abandoned))).toMatchObject({ devices: 0 })
  expect((await readdir(pki.directory)).filter((name) => name.includes('job'))).toEqual([])
})
