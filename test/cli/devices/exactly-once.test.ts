import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DEFAULT_LINE } from '../../../src/devices/register.js'
import { output } from '../../support/cli.js'
import { deviceCsrs } from '../../support/device-requests.js'
import { ALL_POINTS } from '../../support/points.js'
import { expectSignedOnce, type KilledJob, type KilledRun, killedJob, type RandomKill } from './killed-job.js'
import { registered, withRegister } from './scene.js'

/** How many devices, and how often their job is killed. */
interface Size {
  readonly rows: number
  readonly kills: number
}

const sizeOf = (rows: number, kills: number): Size => (ALL_POINTS ? { rows: 10_000, kills: 20 } : { rows, kills })

/** The certificate of each device, PEM, by UUID. */
type Shown = ReadonlyMap<string, string>

/**
 * Kills a job again and again, and lets it finish at last. What a run has shown, or the register, stays as it is.
 *
 * @param shownBy what can be seen of a run once it has ended
 */
async function killAndResume(
  job: KilledJob,
  { rows, kills }: Size,
  words: readonly string[],
  shownBy: (run: KilledRun) => Promise<Shown>,
  stdin?: string,
): Promise<Shown> {
  const all = new Map<string, string>()
  const runs: (KilledRun & { visibleBefore: ReadonlySet<string> })[] = []
  for (let killed = 0; killed <= kills; killed++) {
    const left = rows - all.size
    const visibleBefore = new Set(all.keys())
    const most = Math.max(1, Math.floor((2 * left) / (kills - killed + 1)))
    // The first kill does not wait, so that at least one run does not end before it.
    const kill: RandomKill = { between: [1, most], ...(killed === 0 ? { delay: -1 } : {}) }
    const run = await job.run(words, killed === kills ? null : kill, stdin)
    expect([0, null], run.moment).toContain(run.status)
    runs.push({ ...run, visibleBefore })
    const inRegister = [...(await registered(job.directory))].map(
      ([uuid, { certificate }]) => [uuid, certificate.der] as const,
    )
    const stored = inRegister.map(([uuid, der]) => [uuid, new X509Certificate(der).toString()] as const)
    for (const [uuid, pem] of [...stored, ...(await shownBy(run))]) {
      expect(all.get(uuid) ?? pem, run.moment).toBe(pem)
      all.set(uuid, pem)
    }
  }
  const last = runs.at(-1)
  expect(last, last?.stderr).toMatchObject({ status: 0, signal: null })
  expect(runs.filter(({ signal }) => signal === 'SIGKILL').length).toBeGreaterThan(0)
  expectSignedOnce(runs)
  expect(new Set(runs.flatMap(({ signed }) => signed)).size).toBe(rows)
  if (last === undefined) throw new Error('nothing was run')
  const shown = await shownBy(last)
  expect(new Map([...shown].sort())).toEqual(new Map([...all].sort()))
  return shown
}

/** Each device has a certificate of its own, which OpenSSL accepts under the root. */
async function expectDevices(job: KilledJob, shown: Shown, uuids: readonly string[]): Promise<void> {
  expect([...shown.keys()].sort()).toEqual([...uuids].sort())
  const certificates = [...shown.values()].map((pem) => new X509Certificate(pem))
  for (const [at, uuid] of [...shown.keys()].entries()) expect(certificates[at]?.subject).toContain(`CN=${uuid}`)
  const devices = await registered(job.directory)
  expect([...devices.keys()].sort()).toEqual([...uuids].sort())
  expect(new Set(certificates.map(({ serialNumber }) => serialNumber)).size).toBe(uuids.length)
  const keys = certificates.map(({ publicKey }) => publicKey.export({ format: 'der', type: 'spki' }).toString('hex'))
  expect(new Set(keys).size).toBe(uuids.length)
  const files = await Promise.all(
    [...shown].map(async ([uuid, pem]) => {
      const file = join(job.home.path, `${uuid}.pem`)
      await writeFile(file, pem)
      return file
    }),
  )
  const trust = ['-CAfile', job.path('factory_ca.pem'), '-untrusted', job.path('local-ca.pem')]
  const verified = await output('openssl', ['verify', '-x509_strict', '-purpose', 'sslclient', ...trust, ...files])
  expect(verified.match(/: OK$/gm)).toHaveLength(uuids.length)
}

