import { describe, expect, test } from 'vitest'
import { EXIT } from '../../src/cli/exit.js'
import { type ArchiveEntry, writeArchive } from '../../src/directory/archive.js'
import { durableFiles } from '../../src/directory/files.js'
import { FpkiError } from '../../src/errors.js'
import { withManifest } from '../../src/operations/backup/manifest.js'
import { backupPki, readyTarget } from '../../src/operations/backup-pki.js'
import { restorePki } from '../../src/operations/restore-pki.js'
import { newEnvelope } from '../../src/signer/envelope.js'
import { BACKUP, backupOn, OPENER, PASSPHRASE, RESTORED, RESTORED_STATE, restoreOn } from '../support/backup-scene.js'
import { diskWithPki } from '../support/change-scene.js'
import { DIRECTORY, machineOn, STATE } from '../support/create-scene.js'
import { failAt, isStop, stopAt } from '../support/disturb.js'
import type { MemoryDisk } from '../support/memory-disk.js'

/** Everything below a folder, with mode and text, but what is remembered of backups. */
function tree(disk: MemoryDisk, folder: string): Readonly<Record<string, unknown>> {
  const all = [...disk.contents()].filter(([path]) => path.startsWith(`${folder}/`) && !path.endsWith('backup.json'))
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
    () => expect.unreachable('it went on after its end'),
    (error: unknown) => {
      if (!isStop(error)) throw error
    },
  )
}

test('a backup that is killed, wherever, leaves no backup or a whole one, and the next one ends well', async () => {
  const made = await diskWithPki()
  const probe = stopAt(Number.POSITIVE_INFINITY)
  await backupOn(made.copy(), probe.disturbance)
  expect(probe.points()).toBeGreaterThan(8)
  for (let at = 1; at <= probe.points(); at++) {
    for (const lose of ['loseProcess', 'losePower'] as const) {
      const disk = made.copy()
      await stopped(backupOn(disk, stopAt(at).disturbance))
      disk[lose]()
      expect(tree(disk, STATE)).toEqual(tree(made, STATE))
      const isThere = paths(disk).includes(BACKUP)
      await backupOn(disk, {}, isThere ? `${BACKUP}2` : BACKUP)
      expect(paths(disk).filter((path) => path.startsWith(`${DIRECTORY}/`) && path.endsWith('-unfinished'))).toEqual([])
    }
  }
}, 120_000)

test('a restore that is killed, wherever, leaves nothing or all of it, and the next one ends well', async () => {
  const made = await diskWithPki()
  await backupOn(made)
  const probe = stopAt(Number.POSITIVE_INFINITY)
  const whole = made.copy()
  await restoreOn(whole, probe.disturbance)
  expectRestored(whole)
  const points = probe.points()
  expect(points).toBeGreaterThan(40)
  for (let at = 1; at <= points; at += 1) {
    const disk = made.copy()
    await stopped(restoreOn(disk, stopAt(at).disturbance))
    disk[at % 2 === 0 ? 'loseProcess' : 'losePower']()
    if (paths(disk).includes(RESTORED)) {
      expect(tree(disk, RESTORED)).toEqual(tree(disk, DIRECTORY))
      continue
    }
    await restoreOn(disk)
    expectRestored(disk)
  }
}, 180_000)

