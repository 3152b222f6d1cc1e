import { expect, test } from 'vitest'
import { FpkiError } from '../../../../src/errors.js'
import { openRefusedFile } from '../../../../src/operations/devices/output/refused-file.js'
import type { FileSystem } from '../../../../src/ports.js'
import { failAt, isStop, pointsOf, stepsOf, stopAt } from '../../../support/disturb.js'
import { type MemoryDisk, memoryDisk, type StepHooks } from '../../../support/memory-disk.js'
import { pointsToTry } from '../../../support/points.js'
import { ANSWERS, batchesOn, DEVICES, newKey, openOn, SETTINGS } from './support/scene.js'

const OUT = '/devices'
const FILE = '/devices.tar'
const REFUSED = '/refused.jsonl'
const TWO = DEVICES.slice(0, 2)
const KEYS = TWO.map(({ uuid }) => ({ uuid, ...newKey() }))
const OLD = newKey()

type Run = (fs: FileSystem) => Promise<void>

/** Keys, then certificates; the first device has a complete folder with another certificate, and the second a key alone. */
const foldersSynced =
  (many?: number): Run =>
  async (fs) => {
    const output = await openOn(
      { target: { kind: 'folder', path: OUT }, format: 'sota', makesKeys: true },
      { fs, many },
    )
    try {
      await output.keys?.write(KEYS)
      await output.write(TWO)
    } catch (error) {
      await output.stop().catch(() => undefined)
      throw error
    }
    await output.finish()
  }

const reissuedSynced =
  (many?: number): Run =>
  async (fs) => {
    const output = await openOn({ target: { kind: 'folder', path: OUT }, format: 'sota' }, { fs, many })
    try {
      await output.write(TWO)
    } catch (error) {
      await output.stop().catch(() => undefined)
      throw error
    }
    await output.finish()
  }

/** Fails like a machine that has no sync program. */
const onDiskWithoutSync =
  (run: Run): Run =>
  (fs) =>
    run({ ...fs, openSync: async () => null })

const file: Run = async (fs) => {
  const output = await openOn({ target: { kind: 'file', path: FILE }, format: 'tar' }, { fs })
  try {
    for (const device of TWO) await output.write([device])
    await output.finish()
  } catch (error) {
    await output.stop().catch(() => undefined)
    throw error
  }
}

const refused: Run = async (fs) => {
  const list = await openRefusedFile(REFUSED, batchesOn(fs))
  await list.write([{ kind: 'refused', at: 'line 1', uuid: null, code: 'quota', reason: 'a' }])
  await list.finish()
}

async function startOf(name: string): Promise<MemoryDisk> {
  const disk = memoryDisk()
  const fs = disk.mount()
  if (name.startsWith('folders')) {
    const output = await openOn({ target: { kind: 'folder', path: OUT }, format: 'sota', makesKeys: true }, { fs })
    await output.keys?.write(TWO.map(({ uuid }) => ({ uuid, privateKeyPem: OLD.privateKeyPem })))
    await output.write(TWO.slice(0, 1))
    await output.finish()
  }
  if (name.startsWith('reissued')) {
    const output = await openOn({ target: { kind: 'folder', path: OUT }, format: 'sota' }, { fs })
    await output.write(TWO.slice(0, 1).map((device) => ({ ...device, der: TWO[1]?.der ?? device.der })))
    await output.finish()
  }
  if (name === 'refused') await refused(fs)
  expect([...disk.contents().keys()].filter((path) => path.includes('.fpki-unfinished'))).toEqual([])
  return disk
}

/** What is on a disk but locks and what is not complete. */
function shown(disk: MemoryDisk) {
  return new Map([...disk.contents()].filter(([path]) => !path.includes('.fpki-unfinished') && !path.endsWith('.lock')))
}

/** The files of runs that nothing disturbed; the same runs write the same octets. */
const undisturbed = memoryDisk()
await file(undisturbed.mount())
await refused(undisturbed.mount())

/** Whatever happened: what has its name is complete, and has its mode. */
function checkInvariants(disk: MemoryDisk): void {
  const contents = shown(disk)
  for (const path of [FILE, REFUSED])
    if (contents.has(path)) expect(contents.get(path)).toEqual(undisturbed.contents().get(path))
  for (const [path, { mode, text }] of contents) {
    const [, folder = '', name = ''] = /^\/devices\/([^/]+)\/(.+)$/.exec(path) ?? []
    if (name === 'pkey.pem') {
      expect(mode).toBe(0o600)
      expect([OLD, ...KEYS].map(({ privateKeyPem }) => privateKeyPem)).toContain(text)
    }
    if (name === 'client.pem') {
      expect(ANSWERS.map(({ answer }) => answer['client.pem'])).toContain(text)
      for (const other of ['client.chained', 'root.crt', 'sota.toml'])
        expect(contents.get(`/devices/${folder}/${other}`), `${folder}/${other}`).toBeDefined()
      expect(contents.get(`/devices/${folder}/root.crt`)?.text).toBe(SETTINGS.rootPem)
      expect(contents.get(`/devices/${folder}/client.chained`)?.text).toBe(`${text}\n${SETTINGS.caPem}`)
    }
  }
}

