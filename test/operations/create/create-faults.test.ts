import { describe, expect, it } from 'vitest'
import { type FactoryApi, FactoryApiError } from '../../../src/factory/api.js'
import { createOn, essence, runAgain } from '../../support/create-scene.js'
import { around, failAt, stepsOf } from '../../support/disturb.js'
import { memoryDisk } from '../../support/memory-disk.js'
import { pointsOfFault } from '../../support/points.js'

async function essenceOfUndisturbedRun(): Promise<string> {
  const disk = memoryDisk()
  await createOn(disk)
  return essence(disk)
}

const FAULTS = [
  ['ENOSPC', false],
  ['EIO', false],
  ['ENOSPC', true],
  ['EACCES', true],
  ['EROFS', true],
] as const

describe.each(FAULTS)('ca create on a disk that fails with %s (for good: %s)', (code, lasting) => {
  it('names the path at every step, and succeeds on the next run', async () => {
    const undisturbed = await essenceOfUndisturbedRun()
    const steps = await stepsOf((disturbance) => createOn(memoryDisk(), disturbance))
    const tried = pointsOfFault(steps, 'ca create', [code, lasting], FAULTS)
    for (const at of tried) {
      const disk = memoryDisk()
      const hook = failAt(at, code, lasting)
      const outcome = await createOn(disk, { disk: hook }).catch((error: unknown) => error)
      expect(hook.failed(), `point ${at}`).toBe(true)
      expect(outcome).toMatchObject({ code: 'ERR_STORAGE', message: expect.stringMatching(`^/home/.*\\(${code}\\)`) })
      await runAgain(disk)
      expect(essence(disk), `point ${at}`).toBe(undisturbed)
    }
    console.log(`${code}${lasting ? ' for good' : ''}: points tried: ${tried.length} of ${steps.length}`)
  })
})

const CALLS = ['requestCsrs', 'getCertificates', 'updateCertificates', 'getUser'] as const

/** An API whose `nth` call of `name` fails, before it has its effect or after it. */
function unreliable(name: (typeof CALLS)[number], nth: number, when: 'before' | 'after') {
  let count = 0
  const call = async <T>(called: string, work: () => Promise<T>): Promise<T> => {
    const fails = called === name && ++count === nth
    if (fails && when === 'before') throw lost()
    const answer = await work()
    if (fails) throw lost()
    return answer
  }
  return { wrap: (api: FactoryApi) => around(api, call), failed: () => count >= nth }
}

function lost(): FactoryApiError {
  return new FactoryApiError(502, 'The answer got lost.', 'Run the same command again.')
}

describe.each(CALLS)('ca create with an API that fails in %s', (name) => {
  it.each(['before', 'after'] as const)('succeeds on the next run (the call fails %s taking effect)', async (when) => {
    const undisturbed = await essenceOfUndisturbedRun()
    for (let nth = 1; ; nth++) {
      const disk = memoryDisk()
      const { wrap, failed } = unreliable(name, nth, when)
      const outcome = await createOn(disk, { api: wrap }).catch((error: unknown) => error)
      if (!failed()) break
      expect(outcome).toMatchObject({ code: 'ERR_API' })
      await createOn(disk)
      expect(essence(disk), `call ${nth}`).toBe(undisturbed)
    }
  })
})
