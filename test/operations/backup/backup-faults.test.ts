import { describe, expect, test } from 'vitest'
import { EXIT } from '../../../src/cli/exit.js'
import { newEnvelope } from '../../../src/containers/cms/envelope.js'
import { FpkiError } from '../../../src/errors.js'
import { backupPki, prepareBackupTarget } from '../../../src/operations/backup/backup-pki.js'
import { withManifest } from '../../../src/operations/backup/manifest.js'
import { restorePki } from '../../../src/operations/backup/restore-pki.js'
import type { DurableFiles } from '../../../src/ports.js'
import { type ArchiveEntry, writeArchive } from '../../../src/storage/archive.js'
import { durableFiles } from '../../../src/storage/files.js'
import { octetsAsFile } from '../../../src/storage/readable-file.js'
import {
  BACKUP,
  backupOn,
  OPENER,
  PASSPHRASE,
  RESTORED,
  RESTORED_STATE,
  restoreOn,
} from '../../support/backup-scene.js'
import { diskWithPki } from '../../support/change-scene.js'

import { DIRECTORY, machineOn, STATE } from '../../support/create-scene.js'
import { failAt, isStop, pointsOf, stepsOf, stopAt } from '../../support/disturb.js'
import { seal } from '../../support/envelopes.js'
import type { MemoryDisk } from '../../support/memory-disk.js'
import { ALL_POINTS, pointsOfFault, pointsToTry } from '../../support/points.js'

/** Everything below a folder, with mode and text, except the record of the newest backup and the mark of an unsynced update. */
function tree(disk: MemoryDisk, folder: string): Readonly<Record<string, unknown>> {
  const all = [...disk.contents()].filter(
    ([path]) => path.startsWith(`${folder}/`) && !/(backup\.json|\/unsynced)$/.test(path),
  )
  return Object.fromEntries(all.map(([path, what]) => [path.slice(folder.length), what]))
}

function paths(disk: MemoryDisk): readonly string[] {
  return [...disk.contents().keys()]
}

function expectRestored(disk: MemoryDisk): void {
  expect(tree(disk, RESTORED)).toEqual(tree(disk, DIRECTORY))
  expect(disk.contents().get(RESTORED)).toEqual(disk.contents().get(DIRECTORY))
  const factory = '/factories/acme'
  expect(tree(disk, `${RESTORED_STATE}${factory}`)).toEqual(tree(disk, `${STATE}${factory}`))
  expect(paths(disk).filter((path) => path.includes('.fpki-restore-'))).toEqual([])
}

async function stopped(run: Promise<unknown>): Promise<void> {
  await run.then(
    () => expect.unreachable('it was not stopped'),
    (error: unknown) => {
      if (!isStop(error)) throw error
    },
  )
}

test('a killed backup leaves no backup or a complete one, and the next backup succeeds', async () => {
  const made = await diskWithPki()
  const points = await pointsOf((disturbance) => backupOn(made.copy(), disturbance))
  expect(points.length).toBeGreaterThan(8)
  for (const lose of ['loseProcess', 'losePower'] as const) {
    const tried = pointsToTry(points, `ca backup ${lose}`)
    console.log(`crash points tried (ca backup, ${lose}): ${tried.length} of ${points.length}`)
    for (const at of tried) {
      const disk = made.copy()
      await stopped(backupOn(disk, stopAt(at).disturbance))
      disk[lose]()
      expect(tree(disk, STATE)).toEqual(tree(made, STATE))
      const isThere = paths(disk).includes(BACKUP)
      await backupOn(disk, {}, isThere ? `${BACKUP}2` : BACKUP)
      expect(paths(disk).filter((path) => path.startsWith(`${DIRECTORY}/`) && path.endsWith('-unfinished'))).toEqual([])
    }
  }
})

test('a killed restore leaves nothing or a complete PKI, and the next restore succeeds', async () => {
  const made = await diskWithPki()
  await backupOn(made)
  const whole = made.copy()
  const points = await pointsOf((disturbance) => restoreOn(whole, disturbance))
  expectRestored(whole)
  expect(points.length).toBeGreaterThan(40)
  const tried = pointsToTry(points, 'ca restore')
  console.log(`crash points tried (ca restore): ${tried.length} of ${points.length}`)
  for (const [index, at] of tried.entries()) {
    const disk = made.copy()
    await stopped(restoreOn(disk, stopAt(at).disturbance))
    disk[index % 2 === 0 ? 'loseProcess' : 'losePower']()
    if (paths(disk).includes(RESTORED)) {
      expect(tree(disk, RESTORED)).toEqual(tree(disk, DIRECTORY))
      continue
    }
    await restoreOn(disk)
    expectRestored(disk)
  }
})