/** The devices have what the last run gave them, and nothing is left of what was interrupted. */
function checkEnd(disk: MemoryDisk, name: string): void {
  checkInvariants(disk)
  const contents = disk.contents()
  expect([...contents.keys()].filter((path) => path.includes('.fpki-unfinished'))).toEqual([])
  if (name === 'file') expect(contents.get(FILE)?.text).toContain(TWO[1]?.uuid)
  if (name === 'refused') expect(contents.get(REFUSED)?.text).toContain('line 1')
  if (name === 'refused') expect(contents.get(`${REFUSED}.bak`)?.text).toContain('line 1')
  if (name === 'file' || name === 'refused') return
  for (const [at, { uuid }] of TWO.entries()) {
    expect(contents.get(`${OUT}/${uuid}/client.pem`)?.text).toBe(ANSWERS[at]?.answer['client.pem'])
    if (name.startsWith('folders')) expect(contents.get(`${OUT}/${uuid}/pkey.pem`)?.text).toBe(KEYS[at]?.privateKeyPem)
  }
}

/** The same again; a file that is complete after all is refused. */
async function again(disk: MemoryDisk, run: Run): Promise<void> {
  await run(disk.mount()).catch((error: unknown) => {
    if (!(error instanceof FpkiError) || error.code !== 'ERR_EXISTS') throw error
  })
}

const RUNS = {
  folders: foldersSynced(),
  'folders, synced together': foldersSynced(1),
  'folders, where nothing can be synced together': onDiskWithoutSync(foldersSynced(1)),
  reissued: reissuedSynced(),
  'reissued, synced together': reissuedSynced(1),
  file,
  refused,
}
const CASES = Object.entries(RUNS)

test.each(CASES)('every disk error is reported, and the same command ends well: %s', async (name, run) => {
  const start = await startOf(name)
  const steps = await stepsOf(({ disk }) => run(start.copy().mount(disk)))
  for (const point of pointsToTry(steps, `outputs fail ${name}`)) {
    for (const [code, lasting] of [
      ['EIO', false],
      ['ENOSPC', true],
    ] as const) {
      const disk = start.copy()
      const hooks = failAt(point, code, lasting)
      const failure = await run(disk.mount(hooks)).then(
        () => null,
        (error: unknown) => error,
      )
      if (failure !== null) expect(failure, `${code} at ${point}`).toMatchObject({ code: 'ERR_STORAGE' })
      checkInvariants(disk)
      disk.loseProcess()
      await again(disk, run)
      checkEnd(disk, name)
    }
  }
})

const LOSSES: Readonly<Record<string, (disk: MemoryDisk, seed: string) => void>> = {
  'the process dies': (disk) => disk.loseProcess(),
  'the power fails': (disk) => disk.losePower(),
  'the power fails, names in any order': (disk, seed) => disk.losePowerInAnyOrder(seed),
}

test.each(CASES.flatMap(([name, run]) => Object.entries(LOSSES).map(([how, lose]) => ({ name, run, how, lose }))))(
  'at every point, $how: $name',
  async ({ name, run, how, lose }) => {
    const start = await startOf(name)
    const points = await pointsOf(({ disk }) => run(start.copy().mount(disk)))
    for (const point of pointsToTry(points, `outputs ${how} ${name}`)) {
      const disk = start.copy()
      const { disturbance } = stopAt(point)
      await run(disk.mount(disturbance.disk as StepHooks)).catch((error: unknown) => {
        if (!isStop(error)) throw error
      })
      lose(disk, String(point))
      checkInvariants(disk)
      await again(disk, run)
      checkEnd(disk, name)
    }
  },
)

test.each([
  ['one by one', undefined],
  ['together', 1],
])('what was written is on the disk, synced %s: keys before their rows, certificates after', async (how, many) => {
  const disk = memoryDisk()
  const steps = new Map<string, number>()
  const fs = disk.mount({ before: (step) => steps.set(step, (steps.get(step) ?? 0) + 1) })
  const output = await openOn({ target: { kind: 'folder', path: OUT }, format: 'sota', makesKeys: true }, { fs, many })
  await output.keys?.write(KEYS)
  const afterKeys = disk.copy()
  afterKeys.losePower()
  for (const { uuid, privateKeyPem } of KEYS)
    expect(afterKeys.contents().get(`${OUT}/${uuid}/pkey.pem`)).toEqual({ mode: 0o600, text: privateKeyPem })
  await output.write(TWO)
  await output.finish()
  disk.losePower()
  checkEnd(disk, 'folders')
  // Contents of keys, their names; the other files, the names of the certificates.
  expect(steps.get('syncfs')).toBe(how === 'together' ? 4 : undefined)
})
