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
import { around, DISK_FAULTS, failAt, stepsOf } from '../../support/disturb.js'
import type { MemoryDisk } from '../../support/memory-disk.js'
import { pointsOfFault } from '../../support/points.js'

let original: MemoryDisk

beforeAll(async () => {
  original = await diskWithPki()
})

async function undisturbedEssence(run: RunChange): Promise<string> {
  const disk = original.copy()
  await run(disk)
  return essence(disk)
}

/** A failed command with a known outcome is rolled back completely. */
function expectUntouched(disk: MemoryDisk, point: string): void {
  expect(liveFiles(disk), point).toEqual(liveFiles(original))
  expect(pendingOn(disk), point).toEqual([])
  expect(journalOn(disk), point).toBe(journalOn(original))
}

/** After a failure, everything that the API has accepted is on the disk. */
function expectNothingLost(disk: MemoryDisk, point: string): void {
  const onDisk = allPem(disk)
  for (const pem of [...allPem(original), ...certificatesInApi(disk)]) expect(onDisk, point).toContain(pem)
}

/** Running the command again ends like an undisturbed run. */
async function expectResumes(
  disk: MemoryDisk,
  command: string,
  run: RunChange,
  end: { essence: string; point: string },
) {
  if (!isFinished(disk, command)) await run(disk)
  expect(essence(disk), end.point).toBe(end.essence)
}

describe.each(Object.entries(CHANGES))('%s on a disk that fails', (command, run) => {
  it.each(DISK_FAULTS)(
    'with %s (persistent: %s) is rolled back, or resumed when it is run again',
    async (code, lasting) => {
      const undisturbed = await undisturbedEssence(run)
      const steps = await stepsOf((disturbance) => run(original.copy(), disturbance))
      const tried = pointsOfFault(steps, command, [code, lasting], DISK_FAULTS)
      for (const at of tried) {
        const disk = original.copy()
        const hook = failAt(at, code, lasting)
        const outcome = await run(disk, { disk: hook }).catch((error: unknown) => error)
        const point = `${code} at ${at}`
        expect(hook.failed(), point).toBe(true)
        expectNothingLost(disk, point)
        // The embedded API may have done the work before its disk failed.
        if (outcome instanceof Error) {
          expect(outcome, point).toMatchObject({ name: 'FpkiError', message: expect.stringContaining(code) })
          if (!lasting && knownOn(disk) === knownOn(original)) expectUntouched(disk, point)
        }
        await expectResumes(disk, command, run, { essence: undisturbed, point })
      }
      console.log(`${command}, ${code}${lasting ? ' for good' : ''}: points tried: ${tried.length} of ${steps.length}`)
    },
  )
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
  ] as const)('%s the work (persistent: %s) is rolled back, or resumed when it is run again', async (when, lasting) => {
    const undisturbed = await undisturbedEssence(run)
    for (let nth = 1; ; nth++) {
      const disk = original.copy()
      const { wrap, failed } = unreliable(nth, when, lasting)
      const outcome = await run(disk, { api: wrap }).catch((error: unknown) => error)
      if (!failed()) break
      const point = `call ${nth}`
      expectNothingLost(disk, point)
      const isTaken = knownOn(disk) !== knownOn(original)
      if (outcome instanceof Error) {
        expect(outcome, point).toMatchObject({
          code: 'ERR_API',
          message: expect.stringContaining('The answer got lost'),
        })
        // Whether the API accepted the update or not, the files in the directory are unchanged.
        expect(liveFiles(disk), point).toEqual(liveFiles(original))
        if (!isTaken && !lasting) expectUntouched(disk, point)
      } else expect(isTaken, point).toBe(true)
      await expectResumes(disk, command, run, { essence: undisturbed, point })
    }
  })
})

describe.each(['ca revoke-device-ca', 'ca disable-device-ca'])(
  '%s that is resumed after its CRL has expired',
  (command) => {
    it('sends a new CRL with the same number, and reports that one', async () => {
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
      const result = changeDeviceCasResult.parse(await run?.(disk, { clock: () => later }))
      expect(result).toMatchObject({ changed: true, resumed: true, crl: { crlNumber: '1' } })
      const inApi: { caRevokeCrl?: string } = JSON.parse(knownOn(disk))
      expect(result.crl?.pem).toBe(inApi.caRevokeCrl)
      const words = ['crl', '-noout', '-lastupdate', '-dateopt', 'iso_8601']
      const dates = await output('openssl', words, { stdin: result.crl?.pem ?? '' })
      expect(dates).toBe(`lastUpdate=${later.toISOString().replace('T', ' ').replace(/\.\d+/, '')}\n`)
    })
  },
)
