import { beforeAll, describe, expect, it } from 'vitest'
import { allPem, CHANGES, diskWithPki, isFinished, knownOn, liveFiles } from '../../support/change-scene.js'
import { certificatesInApi, DIRECTORY, essence, expectLogged } from '../../support/create-scene.js'
import { isStop, pointsOf, stopAt } from '../../support/disturb.js'
import type { MemoryDisk } from '../../support/memory-disk.js'
import { pointsToTry } from '../../support/points.js'

let original: MemoryDisk

beforeAll(async () => {
  original = await diskWithPki()
})

/** No complete file is lost, and what the API has accepted is on the disk. */
function expectNothingLost(before: ReadonlySet<string>, disk: MemoryDisk): void {
  const after = allPem(disk)
  for (const text of before) expect(after).toContain(text)
  for (const pem of certificatesInApi(disk)) expect(after).toContain(pem)
}

describe.each(Object.entries(CHANGES))('%s stopped at any point', (command, run) => {
  it.each(['loseProcess', 'losePower'] as const)(
    'ends like an undisturbed run when it is run again (%s)',
    async (loss) => {
      const whole = original.copy()
      const points = await pointsOf((disturbance) => run(whole, disturbance))
      const undisturbed = essence(whole)
      const tried = pointsToTry(points, `${command} ${loss}`)
      for (const at of tried) {
        const disk = original.copy()
        const outcome = await run(disk, stopAt(at).disturbance).catch((error: unknown) => error)
        expect(outcome, `point ${at}`).toSatisfy(isStop)
        disk[loss]()
        expectNothingLost(allPem(original), disk)
        expectLogged(disk, false)
        // Files in the directory change only after the API has accepted them.
        if (knownOn(disk) === knownOn(original)) expect(liveFiles(disk)).toEqual(liveFiles(original))
        const before = allPem(disk)
        if (!isFinished(disk, command)) {
          await run(disk)
          // All of it is on the disk now, also what the first run had not synced.
          disk.losePower()
        }
        expectNothingLost(before, disk)
        expectLogged(disk)
        expect(essence(disk), `point ${at}`).toBe(undisturbed)
      }
      console.log(`crash points tried (${command}, ${loss}): ${tried.length} of ${points.length}`)
    },
  )
})

describe('an audit log that was moved away', () => {
  it.each(['loseProcess', 'losePower'] as const)('is restarted once, wherever that is stopped (%s)', async (loss) => {
    const run = CHANGES['ca rotate-tls']
    const without = original.copy()
    for (const name of ['log.jsonl', 'log.head']) await without.mount().remove(`${DIRECTORY}/.fpki/${name}`)
    await without.mount().syncDirectory(`${DIRECTORY}/.fpki`)
    const points = await pointsOf(async (disturbance) => run?.(without.copy(), disturbance))
    const tried = pointsToTry(points, `an audit log that begins anew, ${loss}`)
    for (const at of tried) {
      const disk = without.copy()
      await run?.(disk, stopAt(at).disturbance).catch(() => undefined)
      disk[loss]()
      expectNothingLost(allPem(original), disk)
      if (!isFinished(disk, 'ca rotate-tls')) await run?.(disk)
      expectLogged(disk)
      const kinds = openAuditLog(disk).map(({ kind }) => kind)
      expect(
        kinds.filter((kind) => kind === 'begun-anew'),
        `point ${at}`,
      ).toHaveLength(1)
      expect(
        kinds.findIndex((kind) => kind !== 'repaired'),
        `point ${at}`,
      ).toBe(kinds.indexOf('begun-anew'))
    }
    console.log(`crash points tried (an audit log that begins anew, ${loss}): ${tried.length} of ${points.length}`)
  })
})

function openAuditLog(disk: MemoryDisk): readonly { readonly kind: string }[] {
  const text = disk.contents().get(`${DIRECTORY}/.fpki/log.jsonl`)?.text ?? ''
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}
