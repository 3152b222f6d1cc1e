import { expect, test } from 'vitest'
import { askingOnce } from '../../../src/operations/registration/remembered-secrets.js'

test('each secret is asked for once, and again only when there was no answer', async () => {
  const asked: string[] = []
  const answers = [new Error('no terminal'), 'one', 'two', 'three']
  const ask = async (what: string) => {
    asked.push(what)
    const answer = answers[asked.length - 1]
    if (answer instanceof Error) throw answer
    return answer ?? ''
  }
  const silent = { note: () => undefined, warn: () => undefined }
  const access = askingOnce({
    root: { kind: 'recorded', module: null },
    ...silent,
    login: { keypad: false, allowFinalPinTry: false, pin: ask },
    passphrases: { forExisting: ask, forNew: async () => '' },
  })
  await expect(access.login?.pin('the token')).rejects.toThrow('no terminal')
  expect([await access.login?.pin('the token'), await access.login?.pin('the token')]).toEqual(['one', 'one'])
  expect(await access.login?.pin('another')).toBe('two')
  expect(await access.passphrases?.forExisting('the token')).toBe('three')
  expect(asked).toEqual(['the token', 'the token', 'another', 'the token'])
  expect(askingOnce({ root: { kind: 'recorded', module: null }, ...silent })).toMatchObject({ login: undefined })
})
