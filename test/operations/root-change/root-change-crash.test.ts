import { beforeAll, expect, test } from 'vitest'
import { embeddedFactoryOn } from '../../../src/machine/index.js'
import { createPki } from '../../../src/operations/create/create-pki.js'
import { crossSign } from '../../../src/operations/root-change/cross-sign.js'
import { renewRoot } from '../../../src/operations/root-change/renew-root.js'
import { allPem, diskWithPki, expectKept, isFinished, liveFiles, type RunChange } from '../../support/change-scene.js'
import { DIRECTORY, essence, expectLogged, machineOn } from '../../support/create-scene.js'
import { isStop, pointsOf, stopAt } from '../../support/disturb.js'
import type { MemoryDisk } from '../../support/memory-disk.js'
import { pointsToTry } from '../../support/points.js'

const OTHER = '/home/maker/next'

/** A year later, so that a renewed root is valid longer. */
const clock = () => new Date(Date.now() + 366 * 86_400_000)

const renew: RunChange = (disk, disturbance) =>
  renewRoot(
    { directory: DIRECTORY, factory: null, dryRun: false },
    { ...machineOn(disk, disturbance), clock, confirm: async () => undefined },
  )

const cross: RunChange = (disk, disturbance) =>
  crossSign({ directory: DIRECTORY, with: OTHER }, machineOn(disk, disturbance))

let one: MemoryDisk
let two: MemoryDisk

beforeAll(async () => {
  one = await diskWithPki()
  two = one.copy()
  const machine = machineOn(two)
  const api = embeddedFactoryOn({ stateDirectory: '/home/maker/state-2', factory: 'acme' }, machine)
  const options = { directory: OTHER, factory: 'acme', onlineCa: true, tlsNames: [] }
  await createPki({ ...options, root: { kind: 'new-file' }, localCa: { kind: 'file' } }, { ...machine, api })
})

test.each([
  ['ca renew-root', 'loseProcess', () => one, renew],
  ['ca renew-root', 'losePower', () => one, renew],
  ['ca cross-sign', 'losePower', () => two, cross],
] as const)('%s stopped at any point ends like an undisturbed run when it is run again (%s)', async (...row) => {
  const [command, loss, disks, run] = row
  const original = disks()
  const whole = original.copy()
  const points = await pointsOf((disturbance) => run(whole, disturbance))
  const undisturbed = essence(whole)
  const pem = allPem(original)
  for (const at of pointsToTry(points, `${command} ${loss}`)) {
    const point = `point ${at}`
    const disk = original.copy()
    const outcome = await run(disk, stopAt(at).disturbance).catch((error: unknown) => error)
    expect(outcome, point).toSatisfy(isStop)
    disk[loss]()
    expectKept(pem, disk, point)
    const before = allPem(disk)
    // Its second run would renew the renewed root.
    if (command !== 'ca renew-root' || !isFinished(disk, command)) await run(disk)
    disk.losePower()
    if (!isFinished(disk, command)) {
      // The end of the first run was not on the disk yet.
      await run(disk)
      disk.losePower()
    }
    expectKept(before, disk, point)
    if (command === 'ca renew-root') expectLogged(disk)
    expect(essence(disk), point).toBe(undisturbed)
    expect(Object.keys(liveFiles(disk))).toEqual(Object.keys(liveFiles(whole)))
  }
})