/** The complete folders of an output. */
async function foldersIn(out: string): Promise<Shown> {
  const shown = new Map<string, string>()
  for (const uuid of await readdir(out).catch(() => [])) {
    if (!/^[0-9a-f-]{36}$/.test(uuid)) continue
    const pem = await readFile(join(out, uuid, 'client.pem'), 'utf8').catch(() => null)
    if (pem !== null) shown.set(uuid, pem)
  }
  return shown
}

/** The complete lines on stdout. */
function linesIn(stdout: string): Shown {
  const rows = stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
  return new Map(rows.map(({ uuid, certificate }) => [uuid, certificate]))
}

test('a job that is killed again and again makes each folder once', async () => {
  const size = sizeOf(300, 2)
  const job = await killedJob()
  const requests = deviceCsrs(size.rows)
  const [from, out] = [join(job.home.path, 'requests.pem'), join(job.home.path, 'devices')]
  await writeFile(from, requests.map(({ pem }) => pem).join(''))
  const shown = await killAndResume(job, size, ['--from', from, '--out', out], () => foldersIn(out))
  await expectDevices(
    job,
    shown,
    requests.map(({ uuid }) => uuid),
  )
  expect((await readdir(out)).length).toBe(size.rows)
})

test('so does one whose requests are on stdin, and whose certificates are on stdout', async () => {
  const size = sizeOf(300, 1)
  const job = await killedJob()
  const requests = deviceCsrs(size.rows)
  const stdin = requests.map(({ pem }) => pem).join('')
  const shown = await killAndResume(
    job,
    size,
    ['--from', '-', '--out', '-'],
    async ({ stdout }) => linesIn(stdout),
    stdin,
  )
  await expectDevices(
    job,
    shown,
    requests.map(({ uuid }) => uuid),
  )
})

test('a key that is gone after a kill is made again, and one of a finished job is not', async () => {
  const job = await killedJob()
  const uuids = Array.from({ length: 270 }, () => randomUUID())
  const [from, out] = [join(job.home.path, 'uuids.txt'), join(job.home.path, 'devices')]
  await writeFile(from, uuids.join('\n'))
  const words = ['--from', from, '--make-keys', '--out', out]
  const keyOf = (uuid: string) => join(out, uuid, 'pkey.pem')
  // In the second chunk, so that the first one is recorded.
  await job.run(words, { between: [257, 270], delay: -1 })
  await withRegister(job.directory, ({ lines }) => lines.change(DEFAULT_LINE, { reissueWindow: 0 }))
  const first = await registered(job.directory)
  expect(first.size).toBeGreaterThanOrEqual(256)
  const [withoutFolder = '', withoutKey = ''] = first.keys()
  await rm(join(out, withoutFolder), { recursive: true })
  await rm(keyOf(withoutKey))

  // The new keys are in their places, and not recorded yet.
  const second = await job.run(words, { between: [1, 1], delay: -1 })
  expect(second).toMatchObject({ signal: 'SIGKILL' })
  expect(await readdir(join(out, withoutFolder))).toEqual(['pkey.pem'])
  const last = await job.run(words, null)
  expect(last).toMatchObject({ status: 0 })
  const shown = await foldersIn(out)
  await expectDevices(job, shown, uuids)
  for (const [uuid, pem] of shown) {
    const key = createPrivateKey(await readFile(keyOf(uuid)))
    expect(new X509Certificate(pem).checkPrivateKey(key), uuid).toBe(true)
  }
  await withRegister(job.directory, async (register) => {
    for (const uuid of [withoutFolder, withoutKey])
      expect((await register.device(uuid))?.certificates.map(({ state }) => state)).toEqual(['active', 'abandoned'])
    const { certificates } = await register.head()
    expect(certificates).toBe(272)
  })

  await rm(keyOf(withoutKey))
  const late = await job.home.fpki(['devices', 'issue', job.directory, ...words])
  expect(late).toMatchObject({ status: 12 })
  expect(late.stderr).toContain('269 reused, 1 refused')
  expect(late.stderr).toContain('(uuid-taken)')
})
