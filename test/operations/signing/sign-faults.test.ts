import { beforeAll, describe, expect, it } from 'vitest'
import { FpkiError } from '../../../src/errors.js'
import { signRequest } from '../../../src/operations/signing/sign-request.js'
import { opensslCsr } from '../../pki/support/openssl-csr.js'
import { CHANGES, diskWithPki, liveFiles } from '../../support/change-scene.js'
import { DIRECTORY, type Disturbance, expectLogged, machineOn } from '../../support/create-scene.js'
import { DISK_FAULTS, expectStorageError, failAt, isStop, pointsOf, stepsOf, stopAt } from '../../support/disturb.js'
import type { MemoryDisk } from '../../support/memory-disk.js'
import { pointsOfFault, pointsToTry } from '../../support/points.js'

const OUT = '/home/maker/gateway.pem'

let original: MemoryDisk

beforeAll(async () => {
  original = await diskWithPki()
})

let good: string | undefined

/** A valid request. */
async function request(): Promise<string> {
  good ??= await opensslCsr({})
  return good
}

function sign(disk: MemoryDisk, csr: string, disturbance?: Disturbance) {
  const options = { request: csr, what: 'gateway.csr', path: null, factory: null, profile: null, days: null }
  return signRequest({ ...options, directory: DIRECTORY, out: OUT }, machineOn(disk, disturbance))
}

function textOf(disk: MemoryDisk, path: string): string {
  return disk.contents().get(path)?.text ?? ''
}

/** Everything in a file is in the audit log, nothing else has changed, and the audit log can be continued. */
async function expectConsistent(disk: MemoryDisk, point: string): Promise<void> {
  expect(liveFiles(disk), point).toEqual(liveFiles(original))
  expectLogged(disk, false)
  expect(textOf(disk, `${DIRECTORY}/.fpki/log.jsonl`), point).toContain(
    textOf(original, `${DIRECTORY}/.fpki/log.jsonl`),
  )
  const isOut = disk.contents().has(OUT)
  if (isOut) await disk.mount().remove(OUT)
  await sign(disk, await request())
  expectLogged(disk)
  await CHANGES['ca rotate-tls']?.(disk)
  expectLogged(disk)
}

describe('ca sign', () => {
  it.each(['loseProcess', 'losePower'] as const)(
    'stopped at any point releases nothing that is not logged (%s)',
    async (loss) => {
      const whole = original.copy()
      const csr = await request()
      const points = await pointsOf((disturbance) => sign(whole, csr, disturbance))
      expectLogged(whole)
      const tried = pointsToTry(points, `ca sign ${loss}`)
      for (const at of tried) {
        const disk = original.copy()
        const outcome = await sign(disk, csr, stopAt(at).disturbance).catch((error: unknown) => error)
        expect(outcome, `point ${at}`).toSatisfy(isStop)
        disk[loss]()
        await expectConsistent(disk, `point ${at}`)
      }
      console.log(`crash points tried (ca sign, ${loss}): ${tried.length} of ${points.length}`)
    },
  )

  it.each(DISK_FAULTS)(
    'on a disk that fails with %s (persistent: %s) releases nothing that is not logged',
    async (code, lasting) => {
      const csr = await request()
      const steps = await stepsOf((disturbance) => sign(original.copy(), csr, disturbance))
      const tried = pointsOfFault(steps, 'ca sign', [code, lasting], DISK_FAULTS)
      for (const at of tried) {
        const disk = original.copy()
        const fault = failAt(at, code, lasting)
        const outcome = await sign(disk, csr, { disk: fault }).catch((error: unknown) => error)
        const point = `${code} at ${at}`
        expect(fault.failed(), point).toBe(true)
        if (outcome instanceof Error) expectStorageError(outcome, code, point)
        else expect(disk.contents().has(OUT), point).toBe(true)
        await expectConsistent(disk, point)
      }
      console.log(`ca sign, ${code}${lasting ? ' for good' : ''}: points tried: ${tried.length} of ${steps.length}`)
    },
  )

  it.each(['ENOSPC', 'EIO'])(
    'reports why it refused, whether or not the audit log can be written (%s)',
    async (code) => {
      const refused = await opensslCsr({ key: 'RSA-1024' })
      for (let at = 1; ; at++) {
        const disk = original.copy()
        const fault = failAt(at, code)
        const outcome = await sign(disk, refused, { disk: fault }).catch((error: unknown) => error)
        expect(outcome, `${code} at ${at}`).toBeInstanceOf(FpkiError)
        expect(outcome, `${code} at ${at}`).toMatchObject({ code: 'ERR_BAD_CSR' })
        if (!fault.failed()) {
          expect(at).toBeGreaterThan(2)
          expect(textOf(disk, `${DIRECTORY}/.fpki/log.jsonl`)).toContain('"kind":"refused"')
          break
        }
        await expectConsistent(disk, `${code} at ${at}`)
      }
    },
  )
})
