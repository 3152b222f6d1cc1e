import { beforeAll, describe, expect, it } from 'vitest'
import { CHANGES, diskWithPki, isFinished } from '../../support/change-scene.js'
import { essence, expectLogged } from '../../support/create-scene.js'
import { failAt, stepsOf, stopAt } from '../../support/disturb.js'
import type { MemoryDisk } from '../../support/memory-disk.js'
import { pointsToTry } from '../../support/points.js'

let original: MemoryDisk

beforeAll(async () => {
  original = await diskWithPki()
})

describe.each(['ca rotate-tls', 'ca add-device-ca', 'ca revoke-device-ca'])('resuming a %s', (command) => {
  const run = CHANGES[command]
  if (run === undefined) throw new Error(command)

  it.each(['ENOSPC', 'EIO'])('on a disk that fails with %s succeeds on the next run', async (code) => {
    const whole = original.copy()
    const counter = stopAt(Number.POSITIVE_INFINITY)
    await run(whole, counter.disturbance)
    const undisturbed = essence(whole)
    let points = 0
    let all = 0
    for (const share of [0.3, 0.6, 0.85]) {
      const open = original.copy()
      await run(open, stopAt(Math.floor(counter.kinds().length * share)).disturbance).catch(() => undefined)
      open.losePower()
      const steps = await stepsOf((disturbance) => run(open.copy(), disturbance))
      all += steps.length
      for (const at of pointsToTry(steps, `resuming ${command} ${code} ${share}`)) {
        const disk = open.copy()
        const fault = failAt(at, code)
        const outcome = await run(disk, { disk: fault }).catch((error: unknown) => error)
        expect(fault.failed(), `${share}, ${at}`).toBe(true)
        points++
        if (outcome instanceof Error)
          expect(outcome, `${share}, ${at}`).toMatchObject({ message: expect.stringContaining(code) })
        // Undone, it leaves nothing to go on with, and begins again.
        if (!isFinished(disk, command)) await run(disk)
        expectLogged(disk)
        expect(essence(disk), `${share}, ${at}`).toBe(undisturbed)
      }
    }
    console.log(`the resuming of a ${command}, ${code}: points tried: ${points} of ${all}`)
  })
})
