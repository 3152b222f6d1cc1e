import { describe, expect, onTestFinished, test } from 'vitest'
import { FactoryApiError } from '../../../src/factory/api.js'
import type { DeviceApi, PublishedDevice, PutOutcome } from '../../../src/factory/device-api.js'
import { announceTo } from '../../../src/operations/registration/announce.js'
import { publishedDevice } from '../../../src/operations/registration/inform.js'
import { LEASE, LONGEST_WAIT, REFUSED_WAIT, waitFor } from '../../../src/operations/registration/publish-schedule.js'
import { type PublishEvent, startPublishing } from '../../../src/operations/registration/start-publishing.js'
import { uuidNumber } from '../../support/device-register.js'
import { entryOf, type MemoryOutbox, memoryOutbox } from './memory-outbox.js'

const MIDDLE = { bytes: (size: number) => new Uint8Array(size).fill(128) }
const DONE: PutOutcome = { kind: 'done' }
const never = () => Promise.reject(new Error('only PUT is expected'))
const ONLY_PUT = { name: 'test', deny: never, allow: never }

function outcome(kind: 'conflict' | 'refused' | 'unavailable', status: number, retryAfter: number | null = null) {
  const error = new FactoryApiError(status, `It says ${status}.`, 'Wait.')
  return kind === 'unavailable' ? { kind, error, retryAfter } : { kind, error }
}

/** A publisher whose time passes only when it waits; `answers` are those of the API, by the number of the request. */
function scene(answers: (number: number, device: PublishedDevice) => PutOutcome | Promise<PutOutcome>) {
  const outbox: MemoryOutbox = memoryOutbox()
  const sent: { readonly at: number; readonly device: PublishedDevice }[] = []
  const events: PublishEvent[] = []
  const waits: number[] = []
  const state = { now: 1_000_000, waiting: null as null | (() => void), inFlight: 0, most: 0 }
  const api: DeviceApi = {
    ...ONLY_PUT,
    put: async (device, { signal, retries }) => {
      expect(retries).toBe(false)
      sent.push({ at: state.now, device })
      const number = sent.length
      state.inFlight += 1
      state.most = Math.max(state.most, state.inFlight)
      let abort: () => void = () => undefined
      const aborted = new Promise<never>((_, reject) => {
        abort = () => reject(signal.reason)
        signal.addEventListener('abort', abort)
      })
      try {
        await Promise.resolve()
        return await Promise.race([aborted, answers(number, device)])
      } finally {
        signal.removeEventListener('abort', abort)
        state.inFlight -= 1
      }
    },
  }
  const start = () => {
    const publisher = startPublishing({ outbox }, api, {
      clock: () => new Date(state.now),
      random: MIDDLE,
      report: (event) => void events.push(event),
      wait: (milliseconds, signal) =>
        new Promise((resolve) => {
          waits.push(milliseconds)
          const go = () => {
            state.waiting = null
            resolve()
          }
          state.waiting = () => {
            state.now += milliseconds
            go()
          }
          signal.addEventListener('abort', go, { once: true })
          if (signal.aborted) go()
        }),
    })
    onTestFinished(() => publisher.stop())
    return publisher
  }
  /** Resolves when it has nothing to do. */
  const quiet = () => expect.poll(() => state.waiting, { interval: 1, timeout: 30_000 }).not.toBeNull()
  /** Lets the wait pass. */
  const pass = async () => {
    await quiet()
    state.waiting?.()
    await quiet()
  }
  return { outbox, sent, events, waits, state, api, start, quiet, pass }
}

function uuids(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => uuidNumber(at + 1))
}

test('empties the outbox, a few devices at a time', async () => {
  const { outbox, sent, state, start, quiet, events } = scene(() => DONE)
  outbox.add(...uuids(50))
  const publisher = start()
  await quiet()
  expect(outbox.entries).toEqual([])
  expect(sent).toHaveLength(50)
  expect(state.most).toBe(8)
  expect(publisher.status()).toEqual({ sent: 50, conflicts: 0, refused: 0, pausedUntil: null, lastFailure: null })
  expect(events).toEqual([])
})

