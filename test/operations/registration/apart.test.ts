import { expect, test } from 'vitest'
import { type FpkiCode, FpkiError } from '../../../src/errors.js'
import { apart } from '../../../src/operations/registration/apart.js'

/** Work that fails when one of the items is bad. */
function working(bad: readonly number[], code: FpkiCode = 'ERR_CONSTRAINTS') {
  const calls: (readonly number[])[] = []
  const work = async (items: readonly number[]) => {
    calls.push(items)
    if (items.some((item) => bad.includes(item))) throw new FpkiError(code, 'It must not be certified.', 'Do not.')
    return items.map(String)
  }
  return { calls, work }
}

const error = expect.any(FpkiError)

test('all are done together when all are good', async () => {
  const { calls, work } = working([])
  expect(await apart([1, 2, 3], work)).toEqual([{ result: '1' }, { result: '2' }, { result: '3' }])
  expect(calls).toHaveLength(1)
})

test.each([[[3]], [[1, 5]], [[1, 2, 3, 4, 5]]])('only %j have no result', async (bad) => {
  const items = [1, 2, 3, 4, 5]
  const expected = items.map((item) => (bad.includes(item) ? { error } : { result: String(item) }))
  expect(await apart(items, working(bad).work)).toEqual(expected)
})

test('a failure of the key or the register is everybody’s', async () => {
  const { calls, work } = working([1], 'ERR_HSM_TOKEN')
  await expect(apart([1, 2], work)).rejects.toMatchObject({ code: 'ERR_HSM_TOKEN' })
  expect(calls).toHaveLength(1)
})

test('what is done stays done when the rest fails for another reason', async () => {
  const { work } = working([4])
  const thenFull = async (items: readonly number[]) => {
    if (items.length === 1 && items[0] === 3) throw new FpkiError('ERR_STORAGE', 'The disk is full.', 'Make room.')
    return await work(items)
  }
  const [first, second, third, fourth] = await apart([1, 2, 3, 4], thenFull)
  expect([first, second]).toEqual([{ result: '1' }, { result: '2' }])
  expect(third).toMatchObject({ error: { code: 'ERR_STORAGE' } })
  expect(fourth).toMatchObject({ error: { code: 'ERR_CONSTRAINTS' } })
})