const FAULTS = [
  ['ENOSPC', false],
  ['ENOSPC', true],
  ['EACCES', false],
  ['EROFS', true],
  ['EIO', false],
  ['EIO', true],
] as const

describe.each(FAULTS)('%s, persistent: %j', (code, lasting) => {
  test('at each step of a restore leaves nothing or a complete PKI, and the next restore succeeds', async () => {
    const made = await diskWithPki()
    await backupOn(made)
    const before = paths(made)
    const steps = await stepsOf((disturbance) => restoreOn(made.copy(), disturbance))
    const tried = pointsOfFault(steps, 'ca restore', [code, lasting], FAULTS)
    console.log(`ca restore, ${code}${lasting ? ' for good' : ''}: points tried: ${tried.length} of ${steps.length}`)
    for (const at of tried) {
      const disk = made.copy()
      const fault = failAt(at, code, lasting)
      const outcome = await restoreOn(disk, { disk: fault }).catch((error: unknown) => error)
      expect(fault.failed(), `point ${at}`).toBe(true)
      if (!(outcome instanceof FpkiError)) {
        // The restore succeeded; only the cleanup failed.
        expectRestored(disk)
        continue
      }
      expect(outcome.code).toBe('ERR_STORAGE')
      expect(outcome.message).toContain('/home/maker')
      const isThere = paths(disk).includes(RESTORED)
      if (isThere) expect(tree(disk, RESTORED)).toEqual(tree(disk, DIRECTORY))
      // The state of the embedded factory is complete or absent.
      const state = tree(disk, `${RESTORED_STATE}/factories/acme`)
      if (Object.keys(state).length > 0) expect(state).toEqual(tree(disk, `${STATE}/factories/acme`))
      if (!lasting && !isThere) {
        const left = paths(disk).filter((path) => !before.includes(path) && !path.startsWith(RESTORED_STATE))
        expect(left).toEqual([])
      }
      if (isThere) continue
      await restoreOn(disk)
      expectRestored(disk)
    }
  })

  test('at each step of a backup leaves none or a complete one, and the next backup succeeds', async () => {
    const made = await diskWithPki()
    const steps = await stepsOf((disturbance) => backupOn(made.copy(), disturbance))
    expect(steps.length).toBeGreaterThan(9)
    const tried = pointsOfFault(steps, 'ca backup', [code, lasting], FAULTS)
    console.log(`ca backup, ${code}${lasting ? ' for good' : ''}: points tried: ${tried.length} of ${steps.length}`)
    for (const at of tried) {
      const disk = made.copy()
      const fault = failAt(at, code, lasting)
      const outcome = await backupOn(disk, { disk: fault }).catch((error: unknown) => error)
      expect(fault.failed(), `point ${at}`).toBe(true)
      expect(tree(disk, STATE)).toEqual(tree(made, STATE))
      if (outcome instanceof FpkiError) {
        expect(outcome.code).toBe('ERR_STORAGE')
        expect(outcome.message).toContain('/home/maker')
        expect(paths(disk).filter((path) => path.startsWith(BACKUP))).toEqual([])
        await backupOn(disk)
      } else {
        // The backup is complete; only its record in the directory failed.
        const warning = expect.stringMatching(/^The backup is complete, but recording it in .* failed: /)
        expect(outcome).toMatchObject({ file: BACKUP, warnings: [warning] })
      }
      await restoreOn(disk)
      expectRestored(disk)
    }
  })
})

/** A disk whose `at`-th read access fails: stat, realPath, list, read or lock. `kinds` are the accesses so far. */
function unreadable(disk: MemoryDisk, at: number, code: string) {
  const kinds: string[] = []
  const fs = disk.mount()
  const failing = <Result>(kind: string, path: string, work: () => Promise<Result>): Promise<Result> => {
    kinds.push(kind)
    if (kinds.length === at) throw Object.assign(new Error(`${code}: '${path}'`), { code, path })
    return work()
  }
  const files = durableFiles({
    ...fs,
    stat: async (path) => failing('stat', path, () => fs.stat(path)),
    realPath: async (path) => failing('realPath', path, () => fs.realPath(path)),
    list: async (path) => failing('list', path, () => fs.list(path)),
    read: async (path, maxBytes) => failing('read', path, () => fs.read(path, maxBytes)),
    openToRead: async (path, maxBytes) => {
      const file = await failing('open', path, () => fs.openToRead(path, maxBytes))
      return file && { ...file, read: (at, length) => failing('read', path, () => file.read(at, length)) }
    },
    lock: async (path, seconds) => failing('lock', path, () => fs.lock(path, seconds)),
  })
  return { files, failed: () => kinds.length >= at, kinds: () => kinds }
}

