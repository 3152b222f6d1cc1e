import { describe, expect, test } from 'vitest'
import type { Line } from '../../../src/devices/register.js'
import { type FpkiCode, FpkiError } from '../../../src/errors.js'
import { availability } from '../../../src/operations/registration/availability.js'
import type { Issuers } from '../../../src/operations/registration/issuers.js'
import { UNLIMITED } from '../../support/device-register.js'

const OPEN: Line = { ...UNLIMITED, name: 'line-1', state: 'open', createdAt: 0, issued: 0, day: 0, issuedOnDay: 0 }
const AWAY = 'the device register is not available'

/** Lines and their CAs as the test says; each look is two seconds after the last. */
function scene(lines: readonly Line[] | FpkiError, problems: Readonly<Record<string, string | null>> = { ca: null }) {
  let now = Date.parse('2026-07-15T12:00:00Z')
  const warnings: string[] = []
  const issuers = {
    find: ({ ca }: Pick<Line, 'ca'>) => {
      const problem = problems[ca ?? 'ca']
      return problem === undefined ? null : { whyUnavailable: async () => problem }
    },
  } as unknown as Pick<Issuers, 'find'>
  const list = async () => {
    if (lines instanceof FpkiError) throw lines
    return lines
  }
  const { whyUnavailable, watch } = availability(null, {
    register: { lines: { list } } as unknown as Parameters<typeof availability>[1]['register'],
    issuers,
    clock: () => new Date(now),
    progress: { step: () => undefined, note: () => undefined, warn: (text) => warnings.push(text) },
  })
  return {
    warnings,
    watch,
    look: (after = 2000) => {
      now += after
      return whyUnavailable()
    },
  }
}

const failure = (code: FpkiCode) => new FpkiError(code, `The device register: ${code}.`, 'Mend it.')

describe('a device could be registered', () => {
  test.each([
    ['an open line', [OPEN], null],
    ['no line', [], 'no line is open'],
    ['only the line default', [{ ...OPEN, name: 'default' }], 'no line is open'],
    ['a paused line', [{ ...OPEN, state: 'paused' }], 'no line is open'],
    ['a closed line', [{ ...OPEN, state: 'closed' }], 'no line is open'],
    ['a line that has ended', [{ ...OPEN, until: 1 }], 'no line is open'],
    ['a line with its quota used up', [{ ...OPEN, quota: 5, issued: 5 }], 'no line is open'],
    ['one open line of two', [{ ...OPEN, state: 'paused' }, OPEN], null],
    ['a line whose CA was not opened', [{ ...OPEN, ca: 'other' }], expect.stringContaining('were not there')],
  ] as const)('with %s: %j', async (_, lines, reason) => {
    expect(await scene(lines).look()).toEqual(reason)
  })

  test('when one of the CAs can sign', async () => {
    const problems = { ca: 'the key is not available', other: null }
    expect(await scene([OPEN], problems).look()).toBe('the key is not available')
    expect(await scene([OPEN, { ...OPEN, ca: 'other' }], problems).look()).toBeNull()
  })

  test('unless the register cannot be read', async () => {
    expect(await scene(failure('ERR_STORAGE')).look()).toBe(AWAY)
  })

  test('unless a commit failed just now: after some seconds, the next may try', async () => {
    const { watch, look, warnings } = scene([OPEN])
    const failing = () => watch(() => Promise.reject(failure('ERR_STORAGE')))
    expect(await look()).toBeNull()
    await expect(failing()).rejects.toMatchObject({ code: 'ERR_STORAGE' })
    expect([await look(), await look(), await look()]).toEqual([AWAY, AWAY, null])
    await expect(failing()).rejects.toThrow()
    expect(warnings).toEqual(['The device register: ERR_STORAGE.'])
    expect(await watch(async () => 'recorded')).toBe('recorded')
    expect(await look()).toBeNull()
  })

  test('also when a commit failed for another reason than the register', async () => {
    const { watch, look } = scene([OPEN])
    await expect(watch(() => Promise.reject(failure('ERR_API')))).rejects.toThrow()
    expect(await look()).toBeNull()
  })
})
