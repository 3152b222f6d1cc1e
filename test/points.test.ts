import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

const KINDS = Array.from({ length: 100 }, (_, at) => (at % 10 === 3 ? 'fsync' : at === 57 ? 'rename' : 'write'))

async function points(kinds: readonly string[], name: string): Promise<readonly number[]> {
  const { pointsToTry } = await import('./support/points.js')
  return pointsToTry(kinds, name)
}

beforeEach(() => {
  vi.resetModules()
})

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('points to try', () => {
  test('are all points if all are requested', async () => {
    vi.stubEnv('FPKI_TEST_ALL_POINTS', '1')
    expect(await points(KINDS, 'a')).toEqual(KINDS.map((_, at) => at + 1))
  })

  test('are one in twenty and one of each kind of step, the same each time', async () => {
    vi.stubEnv('FPKI_TEST_ALL_POINTS', undefined)
    for (const name of ['a', 'b', 'c', 'd']) {
      const chosen = await points(KINDS, name)
      expect(chosen.length).toBeGreaterThanOrEqual(5)
      expect(chosen.length).toBeLessThanOrEqual(7)
      expect(new Set(chosen.map((point) => KINDS[point - 1]))).toEqual(new Set(['write', 'fsync', 'rename']))
      expect(await points(KINDS, name)).toEqual(chosen)
    }
  })

  test('are all of them, over many tests', async () => {
    vi.stubEnv('FPKI_TEST_ALL_POINTS', undefined)
    const chosen = await Promise.all(Array.from({ length: 200 }, (_, at) => points(KINDS, `test ${at}`)))
    expect(new Set(chosen.flat()).size).toBe(KINDS.length)
  })

  test('are divided among the faults that last, and all of them are tried', async () => {
    vi.stubEnv('FPKI_TEST_ALL_POINTS', undefined)
    const { pointsOfFault, pointsToTry } = await import('./support/points.js')
    const faults = [
      ['EIO', false],
      ['ENOSPC', true],
      ['EROFS', true],
    ] as const
    const [alone, one, other] = faults.map((fault) => pointsOfFault(KINDS, 'a', fault, faults))
    expect(alone).toEqual(pointsToTry(KINDS, 'a false'))
    expect([...(one ?? []), ...(other ?? [])].toSorted((a, b) => a - b)).toEqual(pointsToTry(KINDS, 'a true'))
    expect(pointsOfFault(['write'], 'a', ['EROFS', true], faults)).toEqual([1])
  })

  test('are at least one', async () => {
    vi.stubEnv('FPKI_TEST_ALL_POINTS', undefined)
    expect(await points(['write'], 'a')).toEqual([1])
    expect(await points([], 'a')).toEqual([])
  })
})