/** The read accesses of an undisturbed run. */
async function readAccessesOf(
  made: MemoryDisk,
  code: string,
  run: (disk: MemoryDisk, files: DurableFiles) => Promise<unknown>,
): Promise<readonly string[]> {
  const disk = made.copy()
  const { files, kinds } = unreadable(disk, Number.POSITIVE_INFINITY, code)
  await run(disk, files)
  return kinds()
}

describe.each(['EACCES', 'EIO'])('%s at each read access', (code) => {
  test('of a backup leaves none or a complete one, and the next backup succeeds', async () => {
    const made = await diskWithPki()
    const request = { out: BACKUP, recipients: [], withPassphrase: true }
    const run = async (disk: MemoryDisk, files: DurableFiles) => {
      const target = await prepareBackupTarget(
        { ...request, directory: DIRECTORY },
        { files, passphrases: OPENER.passphrases },
      )
      const where = { directory: DIRECTORY, factory: null, stateDirectory: STATE }
      return backupPki({ ...where, target }, { ...machineOn(disk), files })
    }
    const accesses = await readAccessesOf(made, code, run)
    expect(accesses.length).toBeGreaterThan(80)
    const tried = pointsToTry(accesses, `read accesses of ca backup ${code}`)
    console.log(`ca backup, ${code} at read accesses: points tried: ${tried.length} of ${accesses.length}`)
    for (const at of tried) {
      const disk = made.copy()
      const { files, failed } = unreadable(disk, at, code)
      const outcome = await run(disk, files).catch((error: unknown) => error)
      expect(failed(), `point ${at}`).toBe(true)
      if (!(outcome instanceof FpkiError)) {
        // Only the cleanup failed.
        await restoreOn(disk)
        expectRestored(disk)
        continue
      }
      expect(outcome).toMatchObject({ code: 'ERR_STORAGE', message: expect.stringContaining('/home/maker') })
      expect(paths(disk).filter((path) => path.startsWith(BACKUP))).toEqual([])
      await backupOn(disk)
    }
  })

  test('of a restore leaves nothing or a complete PKI, and the next restore succeeds', async () => {
    const made = await diskWithPki()
    await backupOn(made)
    const where = { file: BACKUP, directory: RESTORED, stateDirectory: RESTORED_STATE, skipRootKey: false }
    const run = (disk: MemoryDisk, files: DurableFiles) =>
      restorePki(where, { ...machineOn(disk), files, opener: OPENER })
    const accesses = await readAccessesOf(made, code, run)
    expect(accesses.length).toBeGreaterThan(80)
    const tried = pointsToTry(accesses, `read accesses of ca restore ${code}`)
    console.log(`ca restore, ${code} at read accesses: points tried: ${tried.length} of ${accesses.length}`)
    for (const at of tried) {
      const disk = made.copy()
      const { files, failed } = unreadable(disk, at, code)
      const outcome = await run(disk, files).catch((error: unknown) => error)
      expect(failed(), `point ${at}`).toBe(true)
      if (paths(disk).includes(RESTORED)) {
        expectRestored(disk)
        continue
      }
      expect(outcome).toMatchObject({ code: 'ERR_STORAGE', message: expect.stringContaining('/home/maker') })
      await restoreOn(disk)
      expectRestored(disk)
    }
  })
})

test('a backup that does not read back as written is removed and not recorded', async () => {
  const made = await diskWithPki()
  const damages: readonly ((file: Uint8Array) => Uint8Array | null)[] = [
    (file) => file.map((octet, at) => (at === 2000 ? octet ^ 1 : octet)),
    (file) => file.subarray(0, -1),
    () => new Uint8Array(),
    () => null,
  ]
  for (const damage of damages) {
    const disk = made.copy()
    const machine = machineOn(disk)
    const mounted = disk.mount()
    const files = durableFiles({
      ...mounted,
      openToRead: async (path, maxBytes) => {
        const damaged = damage((await mounted.read(path, maxBytes)) ?? new Uint8Array())
        return damaged === null ? null : octetsAsFile(damaged)
      },
    })
    const target = { out: BACKUP, passphrase: PASSPHRASE, certificates: [] }
    const options = { directory: DIRECTORY, factory: null, stateDirectory: STATE, target }
    const outcome = await backupPki(options, { ...machine, files }).catch((error: unknown) => error)
    expect(outcome).toMatchObject({
      code: 'ERR_STORAGE',
      message: `The backup ${BACKUP} does not read back as written.`,
    })
    expect(paths(disk).filter((path) => path.startsWith(BACKUP))).toEqual([])
    expect(paths(disk)).not.toContain(`${DIRECTORY}/.fpki/backup.json`)
  }
})

