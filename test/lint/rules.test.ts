import { expect, test } from 'vitest'
import { lint, readFileItems } from '../../src/lint/index.js'
import { BUILT_NOW, builtRoot } from '../pki/support/built.js'
import { BUILT_CASES } from './built-cases.js'

const beside = readFileItems(builtRoot(), 'factory_ca.pem', null).items

test('the root of the certificates below has no findings', () => {
  expect(lint(beside, [], { factory: null, now: BUILT_NOW })).toEqual({ findings: [], factory: 'acme' })
})

test.each(BUILT_CASES)('%s', (_, octets, codes) => {
  const { items } = readFileItems(octets, 'it', null)
  const { findings } = lint(items, beside, { factory: null, now: BUILT_NOW })
  expect(findings.map(({ code }) => code)).toEqual(codes)
  for (const { reason, cite } of findings) expect(`${reason}${cite}`).not.toMatch(/undefined|null|NaN/)
})
