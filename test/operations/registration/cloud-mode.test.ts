import { describe, expect, test } from 'vitest'
import type { DeviceApi, PutOutcome } from '../../../src/factory/device-api.js'
import { cloudMode } from '../../../src/operations/registration/cloud-mode.js'

const done = async (): Promise<PutOutcome> => ({ kind: 'done' })
const API: DeviceApi = { name: 'test', put: done, deny: done, allow: done }

describe('how the Factory API is informed', () => {
  test.each([
    [null, API, 'queue'],
    ['queue', API, 'queue'],
    ['require', API, 'require'],
    ['off', API, 'off'],
    [null, null, 'off'],
    ['off', null, 'off'],
  ])('%s is asked for: %#', (wanted, api, mode) => {
    expect(cloudMode(wanted, api)).toEqual({ mode, api: mode === 'off' ? null : API })
  })

  test.each([
    ['queue', null, 'reads the device register'],
    ['require', null, 'reads the device register'],
    ['later', API, 'Unknown mode "later"'],
  ])('%s is refused: %#', (wanted, api, text) => {
    expect(() => cloudMode(wanted, api)).toThrow(
      expect.objectContaining({ code: 'ERR_USAGE', message: expect.stringContaining(text) }),
    )
  })
})
