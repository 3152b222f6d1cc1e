import { describe, expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { BACKUP, backupOn, RESTORED, RESTORED_STATE, restoreOn } from '../support/backup-scene.js'
import { diskWithPki } from '../support/change-scene.js'
import { DIRECTORY, STATE } from '../support/create-scene.js'
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

describe.each(['ENOSPC', 'EACCES', 'EROFS', 'EIO'])('%s', (code) => {
  test('at each step of a restore leaves nothing behind', async () => {
    const made = await diskWithPki()
    await backupOn(made)
    const before = paths(made).filter((path) => path !== RESTORED_STATE)
    for (let at = 1; ; at += code === 'ENOSPC' ? 1 : 7) {
      const disk = made.copy()
      const fault = failAt(at, code)
      const outcome = await restoreOn(disk, { disk: fault }).catch((error: unknown) => error)
      if (!fault.failed()) break
      if (!(outcome instanceof FpkiError)) {
        // It came to its end: what failed was only the clearing away.
        expectRestored(disk)
        continue
      }
      expect(outcome.code).toBe('ERR_STORAGE')
      expect(outcome.message).toContain('/home/maker')
      if (paths(disk).includes(RESTORED)) continue
      const left = paths(disk).filter((path) => !before.includes(path) && !path.startsWith(RESTORED_STATE))
      expect(left).toEqual([])
      await restoreOn(disk)
      expect(tree(disk, RESTORED)).toEqual(tree(disk, DIRECTORY))
    }
  }, 120_000)

  test('at each step of a backup leaves no backup that is not whole', async () => {
    const made = await diskWithPki()
    for (let at = 1; ; at++) {
      const disk = made.copy()
      const fault = failAt(at, code)
      const outcome = await backupOn(disk, { disk: fault }).catch((error: unknown) => error)
      if (!fault.failed()) break
      expect(outcome).toBeInstanceOf(FpkiError)
      expect(tree(disk, STATE)).toEqual(tree(made, STATE))
    }
  }, 120_000)
})
