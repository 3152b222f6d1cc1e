import { beforeAll, describe, expect, it } from 'vitest'
import { certificatesInApi, createOn, essence, expectLogged, runAgain, treasures } from '../../support/create-scene.js'
import { pointsOf, Stopped, stopAt } from '../../support/disturb.js'
import { type MemoryDisk, memoryDisk } from '../../support/memory-disk.js'
import { ALL_POINTS, pointsToTry, sampleOf } from '../../support/points.js'

/** Runs `create` until it is stopped at a point; true when it was. */
async function stoppedAt(disk: MemoryDisk, at: number): Promise<boolean> {
  try {
    await createOn(disk, stopAt(at).disturbance)
    return false
  } catch (error) {
    if (error instanceof Stopped) return true
    throw error
  }
}

function expectNothingLost(before: ReadonlyMap<string, string>, disk: MemoryDisk): void {
  const after = treasures(disk)
  for (const [path, text] of before) expect(after.get(path), path).toBe(text)
}

function expectOnDisk(certificates: readonly string[], disk: MemoryDisk): void {
  const onDisk = [...treasures(disk).values()]
  for (const pem of certificates) expect(onDisk).toContain(pem)
}

/** What differs in the names that are kept. With m, it is the folder of the snapshots, and not the seal of the audit log. */
const seedsFor = (point: number) => (ALL_POINTS ? 'abmo' : `m${'abo'[point % 3]}`)

let undisturbed = ''
let points: readonly string[] = []

beforeAll(async () => {
  const disk = memoryDisk()
  points = await pointsOf((disturbance) => createOn(disk, disturbance))
  undisturbed = essence(disk)
})

describe('ca create that is run again after its process was killed', () => {
  it('has all keys and certificates on the disk at its end, also those that the killed process had not synced', async () => {
    // A directory that was just made, and is empty, looks like one of the user.
    const tried = pointsToTry(points, 'ca create, power lost at the end').filter((at) => points[at - 1] !== 'mkdir')
    for (const at of tried) {
      const disk = memoryDisk()
      expect(await stoppedAt(disk, at)).toBe(true)
      disk.loseProcess()
      await runAgain(disk)
      const before = treasures(disk)
      expect(before.size).toBe(14)
      disk.losePower()
      expect(treasures(disk), `point ${at}`).toEqual(before)
    }
  })
})

describe('ca create after a loss of power that kept any of the names that were not synced', () => {
  it('is finished by the same command, and has lost nothing that was on the disk', async () => {
    // At the end, where the records of the command are kept, each point is tried.
    const last = Array.from({ length: 12 }, (_, back) => points.length - back)
    for (const at of new Set([...pointsToTry(points, 'ca create, names in any order'), ...last])) {
      for (const seed of seedsFor(at)) {
        const disk = memoryDisk()
        expect(await stoppedAt(disk, at)).toBe(true)
        disk.losePowerInAnyOrder(seed)
        const before = treasures(disk)
        expectLogged(disk, false)
        await runAgain(disk)
        expectLogged(disk)
        expectNothingLost(before, disk)
        expectOnDisk(certificatesInApi(disk), disk)
      }
    }
  })
})

describe.each(['loseProcess', 'losePower'] as const)('ca create cut off at any point (%s)', (loss) => {
  it('ends like an uninterrupted run when it is run again', async () => {
    const tried = pointsToTry(points, `ca create ${loss}`)
    for (const at of tried) {
      const disk = memoryDisk()
      expect(await stoppedAt(disk, at)).toBe(true)
      disk[loss]()
      const before = treasures(disk)
      expectOnDisk(certificatesInApi(disk), disk)
      expectLogged(disk, false)
      await runAgain(disk)
      expectLogged(disk)
      expectNothingLost(before, disk)
      expectOnDisk(certificatesInApi(disk), disk)
      expect(essence(disk), `point ${at}`).toBe(undisturbed)
    }
    console.log(`crash points tried (${loss}): ${tried.length} of ${points.length}`)
  })

  it('so it does when the second run is interrupted too', async () => {
    const all = Array.from(
      { length: 100 },
      (_, index) => [1 + ((index * 37) % points.length), 1 + ((index * 101) % points.length)] as const,
    )
    const pairs = sampleOf(all, `pairs of ca create ${loss}`)
    for (const [first, second] of pairs) {
      const disk = memoryDisk()
      await stoppedAt(disk, first)
      disk[loss]()
      await stoppedAt(disk, second).catch((error: unknown) => expect(error).toMatchObject({ code: 'ERR_EXISTS' }))
      disk[loss]()
      const before = treasures(disk)
      await runAgain(disk)
      expectNothingLost(before, disk)
      expect(essence(disk), `points ${first} and ${second}`).toBe(undisturbed)
    }
    console.log(`pairs of crash points tried (${loss}): ${pairs.length} of ${all.length}`)
  })
})
