import { beforeAll, describe, expect, it } from 'vitest'
import { type FactoryApi, FactoryApiError } from '../../../src/factory/api.js'
import { changeDeviceCasResult } from '../../../src/operations/device-cas/change-device-cas.js'
import {
  allPem,
  CHANGES,
  diskWithPki,
  isFinished,
  journalOn,
  knownOn,
  liveFiles,
  pendingOn,
  type RunChange,
} from '../../support/change-scene.js'
import { output } from '../../support/cli.js'
import { certificatesInApi, essence } from '../../support/create-scene.js'
import { around, failAt, stepsOf } from '../../support/disturb.js'
import type { MemoryDisk } from '../../support/memory-disk.js'
import { pointsToTry } from '../../support/points.js'

let original: MemoryDisk

beforeAll(async () => {
  original = await diskWithPki()
})

async function undisturbedEssence(run: RunChange): Promise<string> {
  const disk = original.copy()
  await run(disk)
  return essence(disk)
}

/** A failed command whose end is known: all of it is undone. */
function expectUntouched(disk: MemoryDisk, point: string): void {
  expect(liveFiles(disk), point).toEqual(liveFiles(original))
  expect(pendingOn(disk), point).toEqual([])
  expect(journalOn(disk), point).toBe(journalOn(original))
}

/** A failed command either changed nothing, or holds all that the API has taken. */
function expectHeld(disk: MemoryDisk, point: string): void {
  const held = allPem(disk)
  for (const pem of [...allPem(original), ...certificatesInApi(disk)]) expect(held, point).toContain(pem)
}

/** The same command again ends as an undisturbed one. */
async function expectGoesOn(
  disk: MemoryDisk,
  command: string,
  run: RunChange,
  end: { essence: string; point: string },
) {
  if (!isFinished(disk, command)) await run(disk)
  expect(essence(disk), end.point).toBe(end.essence)
}

describe.each(Object.entries(CHANGES))('%s on a disk that fails', (command, run) => {
  it.each([
    ['ENOSPC', true],
    ['EACCES', true],
    ['EROFS', true],
    ['EIO', false],
  ])('with %s (for good: %s) is undone, or goes on when it is run again', async (code, lasting) => {
    const undisturbed = await undisturbedEssence(run)
    const steps = await stepsOf((disturbance) => run(original.copy(), disturbance))
    const tried = pointsToTry(steps, `${command} ${code} ${lasting}`)
    for (const at of tried) {
      const disk = original.copy()
      const hook = failAt(at, code, lasting)
      const outcome = await run(disk, { disk: hook }).catch((error: unknown) => error)
      const point = `${code} at ${at}`
      expect(hook.failed(), point).toBe(true)
      expectHeld(disk, point)
      // An API whose own disk fails behind the work has done it.
      if (outcome instanceof Error) {
        expect(outcome, point).toMatchObject({ name: 'FpkiError', message: expect.stringContaining(code) })
        if (!lasting && knownOn(disk) === knownOn(original)) expectUntouched(disk, point)
      }
      await expectGoesOn(disk, command, run, { essence: undisturbed, point })
    }
    console.log(`${command}, ${code}${lasting ? ' for good' : ''}: points tried: ${tried.length} of ${steps.length}`)
  })
})

/** An API whose `nth` call fails before or after its work; `lasting`: so does every later one. */
function unreliable(nth: number, when: 'before' | 'after', lasting: boolean) {
  let count = 0
  const call = async <T>(_: string, work: () => Promise<T>): Promise<T> => {
    count++
    const fails = count === nth || (lasting && count > nth)
    if (fails && (when === 'before' || count > nth)) throw lost()
    const answer = await work()
    if (fails) throw lost()
    return answer
  }
  return { wrap: (api: FactoryApi) => around(api, call), failed: () => count >= nth }
}

function lost(): FactoryApiError {
  return new FactoryApiError(502, 'The answer got lost.', 'Run the same command again.')
}

describe.each(Object.entries(CHANGES))('%s with an API that fails', (command, run) => {
  it.each([
    ['before', false],
    ['after', false],
    ['before', true],
    ['after', true],
  ] as const)('%s the work (for good: %s) is undone, or goes on when it is run again', async (when, lasting) => {
    const undisturbed = await undisturbedEssence(run)
    for (let nth = 1; ; nth++) {
      const disk = original.copy()
      const { wrap, failed } = unreliable(nth, when, lasting)
      const outcome = await run(disk, { api: wrap }).catch((error: unknown) => error)
      if (!failed()) break
      const point = `call ${nth}`
      expectHeld(disk, point)
      const isTaken = knownOn(disk) !== knownOn(original)
      if (outcome instanceof Error) {
        expect(outcome, point).toMatchObject({
          code: 'ERR_API',
          message: expect.stringContaining('The answer got lost'),
        })
        // Nobody can tell whether it was taken while the API is silent; the files in place are as they were all the same.
        expect(liveFiles(disk), point).toEqual(liveFiles(original))
        if (!isTaken && !lasting) expectUntouched(disk, point)
      } else expect(isTaken, point).toBe(true)
      await expectGoesOn(disk, command, run, { essence: undisturbed, point })
    }
  })
})

describe.each(['ca revoke-device-ca', 'ca disable-device-ca'])(
  '%s that waited for longer than its CRL is good for',
  (command) => {
    it('sends a new one with the same number, and tells of that one', async () => {
      const run = CHANGES[command]
      const disk = original.copy()
      const outage = (api: FactoryApi): FactoryApi => {
        let isDown = false
        return around(api, async (name, work) => {
          isDown ||= name === 'updateCertificates'
          if (isDown) throw lost()
          return work()
        })
      }
      await expect(run?.(disk, { api: outage })).rejects.toMatchObject({ code: 'ERR_API' })
      const later = new Date(Date.now() + 20 * 60_000)
      const told = changeDeviceCasResult.parse(await run?.(disk, { clock: () => later }))
      expect(told).toMatchObject({ changed: true, resumed: true, crl: { crlNumber: '1' } })
      const inApi: { caRevokeCrl?: string } = JSON.parse(knownOn(disk))
      expect(told.crl?.pem).toBe(inApi.caRevokeCrl)
      const words = ['crl', '-noout', '-lastupdate', '-dateopt', 'iso_8601']
      const said = await output('openssl', words, { stdin: told.crl?.pem ?? '' })
      expect(said).toBe(`lastUpdate=${later.toISOString().replace('T', ' ').replace(/\.\d+/, '')}\n`)
    })
  },
)