describe('a manipulated file', () => {
  const codeFor = async (octets: Uint8Array): Promise<string> => {
    const disk = await scene
    const before = paths(disk)
    const files = durableFiles({
      ...disk.mount({ before: (operation, path) => expect.unreachable(`${operation} ${path}`) }),
      read: async () => null,
      openToRead: async (path) => (path === BACKUP ? octetsAsFile(octets) : null),
    })
    const where = { file: BACKUP, directory: RESTORED, stateDirectory: RESTORED_STATE, skipRootKey: false }
    const outcome = await restorePki(where, { ...machineOn(disk), files, opener: OPENER }).catch((error) => error)
    expect(paths(disk)).toEqual(before)
    return outcome instanceof FpkiError ? outcome.code : String(outcome)
  }
  const scene = diskWithPki()
  const whole = async () => {
    const disk = (await scene).copy()
    await backupOn(disk)
    return Buffer.from((await disk.mount().read(BACKUP, 1e9)) ?? [])
  }

  const EACH = ALL_POINTS ? 1 : 3
  /** The octets of head and tail, and every 97th of the content; with FPKI_TEST_ALL_POINTS all of these, otherwise one in three. */
  const sampled = (size: number) =>
    Array.from({ length: size }, (_, at) => at)
      .filter((at) => at < 400 || at >= size - 40 || at % 97 === 0)
      .filter((_, nth) => nth % EACH === 0)

  test('with one bit flipped is refused with exit 6, and nothing is written', async () => {
    const file = await whole()
    const places = sampled(file.length)
    for (const at of places) {
      const changed = Buffer.from(file)
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
      const code = await codeFor(changed)
      expect({ at, exit: Object.entries(EXIT).find(([one]) => one === code)?.[1] }).toEqual({ at, exit: 6 })
    }
    expect(places.length).toBeGreaterThan(800 / EACH)
  })

  test('that is truncated is refused with exit 6, and nothing is written', async () => {
    const file = await whole()
    for (const size of sampled(file.length)) {
      expect({ size, code: await codeFor(file.subarray(0, size)) }).toEqual({ size, code: 'ERR_BAD_FILE' })
    }
  })

  test('sealed with the passphrase, with paths outside of it or files that it does not list, is refused', async () => {
    const machine = machineOn(await scene)
    const sealed = async (
      change: (entries: ArchiveEntry[]) => readonly ArchiveEntry[],
      edit = (tar: Buffer) => tar,
    ) => {
      const envelope = newEnvelope({ passphrase: PASSPHRASE, certificates: [] }, machine)
      const folder: ArchiveEntry = { path: 'pki', kind: 'directory', mode: 0o700, content: new Uint8Array() }
      const facts = {
        version: 1 as const,
        fpki: '0',
        createdAt: '2026-01-01T00:00:00Z',
        factory: 'acme',
        api: null,
        directory: DIRECTORY,
        rootFingerprint: '',
        rootKey: null,
        embedded: false,
        unfinished: null,
        devices: null,
        notHeld: [],
        recipients: envelope.recipients,
      }
      const all = withManifest(facts, [folder]).flatMap((entry) => ('content' in entry ? [entry] : []))
      return seal(envelope, edit(await writeArchive(change(all), new Date(0))))
    }
    const file = (path: string): ArchiveEntry => ({ path, kind: 'file', mode: 0o600, content: Buffer.from('x') })
    for (const path of ['../out', '/etc/cron.d/out', 'pki/../../out', 'pki/extra']) {
      const added = await sealed((entries) => [...entries.slice(0, -1), file(path), ...entries.slice(-1)])
      expect(await codeFor(added), path).toBe('ERR_BAD_FILE')
    }
    expect(await codeFor(await sealed((entries) => entries.slice(0, -1)))).toBe('ERR_BAD_FILE')
    expect(await codeFor(await sealed((entries) => [...entries].reverse()))).toBe('ERR_BAD_FILE')
    expect(await codeFor(await sealed((entries) => [...entries, ...entries]))).toBe('ERR_BAD_FILE')
    expect(
      await codeFor(
        await sealed(
          (entries) => entries,
          (tar) => tar.subarray(512),
        ),
      ),
    ).toBe('ERR_BAD_FILE')
    // A valid archive without a root certificate.
    expect(await codeFor(await sealed((entries) => entries))).toBe('ERR_BAD_CERTIFICATE')
  })
})