test('what comes later is sent with a nudge at once, and without one soon', async () => {
  const { outbox, sent, state, start, quiet, pass } = scene(() => DONE)
  const publisher = start()
  await quiet()
  outbox.add(uuidNumber(1))
  publisher.nudge()
  await expect.poll(() => sent.length, { timeout: 30_000 }).toBe(1)
  expect(state.now).toBe(1_000_000)
  await quiet()
  outbox.add(uuidNumber(2))
  await pass()
  expect(sent).toHaveLength(2)
  expect(state.now).toBe(1_005_000)
})

test('a conflict is a state of the device, and does not stop the others', async () => {
  const { outbox, start, quiet, events } = scene((number) => (number === 2 ? outcome('conflict', 409) : DONE))
  outbox.add(...uuids(3))
  const publisher = start()
  await quiet()
  expect(outbox.entries).toEqual([])
  expect(outbox.conflicts).toEqual([uuidNumber(2)])
  expect(publisher.status()).toMatchObject({ sent: 2, conflicts: 1, pausedUntil: null })
  expect(events).toEqual([{ kind: 'conflict', uuid: uuidNumber(2), reason: 'It says 409' }])
})

test('a refused device waits for hours, with the reason, and does not stop the others', async () => {
  const { outbox, start, quiet, state, events } = scene((number) => (number === 1 ? outcome('refused', 400) : DONE))
  outbox.add(...uuids(2))
  start()
  await quiet()
  expect(outbox.entries).toMatchObject([
    { uuid: uuidNumber(1), attempts: 1, nextAt: state.now + REFUSED_WAIT, reason: 'It says 400' },
  ])
  expect(events).toEqual([{ kind: 'refused', uuid: uuidNumber(1), reason: 'It says 400' }])
})

