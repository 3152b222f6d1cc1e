import { randomBytes, randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CommitOutcome, DeviceRegister } from '../../src/devices/register.js'
import { MOST_A_DAY, MOST_UNSEEN_A_DAY, type RenewedCertificate } from '../../src/devices/renewal.js'
import { adoptedOf, deviceIn, lifeOf, OVERLAP, renewalOf } from './life-scene.js'
import {
  CA,
  commitOf,
  DAY,
  hold,
  importedOf,
  MINUTE,
  NOON,
  newCertificate,
  UNLIMITED,
  wordsOf,
} from './register-scene.js'

/** What every register does with renewals, whatever its engine: see contractOf. */
export function renewalContractOf(scene: () => Promise<() => Promise<DeviceRegister>>): void {
  let register: DeviceRegister
  let other: DeviceRegister
  beforeEach(async () => {
    const open = await scene()
    register = await open()
    other = await open()
    await register.lines.create('l', { ...UNLIMITED, quota: 0 }, NOON)
  })
  afterEach(async () => {
    await register.close()
    await other.close()
  })
  const renew = (certificates: readonly RenewedCertificate[], at = NOON + DAY, by = register) =>
    by.renew({ at, overlap: OVERLAP, certificates })
  const words = async (...asked: Parameters<typeof renew>) => wordsOf(await renew(...asked))

  describe('a renewal', () => {
    test('leaves the presented certificate good through the overlap, and the device has the new one', async () => {
      const old = await deviceIn(register)
      const next = renewalOf(old, { ca: 'ab'.repeat(32) })
      expect(await words([next])).toEqual(['committed'])
      expect(await lifeOf(register, old.uuid)).toEqual(['active ends - seen -', 'superseded ends 31 seen 1'])
      const { notAfter, ca } = next
      expect(await register.device(old.uuid)).toMatchObject({ state: 'active', ca, notAfter, issuedAt: NOON + DAY })
      expect(await register.damage()).toBeNull()
    })

    test('does not depend on the line, takes nothing of it, and announces nothing', async () => {
      const old = await deviceIn(register)
      const { issued } = (await register.lines.get('default')) ?? {}
      await register.lines.change('default', { state: 'paused' })
      expect(await words([renewalOf(old)])).toEqual(['committed'])
      expect(await register.lines.get('default')).toMatchObject({ issued, state: 'paused' })
      expect(await register.outbox.state()).toMatchObject({ waiting: 0 })
    })

    test('again with the same key gives the same certificate, as long as it is good', async () => {
      const old = await deviceIn(register)
      const next = renewalOf(old)
      const again = { ...renewalOf(old), keyHash: next.keyHash }
      expect(await words([next, again])).toEqual(['committed', 'existing'])
      const [outcome] = await renew([again], NOON + 40 * DAY)
      expect(serialOf(outcome)).toBe(next.serial)
      expect(await words([renewalOf(old)], NOON + 40 * DAY)).toEqual(['committed'])
      expect(await words([again], NOON + 41 * DAY)).toEqual(['committed'])
    })

    test('with the key that the device has already is a new certificate', async () => {
      const old = await deviceIn(register)
      const next = renewalOf(old, { keyHash: old.keyHash })
      expect(await words([next])).toEqual(['committed'])
      expect(await words([{ ...next, serial: newCertificate().serial }])).toEqual(['existing'])
      expect(await words([renewalOf(next, { keyHash: old.keyHash })])).toEqual(['committed'])
    })

    test('with another key supersedes those that nobody saw at once', async () => {
      const old = await deviceIn(register)
      expect(await words([renewalOf(old)])).toEqual(['committed'])
      expect(await words([renewalOf(old)], NOON + 2 * DAY)).toEqual(['committed'])
      expect(await lifeOf(register, old.uuid)).toEqual([
        'active ends - seen -',
        'superseded ends 2 seen -',
        'superseded ends 32 seen 1',
      ])
    })

    test('with the new certificate ends the old one', async () => {
      const old = await deviceIn(register)
      const next = renewalOf(old)
      await renew([next])
      expect(await words([renewalOf(next)], NOON + 2 * DAY)).toEqual(['committed'])
      expect(await lifeOf(register, old.uuid)).toEqual([
        'active ends - seen -',
        'superseded ends 32 seen 2',
        'superseded ends 2 seen 1',
      ])
      expect(await words([renewalOf(old)])).toEqual(['credential'])
    })

    test('does not keep the old one good when the device registers again with another key', async () => {
      const old = await deviceIn(register)
      await renew([renewalOf(old)], NOON + MINUTE)
      const again = newCertificate({ uuid: old.uuid })
      expect(wordsOf(await register.commit(commitOf([again], { at: NOON + 2 * MINUTE })))).toEqual(['committed'])
      const ends = (await register.device(old.uuid))?.certificates.map(({ endedAt }) => endedAt)
      expect(ends).toEqual([null, NOON + 2 * MINUTE, NOON + 2 * MINUTE])
    })

    test('from an abandoned certificate does not make that one good again', async () => {
      const old = await deviceIn(register)
      await register.abandon([old.uuid], NOON)
      expect(await words([renewalOf(old)])).toEqual(['committed'])
      expect(await lifeOf(register, old.uuid)).toEqual(['active ends - seen -', 'abandoned ends 0 seen 1'])
    })

    test('is refused for a device that is denied, a key of another one, a certificate of another one, a serial number', async () => {
      const [one, two, three] = [await deviceIn(register), await deviceIn(register), await deviceIn(register)]
      await register.deny([one.uuid], hold(NOON))
      const asked = [
        renewalOf(one),
        renewalOf(two, { keyHash: three.keyHash }),
        renewalOf(two, { presented: three.serial }),
        renewalOf({ uuid: randomUUID(), serial: two.serial }),
        renewalOf(two, { serial: three.serial }),
        renewalOf(three),
      ]
      expect(await words(asked)).toEqual([
        ...['denied', 'key-reused', 'credential', 'credential', 'serial-taken'],
        'committed',
      ])
      expect(await lifeOf(register, two.uuid)).toEqual(['active ends - seen -'])
    })

    test('is refused when too many of a day were not seen', async () => {
      const old = await deviceIn(register)
      const many = Array.from({ length: MOST_UNSEEN_A_DAY + 1 }, () => renewalOf(old))
      const expected = [...many.slice(1).map(() => 'committed'), 'renewal-too-often']
      expect(await words(many)).toEqual(expected)
      expect(await words([renewalOf(old)], NOON + 2 * DAY)).toEqual(['committed'])
    })

    test('is refused when each new one was renewed at once, too often in a day', async () => {
      const old = await deviceIn(register, NOON + DAY)
      const chain = [renewalOf(old)]
      while (chain.length < MOST_A_DAY) chain.push(renewalOf(chain.at(-1) ?? old))
      const expected = [...chain.slice(1).map(() => 'committed'), 'renewal-too-often']
      expect(await words(chain)).toEqual(expected)
      // It still has a good one, and may go on the next day.
      expect((await lifeOf(register, old.uuid))[0]).toBe('active ends - seen -')
      expect(await words(chain.slice(-1), NOON + 2 * DAY)).toEqual(['committed'])
    })

    test('of 256 devices, of which some exist, is one transaction', async () => {
      const olds = Array.from({ length: 150 }, () => newCertificate())
      await register.importCertificates(olds.map((old) => importedOf(old)))
      const fresh = Array.from({ length: 106 }, () => newCertificate())
      const asked = [
        ...olds.map((old) => renewalOf(old)),
        ...fresh.map((one) => renewalOf(one, { adopted: adoptedOf(one.uuid) })),
      ]
      expect(new Set(await words(asked))).toEqual(new Set(['committed']))
      expect((await register.head()).certificates).toBe(512)
      expect(await register.damage()).toBeNull()
    })

    test('of the same devices by two processes at once', async () => {
      const [known, stranger] = [await deviceIn(register), newCertificate()]
      const adopted = adoptedOf(stranger.uuid)
      const asked = () => [renewalOf(known), renewalOf(stranger, { adopted })]
      const all = await Promise.all([renew(asked()), renew(asked(), NOON + DAY, other), renew(asked())])
      expect(wordsOf(all.flat())).toEqual(Array.from({ length: 6 }, () => 'committed'))
      for (const { uuid } of [known, stranger]) {
        const states = (await register.device(uuid))?.certificates.map(({ state }) => state)
        expect(states).toEqual(['active', 'superseded', 'superseded', 'superseded'])
      }
      expect(await register.damage()).toBeNull()
    })
  })

  describe('a device of another service', () => {
    test('is recorded with the certificate that it has, whatever the quota of the line', async () => {
      const uuid = randomUUID()
      const adopted = adoptedOf(uuid, { name: 'Pump', ca: 'cd'.repeat(32) })
      const next = renewalOf({ uuid, serial: '05' }, { adopted })
      expect(await words([next])).toEqual(['committed'])
      const createdAt = adopted.issuedAt
      expect(await register.device(uuid)).toMatchObject({
        ...{ line: 'l', ca: CA, name: 'Pump', isProduction: true, state: 'active', createdAt, issuedAt: NOON + DAY },
        certificates: [
          { serial: next.serial, state: 'active' },
          { serial: '05', state: 'superseded', issuedAt: createdAt, seenAt: NOON + DAY, endedAt: NOON + DAY + OVERLAP },
        ],
      })
      expect(await register.lines.get('l')).toMatchObject({ issued: 0 })
      expect(await words([{ ...next, serial: newCertificate().serial }])).toEqual(['existing'])
      const [status] = await register.statuses(['05'], NOON + DAY)
      expect(status?.ca).toBe('cd'.repeat(32))
    })

    test('whose key was imported has that key, and keeps its line', async () => {
      const [key, wrong] = [newCertificate(), newCertificate()]
      const common = { line: 'default', ca: CA, at: NOON, notAfter: NOON + DAY }
      await register.importKeys({ ...common, keys: [key, wrong] })
      const asked = [
        renewalOf(key, { adopted: adoptedOf(key.uuid, { keyHash: key.keyHash }) }),
        renewalOf(wrong, { adopted: adoptedOf(wrong.uuid) }),
      ]
      expect(await words(asked)).toEqual(['committed', 'uuid-taken'])
      expect(await register.device(key.uuid)).toMatchObject({ line: 'default', state: 'active' })
      expect(await register.device(wrong.uuid)).toMatchObject({ state: 'external' })
    })

    test('does not get the key or the serial number of another one', async () => {
      const known = await deviceIn(register)
      const uuid = randomUUID()
      const asked = [
        renewalOf({ uuid, serial: '07' }, { adopted: adoptedOf(uuid, { keyHash: known.keyHash }) }),
        renewalOf({ uuid, serial: known.serial }, { adopted: adoptedOf(uuid) }),
        renewalOf(known, { adopted: adoptedOf(known.uuid) }),
      ]
      expect(await words(asked)).toEqual(['key-reused', 'serial-taken', 'serial-taken'])
      expect(await register.device(uuid)).toBeNull()
    })

    test('may renew with the key that it has', async () => {
      const uuid = randomUUID()
      const adopted = adoptedOf(uuid)
      const next = renewalOf({ uuid, serial: randomBytes(20).toString('hex') }, { adopted, keyHash: adopted.keyHash })
      expect(await words([next], NOON + MINUTE)).toEqual(['committed'])
    })
  })
}

function serialOf(outcome: CommitOutcome | undefined): string | null {
  return outcome?.kind === 'existing' ? outcome.certificate.serial : null
}
