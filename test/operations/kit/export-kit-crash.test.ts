import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readKitRecord } from '../../../src/directory/kit-record.js'
import { thisMachine } from '../../../src/machine/index.js'
import { exportKit } from '../../../src/operations/kit/export-kit.js'
import { isWholeKit } from '../../../src/operations/kit/kit-files.js'
import { durableFiles } from '../../../src/storage/files.js'
import { nodeFileSystem } from '../../../src/storage/node-file-system.js'
import { copiedPki, type Made } from '../../cli/made.js'
import type { Disturbance } from '../../support/create-scene.js'
import { failAt, isStop, pointsOf, stepsOf, stopAt } from '../../support/disturb.js'
import { hookedDisk } from '../../support/hooked-disk.js'
import { pointsToTry } from '../../support/points.js'
import { createLine, pkiWithSite, withRegister } from '../../support/site.js'

const PROGRESS = { step: () => undefined, note: () => undefined, warn: () => undefined }

async function madeWithLine(): Promise<Made> {
  const made = await pkiWithSite()
  await createLine(made.directory, 'line-1', { quota: 10 })
  return made
}

const scene = () => copiedPki(madeWithLine)
const kitOf = ({ home }: Made) => join(home.path, 'kit')

function run(made: Made, { disk = {} }: Disturbance = {}, moveKey = true) {
  const options = { directory: made.directory, factory: null, ca: 'site-b', lines: null, store: null }
  const files = durableFiles(hookedDisk(nodeFileSystem(), disk))
  return exportKit({ ...options, kit: kitOf(made), moveKey }, { ...thisMachine(), files, progress: PROGRESS })
}

/** There is no kit, or a whole one; and the key is somewhere. */
async function expectSound(made: Made, key: string, point: string): Promise<void> {
  const [kit, files] = [kitOf(made), thisMachine().files]
  const places = [made.path('site-b.key'), join(kit, 'site-b.key')].filter((path) => existsSync(path))
  expect(
    places.map((path) => readFileSync(path, 'utf8')),
    point,
  ).toContain(key)
  if (!existsSync(kit)) return
  const record = await readKitRecord({ files, path: kit })
  expect(record !== null && (await isWholeKit(files, kit, record)), point).toBe(true)
  const [line, own] = await Promise.all(
    [kit, made.directory].map((directory) => withRegister(directory, ({ lines }) => lines.get('line-1'))),
  )
  // Never both: the quota would count twice.
  expect({ line, own }, point).toMatchObject({ line: { state: 'open', quota: 10 }, own: { state: 'paused' } })
}

async function expectFinished(made: Made, key: string, point: string): Promise<void> {
  await expectSound(made, key, point)
  expect(existsSync(made.path('site-b.key')), point).toBe(false)
  expect(
    readdirSync(made.home.path).filter((name) => name.startsWith('.fpki-')),
    point,
  ).toEqual([])
}

test('an export stopped at any point leaves no kit or a whole one, never loses the key, and the next one finishes it', async () => {
  const whole = await scene()
  const key = await whole.text('site-b.key')
  const points = await pointsOf((disturbance) => run(whole, disturbance))
  await expectFinished(whole, key, 'undisturbed')
  const tried = pointsToTry(points, 'ca export-kit')
  for (const at of tried) {
    const made = await scene()
    const outcome = await run(made, stopAt(at).disturbance).catch((error: unknown) => error)
    expect(outcome, `point ${at}`).toSatisfy(isStop)
    await expectSound(made, key, `point ${at}`)
    expect(await run(made), `point ${at}`).toMatchObject({ lines: [{ name: 'line-1', quota: 10 }] })
    await expectFinished(made, key, `point ${at}`)
  }
  console.log(`crash points tried (ca export-kit): ${tried.length} of ${points.length}`)
})

test.each(['ENOSPC', 'EIO'])('a disk that fails (%s) does the same', async (code) => {
  const probe = await scene()
  const key = await probe.text('site-b.key')
  const steps = await stepsOf((disturbance) => run(probe, disturbance))
  for (const at of pointsToTry(steps, `ca export-kit ${code}`)) {
    const made = await scene()
    await run(made, { disk: failAt(at, code) }).catch((error: unknown) =>
      expect(error).toMatchObject({ code: 'ERR_STORAGE' }),
    )
    await expectSound(made, key, `step ${at}`)
    await run(made)
    await expectFinished(made, key, `step ${at}`)
  }
})
