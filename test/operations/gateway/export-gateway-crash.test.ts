import { beforeAll, describe, expect, it } from 'vitest'
import { exportGateway } from '../../../src/operations/gateway/export-gateway.js'
import { CHANGES, diskWithPki } from '../../support/change-scene.js'
import { type Disturbance, machineOn, STATE } from '../../support/create-scene.js'
import { isStop, pointsOf, stopAt } from '../../support/disturb.js'
import type { MemoryDisk } from '../../support/memory-disk.js'
import { pointsToTry } from '../../support/points.js'

const GATEWAY = '/home/maker/gateway'

function run(disk: MemoryDisk, disturbance?: Disturbance) {
  const where = { stateDirectory: STATE, factory: 'acme', directory: GATEWAY, at: null, replace: true }
  return exportGateway({ ...where, listen: '8443', upstream: 'http://up' }, machineOn(disk, disturbance))
}

/** The files of the gateway, with mode and text, except those of interrupted writes. */
function filesOn(disk: MemoryDisk): Readonly<Record<string, unknown>> {
  const files = [...disk.contents()].filter(([path]) => path.startsWith(`${GATEWAY}/`) && !path.endsWith('-unfinished'))
  return Object.fromEntries(files.filter(([path]) => !path.endsWith('.lock')))
}

/** Runs on copies of `original`, each stopped one step later than the previous one. */
async function cutOff(
  original: MemoryDisk,
  test: { readonly name: string; readonly loss: 'loseProcess' | 'losePower' },
  check: (disk: MemoryDisk, expected: Readonly<Record<string, unknown>>) => void,
): Promise<void> {
  const whole = original.copy()
  const points = await pointsOf((disturbance) => run(whole, disturbance))
  const expected = filesOn(whole)
  expect(Object.keys(expected).length).toBe(3)
  const tried = pointsToTry(points, `${test.name} ${test.loss}`)
  for (const at of tried) {
    const disk = original.copy()
    const outcome = await run(disk, stopAt(at).disturbance).catch((error: unknown) => error)
    expect(outcome, `point ${at}`).toSatisfy(isStop)
    disk[test.loss]()
    check(disk, expected)
    await run(disk)
    expect(filesOn(disk), `point ${at}`).toEqual(expected)
    expect([...disk.contents().keys()].filter((path) => path.endsWith('-unfinished'))).toEqual([])
  }
  expect(points.length).toBeGreaterThan(9)
  console.log(`crash points tried (${test.name}, ${test.loss}): ${tried.length} of ${points.length}`)
}

let original: MemoryDisk

beforeAll(async () => {
  original = await diskWithPki()
})

describe.each(['loseProcess', 'losePower'] as const)('an export stopped at any point (%s)', (loss) => {
  it('leaves no nginx.conf without the other files, and the next export completes it', async () => {
    await cutOff(original, { name: 'api export-gateway', loss }, (disk, expected) => {
      const files = filesOn(disk)
      for (const [path, file] of Object.entries(files)) expect(file).toEqual(expected[path])
      if (`${GATEWAY}/nginx.conf` in files) expect(files).toEqual(expected)
    })
  })

  it('with --replace after a change leaves each file in its old or its new version', async () => {
    const changed = original.copy()
    await run(changed)
    const before = filesOn(changed)
    await CHANGES['ca rotate-tls']?.(changed)
    await CHANGES['ca disable-device-ca']?.(changed)
    await cutOff(changed, { name: 'api export-gateway again', loss }, (disk, expected) => {
      const files = filesOn(disk)
      expect(Object.keys(files)).toEqual(Object.keys(before))
      for (const [path, file] of Object.entries(files)) expect([before[path], expected[path]]).toContainEqual(file)
    })
  })
})
