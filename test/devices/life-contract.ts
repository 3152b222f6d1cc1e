import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Denial } from '../../src/devices/denial.js'
import { ALL_DEVICES, type DeviceRegister } from '../../src/devices/register.js'
import { deviceIn, lifeOf, OVERLAP, renewalOf, statusWord } from './life-scene.js'
import {
  CA,
  collect,
  commitOf,
  DAY,
  hold,
  importedOf,
  NOON,
  newCertificate,
  newCertificates,
  wordsOf,
} from './register-scene.js'

const announced = (reason: Denial['reason'], at = NOON): Denial => ({ reason, at, announce: true })
const OTHER_CA = 'ab'.repeat(32)

/** What every register does with denials, sightings and the status of certificates, whatever its engine: see contractOf. */
export function lifeContractOf(scene: () => Promise<() => Promise<DeviceRegister>>): void {
  let register: DeviceRegister
  beforeEach(async () => {
    register = await (await scene())()
  })
  afterEach(() => register.close())
  const take = (at = NOON) => register.outbox.take({ count: 10, at, until: at + 1 })
  const renewed = async (presented: Parameters<typeof renewalOf>[0], at = NOON + DAY) => {
    const next = renewalOf(presented)
    expect(wordsOf(await register.renew({ at, overlap: OVERLAP, certificates: [next] }))).toEqual(['committed'])
    return next
  }
  const words = async (serials: readonly string[], at: number) => (await register.statuses(serials, at)).map(statusWord)

  describe('a denial', () => {
    test('is of the device; one on hold may be denied for ever, and not the other way round', async () => {
      const [one, two] = [await deviceIn(register), await deviceIn(register)]
      const both = [one.uuid, two.uuid, randomUUID()]
      expect((await register.deny(both, hold(NOON))).toSorted()).toEqual([one.uuid, two.uuid].toSorted())
      expect(await register.deny(both, { ...hold(NOON + 1), reason: 'certificateHold' })).toEqual([])
      const denial = { reason: 'keyCompromise', at: NOON + DAY, announce: false } as const
      expect(await register.deny([one.uuid], denial)).toEqual([one.uuid])
      expect(await register.deny([one.uuid], { ...denial, reason: 'superseded' })).toEqual([])
      expect(await register.deny([one.uuid], hold(NOON))).toEqual([])
      const state = { state: 'denied', certificates: [{ state: 'active', endedAt: null }] }
      // It was not to be accepted from the first denial on.
      expect(await register.device(one.uuid)).toMatchObject({ ...state, denied: { at: NOON, reason: 'keyCompromise' } })
      expect(await register.allow(both, { at: NOON, announce: false })).toEqual([two.uuid])
      expect(await register.device(two.uuid)).toMatchObject({ state: 'active', denied: null })
      expect(await register.count({ ...ALL_DEVICES, state: 'denied' })).toMatchObject({ devices: 1 })
      expect(await register.damage()).toBeNull()
    })

    test('that is announced replaces what waits, also when that is being sent', async () => {
      const one = newCertificate()
      await register.commit(commitOf([one], { announce: true }))
      const [waiting] = await take()
      await register.deny([one.uuid], announced('keyCompromise', NOON + DAY))
      expect(await take()).toEqual([])
      if (waiting === undefined) throw new Error('nothing waits')
      await register.outbox.delivered([waiting])
      const [denial] = await take(NOON + DAY)
      expect(denial).toMatchObject({ action: 'deny', uuid: one.uuid, serial: one.serial, ca: CA, attempts: 0 })
      if (denial === undefined) throw new Error('the denial does not wait')
      await register.outbox.delivered([denial])
      expect(await register.outbox.state()).toMatchObject({ waiting: 0 })
    })

    test('of a device of another service is announced without a certificate, and so is its end', async () => {
      const key = newCertificate()
      await register.importKeys({ line: 'default', ca: CA, at: NOON, notAfter: NOON, keys: [key] })
      await register.deny([key.uuid], announced('certificateHold'))
      const [denial] = await take()
      expect(denial).toMatchObject({ action: 'deny', uuid: key.uuid, serial: null, der: null, ca: CA })
      if (denial === undefined) throw new Error('the denial does not wait')
      await register.outbox.failed(denial, { at: NOON, reason: 'away' })
      await register.allow([key.uuid], { at: NOON + 1, announce: true })
      // The denial that was being sent is not what waits any more.
      await register.outbox.delivered([denial])
      const [end] = await take(NOON + 1)
      expect(end).toMatchObject({ action: 'allow', uuid: key.uuid, attempts: 0 })
      expect(await register.device(key.uuid)).toMatchObject({ state: 'external' })
    })

    test('whose end is not announced is taken back where it may have been sent', async () => {
      const [one, two] = [await deviceIn(register), await deviceIn(register)]
      await register.deny([one.uuid], announced('certificateHold'))
      await register.deny([two.uuid], hold(NOON))
      await register.allow([one.uuid, two.uuid], { at: NOON, announce: false })
      expect(await take()).toMatchObject([{ action: 'allow', uuid: one.uuid }])
      await register.deny([one.uuid], hold(NOON))
      expect(await take(NOON + DAY)).toEqual([])
    })

    test('whose end waits is announced with the newest certificate', async () => {
      const one = await deviceIn(register)
      await register.deny([one.uuid], announced('certificateHold'))
      await register.allow([one.uuid], { at: NOON, announce: true })
      const next = newCertificate({ uuid: one.uuid })
      await register.commit(commitOf([next], { at: NOON + 1, announce: true }))
      expect(await take(NOON + 1)).toMatchObject([{ action: 'allow', serial: next.serial }])
    })

    test('of a device with a renewal ends, and all is as before', async () => {
      const old = await deviceIn(register)
      const next = await renewed(old)
      const before = await register.device(old.uuid)
      await register.deny([old.uuid], hold(NOON + 2 * DAY))
      await register.allow([old.uuid], { at: NOON, announce: false })
      expect(await register.device(old.uuid)).toEqual(before)
      expect(await words([next.serial], NOON + 3 * DAY)).toEqual(['good'])
    })
  })

  describe('an import', () => {
    test('keeps when certificates end and were seen, and denies devices', async () => {
      const [old, next, single] = newCertificates(3)
      if (!(old && next && single)) throw new Error('no certificates')
      const kit = [
        importedOf(old, { state: 'superseded', endedAt: NOON + 30 * DAY, seenAt: NOON }),
        importedOf({ ...next, uuid: old.uuid }, { issuedAt: NOON + DAY }),
        importedOf(single, { denied: { at: NOON, reason: 'keyCompromise' } }),
      ]
      expect(wordsOf(await register.importCertificates(kit))).toEqual(['imported', 'imported', 'imported'])
      expect(await lifeOf(register, old.uuid)).toEqual(['active ends - seen -', 'superseded ends 30 seen 0'])
      expect(await words([old.serial, next.serial], NOON + DAY)).toEqual(['good until 30', 'good'])
      expect(await words([single.serial], NOON)).toEqual(['keyCompromise 0'])
    })

    test('records a further certificate of a device that is denied here, and leaves it denied', async () => {
      const old = await deviceIn(register)
      await register.deny([old.uuid], hold(NOON))
      const next = newCertificate({ uuid: old.uuid })
      expect(wordsOf(await register.importCertificates([importedOf(next, { issuedAt: NOON + 1 })]))).toEqual([
        'imported',
      ])
      expect(await register.device(old.uuid)).toMatchObject({ state: 'denied', issuedAt: NOON + 1 })
      expect(await words([old.serial, next.serial], NOON)).toEqual(['certificateHold 0', 'certificateHold 0'])
    })

    test('puts only on hold what was here already, and does not end it', async () => {
      const old = await deviceIn(register)
      const next = await renewed(old)
      const denied = { at: NOON, reason: 'keyCompromise' } as const
      const again = importedOf(
        { ...newCertificate(), ...next },
        { issuedAt: NOON + DAY, seenAt: NOON, endedAt: NOON, state: 'superseded', denied },
      )
      expect(wordsOf(await register.importCertificates([again]))).toEqual(['existing'])
      expect(await lifeOf(register, old.uuid)).toEqual(['active ends - seen -', 'superseded ends 31 seen 1'])
      expect(await register.device(old.uuid)).toMatchObject({ denied: { at: NOON, reason: 'certificateHold' } })
    })
  })

  describe('a certificate that is presented', () => {
    test('is found with its device, and whether a newer one was seen', async () => {
      const old = await deviceIn(register)
      const next = await renewed(old)
      const asked = [next.serial, 'ff', old.serial, 'xy', '']
      const [newest, unknown, older, ...others] = await register.presented(asked)
      expect([unknown, ...others]).toEqual([null, null, null])
      expect(newest).toMatchObject({
        device: { uuid: old.uuid },
        certificate: { serial: next.serial },
        isReplaced: false,
      })
      expect(older).toMatchObject({ certificate: { serial: old.serial, endedAt: NOON + 31 * DAY }, isReplaced: false })
      await register.seen([{ serial: next.serial, at: NOON + 2 * DAY }])
      expect((await register.presented(asked)).map((one) => one?.isReplaced)).toEqual([
        ...[false, undefined, true, undefined, undefined],
      ])
    })
  })

  describe('a certificate that was seen', () => {
    test('ends the older ones then, and only the first time counts', async () => {
      const old = await deviceIn(register)
      const next = await renewed(old)
      const seen = [
        { serial: next.serial, at: NOON + 5 * DAY },
        { serial: next.serial, at: NOON + 4 * DAY },
        { serial: 'ff', at: NOON },
      ]
      expect(await register.seen(seen)).toEqual({ known: 1, first: 1, superseded: 1 })
      expect(await lifeOf(register, old.uuid)).toEqual(['active ends - seen 4', 'superseded ends 4 seen 1'])
      expect(await register.seen(seen)).toEqual({ known: 1, first: 0, superseded: 0 })
    })

    test('does not end a newer one, nor make an ended one end later', async () => {
      const old = await deviceIn(register)
      const next = await renewed(old)
      const last = await renewed(old, NOON + 2 * DAY)
      expect(await register.seen([{ serial: old.serial, at: NOON + 9 * DAY }])).toMatchObject({ first: 0 })
      const both = [last, next].map(({ serial }) => ({ serial, at: NOON + 3 * DAY }))
      expect(await register.seen(both)).toEqual({ known: 2, first: 2, superseded: 1 })
      expect(await lifeOf(register, old.uuid)).toEqual([
        'active ends - seen 3',
        'superseded ends 2 seen 3',
        'superseded ends 3 seen 1',
      ])
    })

    test('many at once', async () => {
      const all = newCertificates(1500)
      for (const begin of [0, 500, 1000]) await register.commit(commitOf(all.slice(begin, begin + 500)))
      const seen = all.map(({ serial }, index) => ({ serial, at: NOON + index }))
      expect(await register.seen(seen)).toEqual({ known: 1500, first: 1500, superseded: 0 })
    })
  })

  describe('the status of certificates', () => {
    /** A certificate for each status, by what it is; those of one other CA too. */
    const scene = async () => {
      const [good, renewedOne, lost, held, compromised] = await Promise.all(
        Array.from({ length: 5 }, () => deviceIn(register)),
      )
      const expired = newCertificate({ notAfter: NOON + DAY })
      const elsewhere = newCertificate()
      await register.commit(commitOf([expired, elsewhere], { ca: OTHER_CA }))
      if (!(good && renewedOne && lost && held && compromised)) throw new Error('no devices')
      const next = await renewed(renewedOne)
      const ofCompromised = await renewed(compromised)
      await register.seen([{ serial: ofCompromised.serial, at: NOON + 2 * DAY }])
      await register.abandon([lost.uuid], NOON + DAY)
      await register.deny([held.uuid, expired.uuid, elsewhere.uuid], hold(NOON + 3 * DAY))
      await register.deny([compromised.uuid], { reason: 'keyCompromise', at: NOON + 3 * DAY, announce: false })
      return { good, renewedOne, next, lost, held, expired, elsewhere, compromised, ofCompromised }
    }
    const AFTER = { good: 'good', renewedOne: 'superseded 31', next: 'good', lost: 'cessationOfOperation 1' }
    const DENIED = { held: 'certificateHold 3', expired: 'certificateHold 3', elsewhere: 'certificateHold 3' }
    const LATER = { ...AFTER, ...DENIED, compromised: 'superseded 2', ofCompromised: 'keyCompromise 3' }

    test('is that of the device when it is denied, and otherwise whether it has ended', async () => {
      const all = Object.entries(await scene())
      const at = async (time: number) => {
        const found = await words(
          all.map(([, { serial }]) => serial),
          time,
        )
        return Object.fromEntries(all.map(([name], index) => [name, found[index]]))
      }
      expect(await at(NOON + 31 * DAY)).toEqual(LATER)
      expect(await at(NOON + 31 * DAY - 1)).toEqual({ ...LATER, renewedOne: 'good until 31' })
      const [status] = await register.statuses([all[0]?.[1].serial ?? ''], NOON)
      const { uuid, serial, notAfter } = all[0]?.[1] ?? newCertificate()
      expect(status).toEqual({ uuid, serial, notAfter, ca: CA, revocation: null, endsAt: null })
      expect(await words(['ff', 'xy', ''], NOON)).toEqual(['unknown', 'unknown', 'unknown'])
    })

    test('is listed, of all that have not expired or of those that are revoked, and of one CA', async () => {
      const all = await scene()
      const nameOf = new Map(Object.entries(all).map(([name, { serial }]) => [serial, name]))
      const namesOf = async (statuses: AsyncIterable<{ readonly serial: string }>) =>
        (await collect(statuses)).map(({ serial }) => nameOf.get(serial)).toSorted()
      const at = NOON + 31 * DAY
      const revoked = ['renewedOne', 'lost', 'held', 'compromised', 'ofCompromised']
      expect(await namesOf(register.revoked({ ca: CA, at }))).toEqual(revoked.toSorted())
      expect(await namesOf(register.revoked({ ca: null, at }))).toEqual([...revoked, 'elsewhere'].toSorted())
      expect(await namesOf(register.revoked({ ca: OTHER_CA, at: NOON }))).toEqual(['elsewhere', 'expired'])
      expect(await namesOf(register.revoked({ ca: 'cd'.repeat(32), at }))).toEqual([])
      const listed = Object.keys(all).filter((name) => name !== 'expired')
      expect(await namesOf(register.allStatuses({ ca: null, at }))).toEqual(listed.toSorted())
      expect(await namesOf(register.allStatuses({ ca: OTHER_CA, at }))).toEqual(['elsewhere'])
      for await (const { der, ...status } of register.allStatuses({ ca: null, at })) {
        expect(await register.statuses([status.serial], at)).toEqual([status])
        const device = await register.device(status.uuid)
        const stored = device?.certificates.find(({ serial }) => serial === status.serial)
        expect(Buffer.from(der)).toEqual(Buffer.from(stored?.der ?? []))
      }
      for await (const status of register.revoked({ ca: null, at }))
        expect(await register.statuses([status.serial], at)).toEqual([status])
    })

    test('is listed in pages, also when many ended or were denied at the same time', async () => {
      const all = newCertificates(2100)
      for (let begin = 0; begin < all.length; begin += 700)
        await register.commit(commitOf(all.slice(begin, begin + 700)))
      const uuids = all.map(({ uuid }) => uuid)
      await register.abandon(uuids.slice(0, 1050), NOON)
      await register.deny(uuids.slice(1050), hold(NOON))
      const serials = all.map(({ serial }) => serial).toSorted()
      for (const list of [register.revoked({ ca: CA, at: NOON }), register.allStatuses({ ca: CA, at: NOON })])
        expect((await collect(list)).map(({ serial }) => serial).toSorted()).toEqual(serials)
    })
  })

  test('devices are counted by the month in which they expire, and those to come', async () => {
    const months = [Date.UTC(2027, 0, 31, 23, 59), Date.UTC(2027, 1, 1), Date.UTC(2027, 1, 28), Date.UTC(2026, 5, 1)]
    const all = months.map((notAfter) => newCertificate({ notAfter }))
    await register.commit(commitOf(all))
    const none = { denied: 0, unconfirmed: 0 }
    const june = { month: '2026-06', devices: 1 }
    const expiring = [june, { month: '2027-01', devices: 1 }, { month: '2027-02', devices: 2 }]
    expect(await register.lifeCounts(NOON)).toEqual({ ...none, expiring })
    const [january, first, last] = all
    if (!(january && first && last)) throw new Error('no certificates')
    await register.deny([january.uuid, first.uuid], hold(NOON))
    const next = await renewed(last)
    const july = [june, { month: '2028-11', devices: 1 }]
    expect(await register.lifeCounts(NOON + 2 * DAY)).toEqual({ denied: 2, unconfirmed: 1, expiring: july })
    expect(await register.lifeCounts(NOON + 31 * DAY)).toMatchObject({ unconfirmed: 0 })
    await register.seen([{ serial: next.serial, at: NOON + 2 * DAY }])
    expect(await register.lifeCounts(NOON + 2 * DAY)).toMatchObject({ unconfirmed: 0 })
  })

  test('the CRLs of each device CA have numbers of their own, which nobody gets twice', async () => {
    const numbers = await Promise.all([CA, CA, CA, OTHER_CA].map((ca) => register.nextCrlNumber(ca)))
    expect(numbers.slice(0, 3).toSorted()).toEqual([1, 2, 3])
    expect(numbers[3]).toBe(1)
    expect(await register.nextCrlNumber(CA)).toBe(4)
  })
}
