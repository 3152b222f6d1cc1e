import { describe, expect, test, vi } from 'vitest'
import { type FpkiCode, FpkiError } from '../../../src/errors.js'
import type { DeviceBatches } from '../../../src/issuance/device-batch/model.js'
import { lastingBatches } from '../../../src/operations/registration/lasting-batches.js'
import { PATIENT } from '../../support/patience.js'

/** A key in a token that the test unplugs, and batches with it. */
async function scene() {
  let now = Date.now()
  let problem: Error | null = null
  let hangsUntil: Promise<void> | null = null
  let timeIsUp: () => void = () => undefined
  const counts = { opened: 0, closed: 0, proven: 0 }
  const warnings: string[] = []
  const work = async <T>(result: T): Promise<T> => {
    if (problem !== null) throw problem
    return result
  }
  const open = async (): Promise<DeviceBatches> => {
    await work(null)
    counts.opened++
    return {
      check: () => work([]),
      makeKeys: () => work([]),
      certify: (orders) => work(orders.map(() => ({ serial: '01', der: new Uint8Array() }))),
      prove: async () => {
        counts.proven++
        await hangsUntil
        await work(null)
      },
      close: async () => {
        counts.closed++
      },
    }
  }
  const progress = { step: () => undefined, note: () => undefined, warn: (text: string) => warnings.push(text) }
  const wait = (_: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      timeIsUp = resolve
      signal.addEventListener('abort', () => resolve())
    })
  const ports = { clock: () => new Date(now), progress, wait }
  const batches = await lastingBatches({ name: 'local-ca.pem', open }, ports)
  const order = { subject: new Uint8Array(), spki: new Uint8Array(), keyHash: new Uint8Array() }
  const validity = { notBefore: new Date(0), notAfter: new Date(1), capped: false }
  return {
    batches,
    counts,
    warnings,
    sign: () => batches.certify([order], validity),
    later: (milliseconds: number) => {
      now += milliseconds
    },
    /** The token does not answer, until the function that this returns is called. */
    hang: () => {
      let release: () => void = () => undefined
      hangsUntil = new Promise((resolve) => {
        release = resolve
      })
      return () => {
        hangsUntil = null
        release()
      }
    },
    /** What waits is over. */
    timeIsUp: () => timeIsUp(),
    break: (code: FpkiCode | null) => {
      problem = code === null ? null : new FpkiError(code, 'The token is gone.', 'Plug it in.')
    },
  }
}

describe('a key in a token', () => {
  test('is asked to sign a message only when it has not signed for some seconds', async () => {
    const { batches, counts, later, sign } = await scene()
    await batches.requireKey()
    later(2000)
    await batches.requireKey()
    expect(counts.proven).toBe(0)
    later(2000)
    await batches.requireKey()
    await batches.requireKey()
    expect(counts.proven).toBe(1)
    later(4000)
    await sign()
    await batches.requireKey()
    expect(counts.proven).toBe(1)
  })

  test('that is unplugged is missed by the ping, and by everybody after it', async () => {
    const { batches, counts, later, sign, warnings, ...key } = await scene()
    key.break('ERR_HSM_TOKEN')
    later(4000)
    await expect(batches.requireKey()).rejects.toMatchObject({ code: 'ERR_HSM_TOKEN' })
    await expect(sign()).rejects.toMatchObject({ code: 'ERR_HSM_TOKEN' })
    await expect(batches.requireKey()).rejects.toMatchObject({ code: 'ERR_HSM_TOKEN' })
    expect({ ...counts, warnings }).toEqual({
      ...{ opened: 1, closed: 0, proven: 1 },
      warnings: ['local-ca.pem cannot sign now: The token is gone.'],
    })
  })

  test('that is back is opened again after some seconds, once for all who wait', async () => {
    const { batches, counts, later, sign, ...key } = await scene()
    key.break('ERR_HSM_TOKEN')
    await expect(sign()).rejects.toThrow()
    key.break(null)
    await expect(sign()).rejects.toThrow()
    later(5000)
    const all = await Promise.all([sign(), batches.requireKey(), sign()])
    expect(all[0]).toHaveLength(1)
    expect(counts).toMatchObject({ opened: 2, closed: 1 })
  })

  test('that stays away is looked for every few seconds', async () => {
    const { batches, later, sign, ...key } = await scene()
    key.break('ERR_HSM_TOKEN')
    await expect(sign()).rejects.toThrow()
    later(5000)
    await expect(batches.requireKey()).rejects.toThrow('The token is gone.')
    key.break(null)
    await expect(batches.requireKey()).rejects.toThrow('The token is gone.')
    later(5000)
    await batches.requireKey()
  })

  test.each(['ERR_HSM_PIN', 'ERR_BAD_KEY'] as const)('%s ends it: no PIN is tried twice', async (code) => {
    const { batches, counts, later, sign, ...key } = await scene()
    key.break('ERR_HSM_TOKEN')
    await expect(sign()).rejects.toThrow()
    key.break(code)
    later(5000)
    await expect(batches.requireKey()).rejects.toMatchObject({ code })
    key.break(null)
    later(1_000_000)
    await expect(sign()).rejects.toMatchObject({ code })
    expect(counts.opened).toBe(1)
  })

  test('that hangs counts as not available after some seconds, and as available when it answers again', async () => {
    const { batches, counts, later, hang, timeIsUp, warnings } = await scene()
    const answer = hang()
    later(4000)
    const waiting = [batches.requireKey(), batches.requireKey()]
    timeIsUp()
    for (const one of waiting) await expect(one).rejects.toMatchObject({ code: 'ERR_HSM_TOKEN' })
    // Who asks now does not wait.
    await expect(batches.requireKey()).rejects.toThrow('does not answer')
    answer()
    await vi.waitFor(() => batches.requireKey(), PATIENT)
    expect(counts).toMatchObject({ opened: 1, closed: 0, proven: 1 })
    expect(warnings).toHaveLength(1)
  })

  test('that answers in time is not waited for any longer', async () => {
    const { batches, later, timeIsUp, hang } = await scene()
    const answer = hang()
    later(4000)
    const waiting = batches.requireKey()
    answer()
    await waiting
    timeIsUp()
    await batches.requireKey()
  })

  test('is not suspected because of a certificate that must not be', async () => {
    const { counts, sign, ...key } = await scene()
    key.break('ERR_PROFILE')
    await expect(sign()).rejects.toMatchObject({ code: 'ERR_PROFILE' })
    key.break(null)
    await sign()
    expect(counts).toMatchObject({ opened: 1, closed: 0 })
  })
})
