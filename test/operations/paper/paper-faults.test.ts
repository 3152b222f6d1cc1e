import { beforeAll, describe, expect, test } from 'vitest'
import { FpkiError } from '../../../src/errors.js'
import { printPaper } from '../../../src/operations/paper/print-paper.js'
import { restorePaper } from '../../../src/operations/paper/restore-paper.js'
import { diskWithPki } from '../../support/change-scene.js'
import { DIRECTORY, type Disturbance, machineOn } from '../../support/create-scene.js'
import { failAt, isStop, pointsOf, stepsOf, stopAt } from '../../support/disturb.js'
import type { MemoryDisk } from '../../support/memory-disk.js'
import { pointsOfFault, pointsToTry } from '../../support/points.js'

const OUT = '/home/maker/sheets'
const KEY = '/home/maker/back.key'
const PASSPHRASES = { forExisting: async () => 'nine lives of a fish', forNew: async () => 'nine lives of a fish' }

let original: MemoryDisk

beforeAll(async () => {
  original = await diskWithPki()
})

function print(disk: MemoryDisk, sharing: { threshold: number; count: number } | null, disturbance: Disturbance = {}) {
  const protection = sharing === null ? ({ kind: 'plain' } as const) : ({ kind: 'shares', ...sharing } as const)
  const options = { directory: DIRECTORY, factory: null, out: OUT, protection }
  return printPaper(options, { ...machineOn(disk, disturbance), passphrases: PASSPHRASES })
}

function restore(disk: MemoryDisk, text: string, disturbance: Disturbance = {}) {
  const options = { text, out: KEY, certificate: `${DIRECTORY}/factory_ca.pem`, encrypt: false }
  return restorePaper(options, { ...machineOn(disk, disturbance), passphrases: PASSPHRASES })
}

/** The files at and below a path, with their modes. */
function at(disk: MemoryDisk, path: string) {
  return [...disk.contents()].filter(([one]) => one.startsWith(path)).map(([one, { mode }]) => [one, mode])
}

/** The lines of all sheets. */
function linesOn(disk: MemoryDisk): string {
  const html = [...disk.contents()].filter(([path]) => path.startsWith(OUT)).map(([, { text }]) => text ?? '')
  return html.flatMap((text) => [...text.matchAll(/<pre>([\s\S]*?)<\/pre>/g)].map(([, block]) => block)).join('\n')
}

async function expectRecovered(disk: MemoryDisk): Promise<void> {
  expect((await restore(disk, linesOn(disk))).checkedAgainst).toBe('certificate')
  expectKey(disk)
}

function expectKey(disk: MemoryDisk): void {
  expect(disk.contents().get(KEY)).toEqual(disk.contents().get(`${DIRECTORY}/factory_ca.key`))
}

const FAULTS = [
  ['ENOSPC', false],
  ['ENOSPC', true],
  ['EACCES', false],
  ['EROFS', true],
  ['EIO', false],
] as const

describe.each(FAULTS)('%s, persistent: %j', (code, lasting) => {
  /** `before`: the disk at the start. `path`: what must exist afterwards, or not. */
  async function atEachStep(
    before: MemoryDisk,
    path: string,
    run: (disk: MemoryDisk, disturbance: Disturbance) => Promise<unknown>,
    expectDone: (disk: MemoryDisk) => Promise<void>,
  ): Promise<void> {
    const steps = await stepsOf((disturbance) => run(before.copy(), disturbance))
    const tried = pointsOfFault(steps, `paper ${path}`, [code, lasting], FAULTS)
    for (const point of tried) {
      const disk = before.copy()
      const fault = failAt(point, code, lasting)
      const outcome = await run(disk, { disk: fault }).catch((error: unknown) => error)
      expect(fault.failed(), `point ${point}`).toBe(true)
      expect(outcome).toBeInstanceOf(FpkiError)
      expect(outcome).toMatchObject({ code: 'ERR_STORAGE', message: expect.stringContaining('/home/maker') })
      expect(at(disk, path)).toEqual([])
      await run(disk, {})
      await expectDone(disk)
    }
    expect(steps.length).toBeGreaterThan(3)
    console.log(
      `paper, ${path}, ${code}${lasting ? ' for good' : ''}: points tried: ${tried.length} of ${steps.length}`,
    )
  }

  test('at each step of printing leaves no sheet, and the next run succeeds', async () => {
    const run = (disk: MemoryDisk, disturbance: Disturbance) => print(disk, null, disturbance)
    await atEachStep(original, OUT, run, expectRecovered)
  })

  test('at each step of a restore leaves no key file, and the next run succeeds', async () => {
    const made = original.copy()
    await print(made, null)
    const run = (disk: MemoryDisk, disturbance: Disturbance) => restore(disk, linesOn(disk), disturbance)
    await atEachStep(made, KEY, run, async (disk) => expectKey(disk))
  })
})

test('ENOSPC at any sheet of shares leaves no sheets, and the next run succeeds', async () => {
  const shares = { threshold: 2, count: 3 }
  const steps = await stepsOf((disturbance) => print(original.copy(), shares, disturbance))
  const tried = pointsToTry(steps, 'sheets of shares')
  for (const point of tried) {
    const disk = original.copy()
    const fault = failAt(point, 'ENOSPC', true)
    const outcome = await print(disk, shares, { disk: fault }).catch((error: unknown) => error)
    expect(fault.failed(), `point ${point}`).toBe(true)
    expect(outcome).toMatchObject({ code: 'ERR_STORAGE' })
    expect(at(disk, `${OUT}/`)).toEqual([])
    await print(disk, shares)
    await expectRecovered(disk)
  }
  expect(steps.length).toBeGreaterThan(12)
  console.log(`sheets of shares, ENOSPC for good: points tried: ${tried.length} of ${steps.length}`)
})

test('a killed print leaves complete sheets only', async () => {
  const points = await pointsOf((disturbance) => print(original.copy(), null, disturbance))
  const tried = pointsToTry(points, 'ca paper killed')
  for (const point of tried) {
    const disk = original.copy()
    await print(disk, null, stopAt(point).disturbance).catch((error: unknown) => {
      if (!isStop(error)) throw error
    })
    disk.losePower()
    if (disk.contents().has(OUT)) await expectRecovered(disk)
    else await print(disk, null)
  }
  console.log(`crash points tried (ca paper): ${tried.length} of ${points.length}`)
})
