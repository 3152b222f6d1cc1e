import { expect, test } from 'vitest'
import { ALL_POINTS } from '../../support/points.js'
import { registrationScene } from './scene.js'

const COUNT = 10_000
const SECRET = 'A'.repeat(43)

/** The one in the middle, which pauses of a busy machine do not move. */
function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? Number.NaN
}

test.runIf(ALL_POINTS)('ten thousand wrong tokens do not show by their time which ones are known', async () => {
  const scene = await registrationScene()
  const [, id = ''] = (await scene.token()).split('_')
  const texts = {
    known: (at: number) => `fpki_${id}_${String(at).padStart(43, '0')}`,
    unknown: () => `fpki_${'0'.repeat(16)}_${SECRET}`,
  }
  const times = { known: [] as number[], unknown: [] as number[] }
  await scene.serve(async (service) => {
    const measure = async (kind: 'known' | 'unknown', at: number) => {
      const token = texts[kind](at)
      const start = performance.now()
      const caller = await service.authenticate({ kind: 'token', token })
      times[kind].push(performance.now() - start)
      expect(caller).toBeNull()
    }
    // In turns, so that a machine that becomes slower makes both slower.
    for (let at = 0; at < COUNT; at++) {
      await measure(at % 2 === 0 ? 'known' : 'unknown', at)
      await measure(at % 2 === 0 ? 'unknown' : 'known', at)
    }
  })
  expect([times.known.length, times.unknown.length]).toEqual([COUNT, COUNT])
  // Without the hash of an unknown token it is 2.5; else 1, also on a busy machine.
  const ratio = median(times.known) / median(times.unknown)
  expect(ratio).toBeGreaterThan(1 / 2)
  expect(ratio).toBeLessThan(2)
})