describe.each([
  ['ENOSPC', false],
  ['ENOSPC', true],
  ['EACCES', false],
  ['EROFS', true],
  ['EIO', false],
  ['EIO', true],
] as const)('%s, from then on: %j', (code, lasting) => {
  test('at each step of a restore leaves nothing, or all of it, and the next one ends well', async () => {
    const made = await diskWithPki()
    await backupOn(made)
    const before = paths(made)
    // Of one that fails once there is a point at each step; the others see less between two of them.
    const stride = code === 'ENOSPC' ? 1 : 5
    for (let at = 1; ; at += stride) {
      const disk = made.copy()
      const fault = failAt(at, code, lasting)
      const outcome = await restoreOn(disk, { disk: fault }).catch((error: unknown) => error)
      if (!fault.failed()) break
      if (!(outcome instanceof FpkiError)) {
        // It came to its end: what failed was only the clearing away.
        expectRestored(disk)
        continue
      }
      expect(outcome.code).toBe('ERR_STORAGE')
      expect(outcome.message).toContain('/home/maker')
      const isThere = paths(disk).includes(RESTORED)
      if (isThere) expect(tree(disk, RESTORED)).toEqual(tree(disk, DIRECTORY))
      // The embedded factory's state is whole, or it is not there.
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
  }, 120_000)

  test('at each step of a backup leaves a whole one or none, and the next one ends well', async () => {
    const made = await diskWithPki()
    let at = 1
    for (; ; at++) {
      const disk = made.copy()
      const fault = failAt(at, code, lasting)
      const outcome = await backupOn(disk, { disk: fault }).catch((error: unknown) => error)
      if (!fault.failed()) break
      expect(tree(disk, STATE)).toEqual(tree(made, STATE))
      if (outcome instanceof FpkiError) {
        expect(outcome.code).toBe('ERR_STORAGE')
        expect(outcome.message).toContain('/home/maker')
        expect(paths(disk).filter((path) => path.startsWith(BACKUP))).toEqual([])
        await backupOn(disk)
      } else {
        // The backup is made; what failed is the directory's memory of it.
        expect(outcome).toMatchObject({ file: BACKUP, warnings: [expect.stringContaining('does not remember it')] })
      }
      await restoreOn(disk)
      expectRestored(disk)
    }
    expect(at).toBeGreaterThan(10)
  }, 120_000)
})

/** A disk whose `at`-th look at anything fails: reading, listing, asking what it is, locking. */
function unreadable(disk: MemoryDisk, at: number, code: string) {
  let count = 0
  const fs = disk.mount()
  const failing = <Result>(path: string, work: () => Promise<Result>): Promise<Result> => {
    count++
    if (count === at) throw Object.assign(new Error(`${code}: '${path}'`), { code, path })
    return work()
  }
  const files = durableFiles({
    ...fs,
    stat: async (path) => failing(path, () => fs.stat(path)),
    realPath: async (path) => failing(path, () => fs.realPath(path)),
    list: async (path) => failing(path, () => fs.list(path)),
    read: async (path, maxBytes) => failing(path, () => fs.read(path, maxBytes)),
    lock: async (path, seconds) => failing(path, () => fs.lock(path, seconds)),
  })
  return { files, failed: () => count >= at }
}

describe.each(['EACCES', 'EIO'])('%s at each look at the disk', (code) => {
  test('while a backup is made, leaves a whole one or none, and the next one ends well', async () => {
    const made = await diskWithPki()
    let at = 1
    for (; ; at++) {
      const disk = made.copy()
      const { files, failed } = unreadable(disk, at, code)
      const wanted = { out: BACKUP, recipients: [], withPassphrase: true }
      const run = async () => {
        const target = await readyTarget(wanted, DIRECTORY, { files, passphrases: OPENER.passphrases })
        const where = { directory: DIRECTORY, factory: null, stateDirectory: STATE }
        return backupPki({ ...where, target: { ...target, rounds: 1 } }, { ...machineOn(disk), files })
      }
      const outcome = await run().catch((error: unknown) => error)
      if (!failed()) break
      expect(outcome).toBeInstanceOf(FpkiError)
      expect(outcome).toMatchObject({ code: 'ERR_STORAGE', message: expect.stringContaining('/home/maker') })
      expect(paths(disk).filter((path) => path.startsWith(BACKUP))).toEqual([])
      await backupOn(disk)
    }
    expect(at).toBeGreaterThan(80)
  }, 60_000)

  test('while one is restored, leaves nothing or all of it, and the next one ends well', async () => {
    const made = await diskWithPki()
    await backupOn(made)
    let at = 1
    for (; ; at += 2) {
      const disk = made.copy()
      const { files, failed } = unreadable(disk, at, code)
      const where = { file: BACKUP, directory: RESTORED, stateDirectory: RESTORED_STATE, skipRootKey: false }
      const run = restorePki(where, { ...machineOn(disk), files, opener: OPENER })
      const outcome = await run.catch((error: unknown) => error)
      if (!failed()) break
      if (paths(disk).includes(RESTORED)) {
        expectRestored(disk)
        continue
      }
      expect(outcome).toMatchObject({ code: 'ERR_STORAGE', message: expect.stringContaining('/home/maker') })
      await restoreOn(disk)
      expectRestored(disk)
    }
    expect(at).toBeGreaterThan(80)
  }, 60_000)
})

test('a backup that the disk gives back otherwise than it was written is removed, and not told of', async () => {
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
      read: async (path, maxBytes) => {
        const content = await mounted.read(path, maxBytes)
        return path === BACKUP && content !== null ? damage(content) : content
      },
    })
    const target = { out: BACKUP, passphrase: PASSPHRASE, certificates: [], rounds: 1 }
    const options = { directory: DIRECTORY, factory: null, stateDirectory: STATE, target }
    const outcome = await backupPki(options, { ...machine, files }).catch((error: unknown) => error)
    expect(outcome).toMatchObject({ code: 'ERR_STORAGE', message: `${BACKUP} cannot be read back as it was written.` })
    expect(paths(disk).filter((path) => path.startsWith(BACKUP))).toEqual([])
    expect(paths(disk)).not.toContain(`${DIRECTORY}/.fpki/backup.json`)
  }
})

