import { describe, expect, test } from 'vitest'
import type { OutboxAction, OutboxEntry } from '../../../src/devices/outbox.js'
import { FactoryApiError } from '../../../src/factory/api.js'
import type { DenyOutcome, DeviceApi, PutOutcome } from '../../../src/factory/device-api.js'
import { inform } from '../../../src/operations/registration/inform.js'
import { uuidNumber } from '../../support/device-register.js'
import { entryOf } from './memory-outbox.js'

const OPTIONS = { signal: new AbortController().signal, retries: false }
const DONE = { kind: 'done' } as const

function failed<Kind extends 'conflict' | 'refused' | 'unknown'>(kind: Kind, status: number) {
  return { kind, error: new FactoryApiError(status, `It says ${status}.`, 'Wait.') }
}

const UNKNOWN = failed('unknown', 404)
const UNAVAILABLE = {
  kind: 'unavailable',
  error: new FactoryApiError(503, 'It says 503.', 'Wait.'),
  retryAfter: null,
} as const

interface Answers {
  readonly put?: readonly PutOutcome[]
  readonly deny?: readonly DenyOutcome[]
  readonly allow?: readonly PutOutcome[]
}

/** What an API is asked for, and how that ends, when it answers like this. */
async function informed(action: OutboxAction, answers: Answers, entry: Partial<OutboxEntry> = {}) {
  const calls: string[] = []
  const answer = <T>(call: keyof Answers, list: readonly T[] = []) => {
    calls.push(call)
    const next = list[calls.filter((one) => one === call).length - 1]
    return next === undefined ? Promise.reject(new Error(`${call} is not expected`)) : Promise.resolve(next)
  }
  const api: DeviceApi = {
    name: 'test',
    put: () => answer('put', answers.put),
    deny: (uuid) => answer(uuid === uuidNumber(1) ? 'deny' : 'put', answers.deny),
    allow: (uuid) => answer(uuid === uuidNumber(1) ? 'allow' : 'put', answers.allow),
  }
  const outcome = await inform(api, { ...entryOf(uuidNumber(1)), ...entry, action }, OPTIONS)
  return { calls: calls.join(' '), kind: outcome.kind, outcome }
}

describe('a new certificate', () => {
  test('is put', async () => {
    expect(await informed('announce', { put: [DONE] })).toMatchObject({ calls: 'put', kind: 'done' })
    expect(await informed('announce', { put: [failed('conflict', 409)] })).toMatchObject({ kind: 'conflict' })
  })
})

describe('a denial', () => {
  test.each([
    ['of a device that the API knows', { deny: [DONE] }, 'deny', 'done'],
    ['of one that it does not know', { deny: [UNKNOWN, DONE], put: [DONE] }, 'deny put deny', 'done'],
    ['of one that it does not take', { deny: [UNKNOWN], put: [failed('refused', 400)] }, 'deny put', 'refused'],
    // The device may be in its list of denied ones already.
    ['of one that it has refused before', { deny: [UNKNOWN], put: [failed('conflict', 409)] }, 'deny put', 'refused'],
    ['with an API that is away', { deny: [UNAVAILABLE] }, 'deny', 'unavailable'],
    ['with one that goes away', { deny: [UNKNOWN], put: [UNAVAILABLE] }, 'deny put', 'unavailable'],
    // The path or the factory is wrong.
    ['with one that never knows it', { deny: [UNKNOWN, UNKNOWN], put: [DONE] }, 'deny put deny', 'unavailable'],
  ])('%s', async (_, answers: Answers, calls, kind) => {
    expect(await informed('deny', answers)).toMatchObject({ calls, kind })
  })

  test('of a device without a certificate, which the API does not know', async () => {
    expect(await informed('deny', { deny: [UNKNOWN] }, { serial: null, der: null })).toMatchObject({
      calls: 'deny',
      kind: 'refused',
    })
  })
})

describe('the end of a denial', () => {
  test.each([
    ['is sent before the device', { allow: [DONE], put: [DONE] }, 'allow put', 'done'],
    ['that the API refuses', { allow: [failed('refused', 403)] }, 'allow', 'refused'],
    ['with an API that is away', { allow: [UNAVAILABLE] }, 'allow', 'unavailable'],
    [
      'of a device that is another one there',
      { allow: [DONE], put: [failed('conflict', 409)] },
      'allow put',
      'conflict',
    ],
  ])('%s', async (_, answers: Answers, calls, kind) => {
    expect(await informed('allow', answers)).toMatchObject({ calls, kind })
  })

  test('of a device without a certificate', async () => {
    expect(await informed('allow', { allow: [DONE] }, { serial: null, der: null })).toMatchObject({
      calls: 'allow',
      kind: 'done',
    })
  })
})
