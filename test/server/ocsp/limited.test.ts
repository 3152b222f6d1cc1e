import { expect, test } from 'vitest'
import type { OcspAnswer } from '../../../src/operations/ocsp/model.js'
import { limited } from '../../../src/server/ocsp/routes.js'

test('requests above the limit are answered tryLater, and those after them are answered again', async () => {
  const answers: ((answer: OcspAnswer) => void)[] = []
  const { answer } = limited({ answer: () => new Promise((resolve) => void answers.push(resolve)) }, 2)
  const good: OcspAnswer = { outcome: 'good', der: new Uint8Array(), cache: null }
  const all = [1, 2, 3].map(() => answer(new Uint8Array()))
  expect(await all[2]).toMatchObject({ outcome: 'tryLater' })
  for (const resolve of answers) resolve(good)
  expect(await Promise.all(all.slice(0, 2))).toEqual([good, good])
  const next = answer(new Uint8Array())
  answers.at(-1)?.(good)
  expect(await next).toBe(good)
})