describe('a file that was changed', () => {
  const fate = async (octets: Uint8Array): Promise<string> => {
    const disk = await scene
    const before = paths(disk)
    const files = durableFiles({
      ...disk.mount({ before: (operation, path) => expect.unreachable(`${operation} ${path}`) }),
      read: async (path) => (path === BACKUP ? octets : null),
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

  /** All of what is not content, head and tail, and of the content every 97th octet. */
  const sampled = (size: number) =>
    Array.from({ length: size }, (_, at) => at).filter((at) => at < 400 || at >= size - 40 || at % 97 === 0)

  test('in one bit is refused with exit 6, and nothing is written', async () => {
    const file = await whole()
    const places = sampled(file.length)
    for (const at of places) {
      const changed = Buffer.from(file)
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
      const code = await fate(changed)
      expect({ at, exit: Object.entries(EXIT).find(([one]) => one === code)?.[1] }).toEqual({ at, exit: 6 })
    }
    expect(places.length).toBeGreaterThan(800)
  }, 60_000)

  test('or cut off is refused with exit 6, and nothing is written', async () => {
    const file = await whole()
    for (const size of sampled(file.length)) {
      expect({ size, code: await fate(file.subarray(0, size)) }).toEqual({ size, code: 'ERR_BAD_FILE' })
    }
  })

  test('by somebody who can seal one: paths that lead out of it, links, and other files than it lists', async () => {
    const { random } = machineOn(await scene)
    const sealed = async (
      change: (entries: ArchiveEntry[]) => readonly ArchiveEntry[],
      edit = (tar: Buffer) => tar,
    ) => {
      const envelope = newEnvelope({ passphrase: PASSPHRASE, certificates: [], rounds: 1 }, random)
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
        notHeld: [],
        recipients: envelope.recipients,
      }
      const tar = await writeArchive(change([...withManifest(facts, [folder])]), new Date(0))
      return Buffer.from(envelope.seal(edit(tar)))
    }
    const file = (path: string): ArchiveEntry => ({ path, kind: 'file', mode: 0o600, content: Buffer.from('x') })
    for (const path of ['../out', '/etc/cron.d/out', 'pki/../../out', 'pki/extra']) {
      const added = await sealed((entries) => [...entries.slice(0, -1), file(path), ...entries.slice(-1)])
      expect(await fate(added), path).toBe('ERR_BAD_FILE')
    }
    expect(await fate(await sealed((entries) => entries.slice(0, -1)))).toBe('ERR_BAD_FILE')
    expect(await fate(await sealed((entries) => [...entries].reverse()))).toBe('ERR_BAD_FILE')
    expect(await fate(await sealed((entries) => [...entries, ...entries]))).toBe('ERR_BAD_FILE')
    expect(
      await fate(
        await sealed(
          (entries) => entries,
          (tar) => tar.subarray(512),
        ),
      ),
    ).toBe('ERR_BAD_FILE')
    // A whole one without a root is refused for that.
    expect(await fate(await sealed((entries) => entries))).toBe('ERR_BAD_CERTIFICATE')
  })
})
