import { describe, expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { importRoot } from '../../src/operations/hsm/import-root.js'
import type { HsmChoice } from '../../src/ports.js'
import { allPem, CHANGES, diskWithPki, isFinished, knownOn, liveFiles } from '../support/change-scene.js'
import {
  certificatesInApi,
  DIRECTORY,
  type Disturbance,
  essence,
  expectLogged,
  machineOn,
} from '../support/create-scene.js'
import { DISK_FAULTS, expectStorageError, failAt, isStop, pointsOf, stopAt } from '../support/disturb.js'
import { type MemoryDisk, memoryDisk } from '../support/memory-disk.js'
import { pointsToTry } from '../support/points.js'
import { choiceOf, LOGIN, softHsm } from '../support/token.js'
import {
  createInToken,
  emptyToken,
  expectRootOf,
  hookedCryptoki,
  TOKEN_ACCESS,
  whatIsIn,
} from '../support/token-scene.js'

const LOSSES = ['loseProcess', 'losePower'] as const
/** Both halves of both keys. */
const WHOLE = ['2 local-ca', '2 root-ca', '3 local-ca', '3 root-ca']

function expectInApiOnDisk(disk: MemoryDisk): void {
  const held = allPem(disk)
  for (const pem of certificatesInApi(disk)) expect(held).toContain(pem)
}

/** Is any private key on the disk but those that the embedded API makes for its servers? */
function keyFiles(disk: MemoryDisk): readonly string[] {
  return [...disk.contents()]
    .filter(([path, { text }]) => path.startsWith(DIRECTORY) && text?.includes('PRIVATE KEY'))
    .map(([path]) => path)
}

async function createAgain(disk: MemoryDisk, choice: HsmChoice): Promise<void> {
  await createInToken(disk, choice).catch((error: unknown) => {
    if (!(error instanceof FpkiError) || error.code !== 'ERR_EXISTS') throw error
  })
}

describe('with both keys in a token', () => {
  test.each(LOSSES)(
    'ca create interrupted at any point ends like an uninterrupted run, with one root (%s)',
    async (loss) => {
      const choice = choiceOf(await softHsm())
      const whole = memoryDisk()
      const points = await pointsOf((disturbance) => createInToken(whole, choice, disturbance))
      const undisturbed = essence(whole)
      expect((await whatIsIn(choice)).objects).toEqual(WHOLE)
      const tried = pointsToTry(points, `ca create in a token ${loss}`)
      for (const at of tried) {
        await emptyToken(choice)
        const disk = memoryDisk()
        const outcome = await createInToken(disk, choice, stopAt(at).disturbance).catch((error: unknown) => error)
        expect(outcome, `point ${at}`).toSatisfy(isStop)
        disk[loss]()
        expectInApiOnDisk(disk)
        expectLogged(disk, false)
        const before = await whatIsIn(choice)
        await createAgain(disk, choice)
        const after = await whatIsIn(choice)
        expect(after.objects, `point ${at}`).toEqual(WHOLE)
        // Never a second root: the key that was made is the one that is used.
        for (const key of before.keys) expect(after.keys, `point ${at}`).toContain(key)
        expectRootOf(after.keys.slice(0, 1), disk)
        expect(keyFiles(disk)).toEqual([])
        expectInApiOnDisk(disk)
        expectLogged(disk)
        expect(essence(disk), `point ${at}`).toBe(undisturbed)
      }
      console.log(`crash points tried (ca create in a token, ${loss}): ${tried.length} of ${points.length}`)
    },
  )

  test.each(['ca rotate-tls', 'ca add-device-ca', 'ca revoke-device-ca'])(
    '%s interrupted at any point ends like an uninterrupted run, and leaves the token unchanged',
    async (command) => {
      const choice = choiceOf(await softHsm())
      const access = TOKEN_ACCESS
      const original = memoryDisk()
      await createInToken(original, choice)
      const made = await whatIsIn(choice)
      const run = (disk: MemoryDisk, disturbance: Disturbance = {}) =>
        CHANGES[command]?.(disk, { ...disturbance, access })
      const whole = original.copy()
      const points = await pointsOf(async (disturbance) => run(whole, disturbance))
      const undisturbed = essence(whole)
      const tried = pointsToTry(points, `${command} with a token`)
      for (const [index, at] of tried.entries()) {
        const disk = original.copy()
        const outcome = await run(disk, stopAt(at).disturbance)?.catch((error: unknown) => error)
        expect(outcome, `point ${at}`).toSatisfy(isStop)
        disk[LOSSES[index % 2] ?? 'losePower']()
        const before = [...allPem(original), ...allPem(disk)]
        if (knownOn(disk) === knownOn(original)) expect(liveFiles(disk)).toEqual(liveFiles(original))
        expectInApiOnDisk(disk)
        if (!isFinished(disk, command)) await run(disk)
        const held = allPem(disk)
        for (const pem of before) expect(held, `point ${at}`).toContain(pem)
        expectInApiOnDisk(disk)
        expectLogged(disk)
        expect(essence(disk), `point ${at}`).toBe(undisturbed)
      }
      expect(await whatIsIn(choice)).toEqual(made)
      console.log(`crash points tried (${command} with a token): ${tried.length} of ${points.length}`)
    },
  )
})

describe('ca import-root', () => {
  const run = (disk: MemoryDisk, hsm: HsmChoice, disturbance: Disturbance = {}) => {
    const options = { directory: DIRECTORY, hsm, removeKey: true, api: 'x' }
    return importRoot(
      options,
      machineOn(disk, { ...disturbance, login: LOGIN, makeCryptoki: hookedCryptoki(disturbance) }),
    )
  }
  const rootOnDisk = (disk: MemoryDisk) => keyFiles(disk).filter((path) => path.endsWith('/factory_ca.key'))

  /** The root key is on the disk or in the token; the same call, again, ends as an undisturbed one. */
  async function expectEnds(disk: MemoryDisk, choice: HsmChoice, end: { essence: string; point: string }) {
    const { keys, objects } = await whatIsIn(choice)
    if (rootOnDisk(disk).length === 0) {
      expect(objects, end.point).toEqual(WHOLE.filter((name) => name.endsWith('root-ca')))
      expectRootOf(keys, disk)
    }
    if (!isFinished(disk, 'ca import-root')) await run(disk, choice)
    const after = await whatIsIn(choice)
    expect(after.objects, end.point).toEqual(WHOLE.filter((name) => name.endsWith('root-ca')))
    expectRootOf(after.keys, disk)
    expect(rootOnDisk(disk), end.point).toEqual([])
    expectLogged(disk)
    expect(essence(disk), end.point).toBe(end.essence)
  }

  async function scene() {
    const choice = choiceOf(await softHsm())
    const original = await diskWithPki()
    const whole = original.copy()
    const points = await pointsOf((disturbance) => run(whole, choice, disturbance))
    return { choice, original, undisturbed: essence(whole), points }
  }

  test.each(LOSSES)(
    'interrupted at any operation of disk or token, it ends like an uninterrupted run (%s)',
    async (loss) => {
      const { choice, original, undisturbed, points } = await scene()
      const tried = pointsToTry(points, `ca import-root ${loss}`)
      for (const at of tried) {
        await emptyToken(choice)
        const disk = original.copy()
        const outcome = await run(disk, choice, stopAt(at).disturbance).catch((error: unknown) => error)
        expect(outcome, `point ${at}`).toSatisfy(isStop)
        disk[loss]()
        await expectEnds(disk, choice, { essence: undisturbed, point: `point ${at}` })
      }
      console.log(`crash points tried (ca import-root, ${loss}): ${tried.length} of ${points.length}`)
    },
  )

  test.each(DISK_FAULTS)(
    'on a disk that fails with %s (permanently: %s) reports it, and resumes on the next run',
    async (code, lasting) => {
      const { choice, original, undisturbed } = await scene()
      // The disk of the token is another one.
      const onDisk = (fault: ReturnType<typeof failAt>) => ({
        before: (what: string, path: string) => path !== 'token' && fault.before(what, path),
      })
      const probe = failAt(Number.POSITIVE_INFINITY, code)
      await emptyToken(choice)
      await run(original.copy(), choice, { disk: onDisk(probe) })
      const tried = pointsToTry(probe.kinds(), `ca import-root ${code} ${lasting}`)
      for (const at of tried) {
        await emptyToken(choice)
        const disk = original.copy()
        const fault = failAt(at, code, lasting)
        const outcome = await run(disk, choice, { disk: onDisk(fault) }).catch((error: unknown) => error)
        const point = `${code} at ${at}`
        expect(fault.failed(), point).toBe(true)
        if (outcome instanceof Error) expectStorageError(outcome, code, point)
        await expectEnds(disk, choice, { essence: undisturbed, point })
      }
      console.log(
        `ca import-root, ${code}${lasting ? ' for good' : ''}: points tried: ${tried.length} of ${probe.kinds().length}`,
      )
    },
  )
})