describe('an API that takes no device', () => {
  test('is left alone for longer and longer, tried with one device, and reported once', async () => {
    const { outbox, sent, waits, start, pass, quiet, events } = scene((number) =>
      number <= 13 ? outcome('unavailable', 500) : DONE,
    )
    outbox.add(...uuids(20))
    const publisher = start()
    await quiet()
    expect(sent).toHaveLength(8)
    expect(publisher.status()).toMatchObject({ lastFailure: 'It says 500', pausedUntil: 1_001_500 })
    for (let tries = 1; tries <= 5; tries++) {
      await pass()
      expect(sent).toHaveLength(8 + tries)
    }
    expect(waits).toEqual([1500, 3000, 6000, 12_000, 24_000, 48_000])
    expect(events).toMatchObject([{ kind: 'paused', reason: 'It says 500' }])
    for (let tries = 0; outbox.entries.length > 0 && tries < 20; tries++) await pass()
    expect(outbox.entries).toEqual([])
    expect(new Set(sent.map(({ device }) => device.name))).toEqual(new Set([null]))
    expect(events).toMatchObject([{ kind: 'paused' }, { kind: 'resumed' }])
    expect(publisher.status()).toMatchObject({ sent: 20, pausedUntil: null, lastFailure: 'It says 500' })
  })

  test('is not asked again before Retry-After', async () => {
    const { outbox, waits, start, quiet, sent } = scene(() => outcome('unavailable', 429, 120_000))
    outbox.add(uuidNumber(1))
    const publisher = start()
    await quiet()
    publisher.nudge()
    await quiet()
    expect(waits).toEqual([120_000])
    expect(sent).toHaveLength(1)
    expect(outbox.entries[0]?.nextAt).toBe(1_120_000)
  })

  test('because of the token: waits longer, and is logged once in a day', async () => {
    const { outbox, waits, start, pass, quiet, events, sent } = scene(() => outcome('unavailable', 401))
    outbox.add(...uuids(5000))
    start()
    await quiet()
    for (let tries = 0; tries < 96; tries++) await pass()
    expect(waits[0]).toBe(45_000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(LONGEST_WAIT)
    expect(sent).toHaveLength(8 + 96)
    expect(events).toHaveLength(1)
  })

  test('for one device only: the others go on', async () => {
    const { outbox, start, quiet, events } = scene((number) => (number === 1 ? outcome('unavailable', 500) : DONE))
    outbox.add(...uuids(30))
    start()
    await quiet()
    expect(outbox.entries).toMatchObject([{ uuid: uuidNumber(1), attempts: 1, reason: 'It says 500' }])
    expect(events).toEqual([])
  })
})

test('a register that is away does not end it', async () => {
  const { outbox, start, quiet, pass, events } = scene(() => DONE)
  const take = outbox.take
  let failures = 2
  outbox.take = (order) => {
    failures -= 1
    return failures >= 0 ? Promise.reject(new Error('the database is away.')) : take(order)
  }
  outbox.add(uuidNumber(1))
  start()
  await quiet()
  await pass()
  await pass()
  expect(outbox.entries).toEqual([])
  expect(events).toMatchObject([{ kind: 'paused', reason: 'the database is away' }, { kind: 'resumed' }])
})

test('stops at once in the middle of requests; their leases run out, and the next start sends them', async () => {
  const hang = { still: true }
  const { outbox, sent, state, start, quiet } = scene(() => (hang.still ? new Promise(() => undefined) : DONE))
  outbox.add(...uuids(10))
  const publisher = start()
  await expect.poll(() => sent.length, { timeout: 30_000 }).toBe(8)
  await publisher.stop()
  expect(outbox.entries.map(({ attempts }) => attempts)).toEqual(Array(10).fill(0))
  hang.still = false
  start()
  await quiet()
  expect(outbox.entries).toHaveLength(8)
  state.now += LEASE
  state.waiting?.()
  await quiet()
  expect(outbox.entries).toEqual([])
})

test('records what was answered before it was stopped', async () => {
  const { outbox, sent, start } = scene((number) => (number === 8 ? new Promise(() => undefined) : DONE))
  outbox.add(...uuids(8))
  const publisher = start()
  await expect.poll(() => sent.length, { timeout: 30_000 }).toBe(8)
  await new Promise((resolve) => setImmediate(resolve))
  await publisher.stop()
  expect(outbox.entries).toMatchObject([{ uuid: uuidNumber(8), attempts: 0 }])
})

describe('how long to wait', () => {
  const random = (octet: number) => ({ bytes: (size: number) => new Uint8Array(size).fill(octet) })
  test('doubles, with jitter, up to 15 minutes', () => {
    const [least, most] = [random(0), random(255)]
    for (let failures = 1; failures < 100; failures++) {
      const whole = Math.min(2000 * 2 ** (failures - 1), LONGEST_WAIT)
      const away = { status: 0, retryAfter: null }
      expect(waitFor(away, failures, least)).toBe(whole / 2)
      expect(waitFor(away, failures, most)).toBeGreaterThan(whole * 0.99)
      expect(waitFor(away, failures, most)).toBeLessThan(whole)
    }
  })
  test('is what the API asks for, up to 15 minutes', () => {
    expect(waitFor({ status: 429, retryAfter: 60_000 }, 1, random(0))).toBe(60_000)
    expect(waitFor({ status: 429, retryAfter: 86_400_000 }, 1, random(0))).toBe(LONGEST_WAIT)
  })
})

test('a device with its UUID for a name has no name', () => {
  const entry = { ...entryOf(uuidNumber(1)), der: Buffer.from('3000', 'hex') }
  expect(publishedDevice(entry).name).toBeNull()
  expect(publishedDevice({ ...entry, name: 'kitchen', group: 'blue' })).toEqual({
    ...{ name: 'kitchen', group: 'blue' },
    certificate: '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n',
  })
})

describe('to announce a device at once', () => {
  test.each([
    [DONE, { kind: 'delivered' }, [], []],
    [outcome('conflict', 409), { kind: 'conflict', reason: 'It says 409' }, [], [uuidNumber(1)]],
    [outcome('unavailable', 503), { kind: 'failed', reason: 'It says 503' }, [1_001_500], []],
    [outcome('refused', 400), { kind: 'failed', reason: 'It says 400' }, [1_000_000 + REFUSED_WAIT], []],
  ])('settles its entry: %j', async (answer, announced, nextAt, conflicts) => {
    const outbox = memoryOutbox()
    outbox.add(uuidNumber(1))
    const api: DeviceApi = { ...ONLY_PUT, put: async () => answer }
    const ports = { clock: () => new Date(1_000_000), random: MIDDLE }
    const announce = announceTo({ outbox, api }, new AbortController().signal, ports)
    expect(await announce(entryOf(uuidNumber(1)))).toEqual(announced)
    expect(outbox.entries.map((entry) => entry.nextAt)).toEqual(nextAt)
    expect(outbox.conflicts).toEqual(conflicts)
  })
})
