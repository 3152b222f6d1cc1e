import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inBatches } from '../../../src/operations/registration/in-batches.js'

/** Work that is done when the test says so. */
function heldWork() {
  const begun: { readonly items: readonly number[]; done(): void; fail(error: unknown): void }[] = []
  const work = (items: readonly number[]) =>
    new Promise<readonly string[]>((resolve, reject) => {
      begun.push({ items, done: () => resolve(items.map(String)), fail: reject })
    })
  return { begun, work }
}

/** Lets everything happen that can happen by itself. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate()
}

describe('batches', () => {
  test('what comes in the same turn is one batch; what comes while it is under way is the next', async () => {
    const { begun, work } = heldWork()
    const batches = inBatches(work, { least: 1, most: 10, atOnce: 1, wait: 0 })
    const first = [1, 2].map(batches.add)
    await settled()
    const second = [3, 4, 5].map(batches.add)
    await settled()
    expect(begun.map(({ items }) => items)).toEqual([[1, 2]])
    begun[0]?.done()
    expect(await Promise.all(first)).toEqual(['1', '2'])
    await settled()
    expect(begun.map(({ items }) => items)).toEqual([
      [1, 2],
      [3, 4, 5],
    ])
    begun[1]?.done()
    expect(await Promise.all(second)).toEqual(['3', '4', '5'])
  })

  test('no batch is larger than the limit, and no more are under way at once', async () => {
    const { begun, work } = heldWork()
    const batches = inBatches(work, { least: 1, most: 2, atOnce: 2, wait: 0 })
    const all = [1, 2, 3, 4, 5].map(batches.add)
    await settled()
    expect(begun.map(({ items }) => items)).toEqual([
      [1, 2],
      [3, 4],
    ])
    begun[1]?.done()
    await settled()
    expect(begun[2]?.items).toEqual([5])
    begun[0]?.done()
    begun[2]?.done()
    expect(await Promise.all(all)).toEqual(['1', '2', '3', '4', '5'])
  })

  test('what waits is shared by those that may begin, unless they would be too small', async () => {
    const { begun, work } = heldWork()
    const limits = { least: 3, most: 10, atOnce: 2, wait: 0 }
    const [few, many] = [inBatches(work, limits), inBatches(work, limits)]
    const added = [1, 2, 3, 4].map(few.add)
    await settled()
    const more = [1, 2, 3, 4, 5, 6, 7].map(many.add)
    await settled()
    expect(begun.map(({ items }) => items.length)).toEqual([3, 1, 4, 3])
    for (const { done } of begun) done()
    expect(await Promise.all([...added, ...more])).toHaveLength(11)
  })

  test('a few wait for others: until there are enough, or their time is over, or nothing more may come', async () => {
    const { begun, work } = heldWork()
    const patient = inBatches(work, { least: 3, most: 10, atOnce: 1, wait: 3_600_000 })
    const first = [1, 2].map(patient.add)
    await settled()
    expect(begun).toEqual([])
    first.push(patient.add(3))
    expect(begun.map(({ items }) => items)).toEqual([[1, 2, 3]])
    const last = patient.add(4)
    begun[0]?.done()
    await settled()
    expect(begun).toHaveLength(1)
    const closing = patient.close()
    expect(begun[1]?.items).toEqual([4])
    begun[1]?.done()
    await closing
    expect(await Promise.all([...first, last])).toEqual(['1', '2', '3', '4'])
    const brief = inBatches(async (items: readonly number[]) => items.map(String), {
      ...{ least: 3, most: 10, atOnce: 1, wait: 1 },
    })
    expect(await brief.add(5)).toBe('5')
  })

  test('an error reaches the callers of its batch, and nobody else', async () => {
    const { begun, work } = heldWork()
    const batches = inBatches(work, { least: 1, most: 2, atOnce: 2, wait: 0 })
    const all = [1, 2, 3].map(batches.add)
    await settled()
    begun[0]?.fail(new Error('the disk is full'))
    begun[1]?.done()
    expect(await Promise.allSettled(all)).toEqual([
      { status: 'rejected', reason: new Error('the disk is full') },
      { status: 'rejected', reason: new Error('the disk is full') },
      { status: 'fulfilled', value: '3' },
    ])
  })

  test.each([
    ['fewer', async () => []],
    ['more', async () => ['1', '2', '3']],
  ])(
    'an answer with %s results than items is an error for all, because nobody knows whose they are',
    async (_, work) => {
      const batches = inBatches<number, string>(work, { least: 1, most: 2, atOnce: 1, wait: 0 })
      const outcomes = await Promise.allSettled([1, 2].map(batches.add))
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
      await batches.close()
    },
  )

  test('closing finishes what was added, and takes nothing more', async () => {
    const { begun, work } = heldWork()
    const batches = inBatches(work, { least: 1, most: 1, atOnce: 1, wait: 0 })
    const all = [1, 2].map(batches.add)
    let isClosed = false
    const closing = batches.close().then(() => {
      isClosed = true
    })
    await expect(batches.add(3)).rejects.toThrow('closed')
    await settled()
    begun[0]?.done()
    await settled()
    expect({ isClosed, begun: begun.length }).toEqual({ isClosed: false, begun: 2 })
    begun[1]?.done()
    await closing
    expect(await Promise.all(all)).toEqual(['1', '2'])
  })

  test('closing without any item ends at once, also twice', async () => {
    const batches = inBatches(async () => [], { least: 1, most: 1, atOnce: 1, wait: 0 })
    await batches.close()
    await batches.close()
  })

  test('whatever comes when, everybody gets the answer to their own item, or the error of their batch', async () => {
    const steps = fc.array(
      fc.record({ items: fc.integer({ min: 0, max: 6 }), turns: fc.integer({ min: 0, max: 3 }), fails: fc.boolean() }),
      { maxLength: 12 },
    )
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 6 }),
        async (plan, most, atOnce, least) => {
          const failing = new Set<number>()
          const taken: number[][] = []
          let running = 0
          const batches = inBatches(
            async (items: readonly number[]) => {
              expect(++running).toBeLessThanOrEqual(atOnce)
              expect(items.length).toBeLessThanOrEqual(most)
              taken.push([...items])
              for (let turn = 0; turn < (items[0] ?? 0) % 4; turn++) await setImmediate()
              running--
              if (items.some((item) => failing.has(item))) throw new Error(`failed: ${items.join()}`)
              return items.map((item) => item * 2)
            },
            { least, most, atOnce, wait: 0 },
          )
          let next = 0
          const answers: Promise<PromiseSettledResult<number>>[] = []
          for (const { items, turns, fails } of plan) {
            for (let index = 0; index < items; index++) {
              const item = next++
              if (fails && index === 0) failing.add(item)
              answers.push(Promise.allSettled([batches.add(item)]).then(([answer]) => answer))
            }
            for (let turn = 0; turn < turns; turn++) await setImmediate()
          }
          await batches.close()
          expect(taken.flat()).toEqual(Array.from({ length: next }, (_, item) => item))
          for (const [item, answer] of (await Promise.all(answers)).entries()) {
            const batch = taken.find((one) => one.includes(item)) ?? []
            const isFailed = batch.some((one) => failing.has(one))
            if (isFailed) expect(answer).toMatchObject({ reason: new Error(`failed: ${batch.join()}`) })
            else expect(answer).toEqual({ status: 'fulfilled', value: item * 2 })
          }
        },
      ),
      { numRuns: 50 },
    )
  })
})
