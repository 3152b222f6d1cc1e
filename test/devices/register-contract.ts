import { randomBytes, randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ALL_DEVICES, type DeviceRegister, type NewCertificate } from '../../src/devices/register.js'
import { MOST_A_DAY } from '../../src/devices/renewal.js'
import { externalContractOf } from './external-contract.js'
import {
  CA,
  collect,
  commitOf,
  DAY,
  importedOf,
  MINUTE,
  NOON,
  newCertificate,
  newCertificates,
  UNLIMITED,
  wordsOf,
} from './register-scene.js'

/**
 * What every register does, whatever its engine. `open` opens a connection to the same register at each call of one scene.
 */
export function contractOf(scene: () => Promise<() => Promise<DeviceRegister>>): void {
  let open: () => Promise<DeviceRegister>
  let register: DeviceRegister
  beforeEach(async () => {
    open = await scene()
    register = await open()
  })
  afterEach(() => register.close())

  externalContractOf(() => register)

  test('one without devices has no samples', async () => {
    expect(await register.sample(300, { bytes: (length) => randomBytes(length) })).toEqual([])
    expect(await register.damage()).toBeNull()
  })

  describe('commit and look up', () => {
    test('what was committed is found, in the order of the requests', async () => {
      const certificates = newCertificates(300)
      expect(wordsOf(await register.commit(commitOf(certificates)))).toEqual(certificates.map(() => 'committed'))
      const stranger = newCertificate()
      const requests = [...certificates.toReversed(), stranger]
      const found = await register.lookUp(requests)
      expect(found.map(({ certificate }) => certificate?.serial)).toEqual([
        ...certificates.toReversed().map(({ serial }) => serial),
        undefined,
      ])
      expect(found.at(-1)).toEqual({ device: null, certificate: null, keyOwner: null })
    })

    test('all facts of a device and its certificate are kept', async () => {
      const facts = { name: 'Pump 7', group: 'beta', hardwareId: 'imx8', serialNumber: 'SN1', isProduction: true }
      const one = newCertificate(facts)
      await register.commit(commitOf([one]))
      const { uuid, keyHash, serial, der, notAfter } = one
      const state = 'active' as const
      const device = {
        uuid,
        ...facts,
        line: 'default',
        ca: CA,
        createdAt: NOON,
        credential: null,
        issuedAt: NOON,
        notAfter,
        state,
        denied: null,
      }
      const certificate = { serial, der, keyHash, issuedAt: NOON, notAfter, state }
      const [found] = await register.lookUp([one])
      expect(JSON.stringify(found)).toBe(
        JSON.stringify({ device: found?.device, certificate: found?.certificate, keyOwner: uuid }),
      )
      expect(found?.device).toEqual(device)
      expect({ ...found?.certificate, der: Buffer.from(found?.certificate?.der ?? []) }).toMatchObject({
        serial,
        der: Buffer.from(der),
        issuedAt: NOON,
        state,
        endedAt: null,
        seenAt: null,
      })
      const details = await register.device(uuid)
      expect(details).toMatchObject(device)
      expect(details?.certificates.map((each) => Buffer.from(each.keyHash))).toEqual([Buffer.from(keyHash)])
      expect(certificate.serial).toBe(details?.certificates[0]?.serial)
      expect(await register.device(randomUUID())).toBeNull()
    })

    test('the same commit again gives the stored certificates and changes nothing', async () => {
      const certificates = newCertificates(5)
      await register.commit(commitOf(certificates))
      const again = certificates.map((one) => ({ ...one, serial: newCertificate().serial, der: randomBytes(64) }))
      const outcomes = await register.commit(commitOf([...again, newCertificate()], { at: NOON + DAY }))
      expect(wordsOf(outcomes)).toEqual([...certificates.map(() => 'existing'), 'committed'])
      const serials = outcomes.map((outcome) => (outcome.kind === 'existing' ? outcome.certificate.serial : null))
      expect(serials.slice(0, -1)).toEqual(certificates.map(({ serial }) => serial))
      expect(await register.head()).toMatchObject({ certificates: 6 })
    })

    test('the same request twice in one commit is recorded once', async () => {
      const one = newCertificate()
      const outcomes = await register.commit(commitOf([one, { ...one, serial: newCertificate().serial }]))
      expect(wordsOf(outcomes)).toEqual(['committed', 'existing'])
    })

    test('a serial number belongs to one certificate', async () => {
      const one = newCertificate()
      await register.commit(commitOf([one]))
      const outcomes = await register.commit(commitOf([newCertificate({ serial: one.serial }), newCertificate()]))
      expect(wordsOf(outcomes)).toEqual(['serial-taken', 'committed'])
    })

    test('an empty commit and an empty look-up do nothing', async () => {
      expect(await register.commit(commitOf([]))).toEqual([])
      expect(await register.lookUp([])).toEqual([])
    })

    test('an unknown line is refused', async () => {
      const commit = register.commit(commitOf([newCertificate()], { line: 'nowhere' }))
      await expect(commit).rejects.toMatchObject({ code: 'ERR_LINE' })
    })
  })

  describe('a key', () => {
    test('belongs to one device for ever, also when its certificate is abandoned', async () => {
      const one = newCertificate()
      await register.commit(commitOf([one]))
      const thief = newCertificate({ keyHash: one.keyHash })
      expect(wordsOf(await register.commit(commitOf([thief])))).toEqual(['key-reused'])
      await register.abandon([one.uuid], NOON)
      expect(wordsOf(await register.commit(commitOf([thief, newCertificate()])))).toEqual(['key-reused', 'committed'])
      expect((await register.lookUp([thief]))[0]).toEqual({ device: null, certificate: null, keyOwner: one.uuid })
    })

    test('under two UUIDs in one commit is given to the first', async () => {
      const one = newCertificate()
      const outcomes = await register.commit(commitOf([one, newCertificate({ keyHash: one.keyHash })]))
      expect(wordsOf(outcomes)).toEqual(['committed', 'key-reused'])
    })
  })

  describe('another key of a device', () => {
    const first = () => newCertificate({ hardwareId: 'old', name: 'old' })
    const next = (uuid: string) => newCertificate({ uuid, hardwareId: 'new' })

    test('is refused when the device has had too many certificates within a day', async () => {
      const one = newCertificate()
      await register.commit(commitOf([one]))
      const more = Array.from({ length: MOST_A_DAY }, () => newCertificate({ uuid: one.uuid }))
      const outcomes = wordsOf(await register.commit(commitOf(more, { at: NOON + MINUTE })))
      expect(outcomes).toEqual([...more.slice(1).map(() => 'committed'), 'renewal-too-often'])
      // The newest one is still the device's.
      expect(wordsOf(await register.commit(commitOf(more.slice(-2, -1), { at: NOON + MINUTE })))).toEqual(['existing'])
    })

    test('within the reissue window supersedes the certificate and takes no quota', async () => {
      await register.lines.create('l', { ...UNLIMITED, quota: 1 }, NOON)
      const one = first()
      await register.commit(commitOf([one], { line: 'l' }))
      const two = next(one.uuid)
      const at = NOON + 15 * MINUTE - 1
      expect(wordsOf(await register.commit(commitOf([two], { line: 'l', at })))).toEqual(['committed'])
      const details = await register.device(one.uuid)
      expect(details).toMatchObject({ hardwareId: 'new', issuedAt: at, createdAt: NOON, state: 'active' })
      expect(details?.certificates.map(({ serial, state }) => [serial, state])).toEqual([
        [two.serial, 'active'],
        [one.serial, 'superseded'],
      ])
      expect(await register.lines.get('l')).toMatchObject({ issued: 1 })
    })

    test('counts the window from the first certificate, and is refused after it', async () => {
      const one = first()
      await register.commit(commitOf([one]))
      await register.commit(commitOf([next(one.uuid)], { at: NOON + 10 * MINUTE }))
      const inWindow = await register.commit(commitOf([next(one.uuid)], { at: NOON + 14 * MINUTE }))
      const outside = await register.commit(commitOf([next(one.uuid)], { at: NOON + 15 * MINUTE }))
      expect(wordsOf([...inWindow, ...outside])).toEqual(['committed', 'uuid-taken'])
    })

    test('in the same commit is decided as in a later one', async () => {
      const one = first()
      expect(wordsOf(await register.commit(commitOf([one, next(one.uuid)])))).toEqual(['committed', 'committed'])
      await register.lines.change('default', { reissueWindow: 0 })
      const other = first()
      expect(wordsOf(await register.commit(commitOf([other, next(other.uuid)])))).toEqual(['committed', 'uuid-taken'])
    })

    test('is refused from another line', async () => {
      await register.lines.create('l', UNLIMITED, NOON)
      const one = first()
      await register.commit(commitOf([one]))
      expect(wordsOf(await register.commit(commitOf([next(one.uuid)], { line: 'l' })))).toEqual(['uuid-taken'])
    })

    test('is accepted at any time after its certificate was abandoned', async () => {
      const one = first()
      await register.commit(commitOf([one]))
      await register.abandon([one.uuid], NOON)
      const [found] = await register.lookUp([one])
      expect(found).toMatchObject({ certificate: null, device: { state: 'abandoned' }, keyOwner: one.uuid })
      const two = next(one.uuid)
      expect(wordsOf(await register.commit(commitOf([two], { at: NOON + DAY })))).toEqual(['committed'])
      const details = await register.device(one.uuid)
      expect(details?.certificates.map(({ state }) => state)).toEqual(['active', 'abandoned'])
    })

    test('may be the abandoned one', async () => {
      const one = first()
      await register.commit(commitOf([one]))
      await register.abandon([one.uuid], NOON)
      const same = { ...one, serial: newCertificate().serial }
      expect(wordsOf(await register.commit(commitOf([same], { at: NOON + DAY })))).toEqual(['committed'])
      expect((await register.lookUp([one]))[0]?.certificate).toMatchObject({ serial: same.serial, state: 'active' })
    })
  })

  describe('a line', () => {
    const issue = async (line: string, count: number, at = NOON) =>
      wordsOf(await register.commit(commitOf(newCertificates(count), { line, at })))

    test('default exists, without limits, and can be paused but not closed', async () => {
      const expected = { ...UNLIMITED, name: 'default', state: 'open', issued: 0 }
      expect(await register.lines.list()).toMatchObject([expected])
      await register.lines.change('default', { state: 'paused' })
      expect(await issue('default', 1)).toEqual(['line-paused'])
      await register.lines.change('default', { state: 'open' })
      await expect(register.lines.change('default', { state: 'closed' })).rejects.toMatchObject({ code: 'ERR_LINE' })
      expect(await issue('default', 1)).toEqual(['committed'])
    })

    test('is created once, and read back as it was set', async () => {
      const settings = {
        ca: CA,
        quota: 1_000_000,
        perDay: 5000,
        from: NOON,
        until: NOON + DAY,
        hardwareIds: ['imx8', 'rpi"4'],
        allowsProduction: false,
        group: 'beta',
        reissueWindow: 0,
      }
      const line = await register.lines.create('Site-B.1', settings, NOON)
      const unused = { issued: 0, day: 0, issuedOnDay: 0 }
      expect(line).toEqual({ name: 'Site-B.1', state: 'open', createdAt: NOON, ...unused, ...settings })
      expect(await register.lines.get('Site-B.1')).toEqual(line)
      expect(await register.lines.get('site-b.1')).toBeNull()
      await expect(register.lines.create('Site-B.1', UNLIMITED, NOON)).rejects.toMatchObject({ code: 'ERR_EXISTS' })
      const changed = await register.lines.change('Site-B.1', { hardwareIds: null, quota: 7 })
      expect(changed).toEqual({ ...line, hardwareIds: null, quota: 7 })
    })

    test.each(['', '.', '-x', '.x', 'a b', 'a/b', 'ü', `${'x'.repeat(65)}`, 'a\n'])(
      'cannot have the name %j',
      async (name) => {
        await expect(register.lines.create(name, UNLIMITED, NOON)).rejects.toMatchObject({ code: 'ERR_USAGE' })
      },
    )

    test('gives what is left of its quota to the first in a commit', async () => {
      await register.lines.create('l', { ...UNLIMITED, quota: 3 }, NOON)
      expect(await issue('l', 5)).toEqual(['committed', 'committed', 'committed', 'quota', 'quota'])
      expect(await issue('l', 1)).toEqual(['quota'])
      expect(await register.lines.get('l')).toMatchObject({ issued: 3 })
      expect(await register.count({ ...ALL_DEVICES, line: 'l' })).toEqual({ devices: 3, production: 0 })
      await register.lines.change('l', { quota: 4 })
      expect(await issue('l', 2)).toEqual(['committed', 'quota'])
      await register.lines.change('l', { quota: 1 })
      expect(await issue('l', 1)).toEqual(['quota'])
    })

    test('takes no quota for what exists or is refused', async () => {
      await register.lines.create('l', { ...UNLIMITED, quota: 2 }, NOON)
      const one = newCertificate()
      await register.commit(commitOf([one], { line: 'l' }))
      const [thief, two] = [newCertificate({ keyHash: one.keyHash }), newCertificate()]
      expect(wordsOf(await register.commit(commitOf([one, thief, two], { line: 'l' })))).toEqual([
        'existing',
        'key-reused',
        'committed',
      ])
      expect(wordsOf(await register.commit(commitOf([one], { line: 'l' })))).toEqual(['existing'])
      await register.lines.change('l', { state: 'paused' })
      expect(wordsOf(await register.commit(commitOf([one, two], { line: 'l' })))).toEqual(['existing', 'existing'])
    })

    test('gives so many a day (UTC)', async () => {
      await register.lines.create('l', { ...UNLIMITED, perDay: 2 }, NOON)
      expect(await issue('l', 3)).toEqual(['committed', 'committed', 'daily-quota'])
      expect(await issue('l', 1, NOON + 12 * 60 * MINUTE - 1)).toEqual(['daily-quota'])
      expect(await issue('l', 3, NOON + 12 * 60 * MINUTE)).toEqual(['committed', 'committed', 'daily-quota'])
    })

    test('issues only in its time window', async () => {
      await register.lines.create('l', { ...UNLIMITED, from: NOON, until: NOON + DAY }, NOON)
      expect(await issue('l', 1, NOON - 1)).toEqual(['window'])
      expect(await issue('l', 1, NOON)).toEqual(['committed'])
      expect(await issue('l', 1, NOON + DAY - 1)).toEqual(['committed'])
      expect(await issue('l', 1, NOON + DAY)).toEqual(['window'])
    })

    test('that is paused or closed also refuses another key of a device', async () => {
      await register.lines.create('l', UNLIMITED, NOON)
      const one = newCertificate()
      await register.commit(commitOf([one], { line: 'l' }))
      const again = commitOf([newCertificate({ uuid: one.uuid }), one], { line: 'l' })
      await register.lines.change('l', { state: 'paused' })
      expect(wordsOf(await register.commit(again))).toEqual(['line-paused', 'existing'])
      await register.lines.change('l', { state: 'closed' })
      expect(wordsOf(await register.commit(again))).toEqual(['line-closed', 'existing'])
      await expect(register.lines.change('l', { state: 'open' })).rejects.toMatchObject({ code: 'ERR_LINE' })
    })

    test('unknown is not changed', async () => {
      await expect(register.lines.change('nowhere', { quota: 1 })).rejects.toMatchObject({ code: 'ERR_LINE' })
    })
  })

  describe('two connections', () => {
    let other: DeviceRegister
    beforeEach(async () => {
      other = await open()
    })
    afterEach(() => other.close())

    test('with the same rows at once record each once', async () => {
      const rows = newCertificates(120)
      const signedTwice = rows.map((one) => ({ ...one, serial: newCertificate().serial }))
      const commits = Array.from({ length: 12 }, (_, chunk) => chunk * 10).flatMap((begin) => [
        register.commit(commitOf(rows.slice(begin, begin + 10))),
        other.commit(commitOf(signedTwice.slice(begin, begin + 10).toReversed())),
      ])
      const words = wordsOf((await Promise.all(commits)).flat())
      expect(words.filter((word) => word === 'committed')).toHaveLength(120)
      expect(words.filter((word) => word === 'existing')).toHaveLength(120)
      expect(await register.count(ALL_DEVICES)).toEqual({ devices: 120, production: 0 })
      expect(await other.head()).toMatchObject({ certificates: 120 })
    })

    test('never exceed a quota', async () => {
      await register.lines.create('l', { ...UNLIMITED, quota: 50 }, NOON)
      const commits = Array.from({ length: 10 }, (_, at) =>
        (at % 2 === 0 ? register : other).commit(commitOf(newCertificates(8), { line: 'l' })),
      )
      const words = wordsOf((await Promise.all(commits)).flat())
      expect(words.filter((word) => word === 'committed')).toHaveLength(50)
      expect(words.filter((word) => word === 'quota')).toHaveLength(30)
      expect(await other.lines.get('l')).toMatchObject({ issued: 50 })
    })
  })

  describe('many at once', () => {
    const others: DeviceRegister[] = []
    beforeEach(async () => {
      others.push(register, ...(await Promise.all([open(), open(), open()])))
    })
    afterEach(async () => {
      for (const other of others.splice(0).slice(1)) await other.close()
    })
    const resigned = (one: NewCertificate) => ({ ...one, serial: newCertificate().serial, der: randomBytes(64) })

    test('what another one committed after the look-up is existing, or refused', async () => {
      const [mine, theirs] = [register, others[1] ?? register]
      const [same, stolen, mineAlone] = newCertificates(3)
      if (same === undefined || stolen === undefined || mineAlone === undefined) throw new Error('three')
      const wanted = [same, { ...stolen, uuid: randomUUID() }, mineAlone]
      expect((await mine.lookUp(wanted)).map(({ device }) => device)).toEqual([null, null, null])
      await theirs.commit(commitOf([same, stolen]))
      const outcomes = await mine.commit(commitOf(wanted.map(resigned)))
      expect(wordsOf(outcomes)).toEqual(['existing', 'key-reused', 'committed'])
      expect(outcomes[0]).toMatchObject({ certificate: { serial: same.serial } })
    })

    test('with the same rows in different orders record each once, and all get the stored certificate', async () => {
      const rows = newCertificates(60)
      const orders = others.flatMap((other, at) => {
        const own = rows.map(resigned)
        const order = at % 2 === 0 ? own : own.toReversed()
        return [0, 20, 40].map((begin) => ({ other, certificates: order.slice(begin, begin + 20) }))
      })
      const outcomes = await Promise.all(
        orders.map(async ({ other, certificates }) => ({
          certificates,
          outcomes: await other.commit(commitOf(certificates)),
        })),
      )
      const answered = outcomes.flatMap((one) =>
        one.outcomes.map((outcome, at) => {
          const { uuid, serial } = one.certificates[at] ?? newCertificate()
          return [uuid, outcome.kind === 'existing' ? outcome.certificate.serial : serial]
        }),
      )
      expect(wordsOf(outcomes.flatMap((one) => one.outcomes)).filter((word) => word === 'committed')).toHaveLength(60)
      const stored = await collect(register.certificates(ALL_DEVICES))
      expect(new Set(answered.map(String))).toEqual(
        new Set(stored.map(({ device, certificate }) => `${device.uuid},${certificate.serial}`)),
      )
      expect(await register.head()).toMatchObject({ certificates: 60 })
      expect(await register.lines.get('default')).toMatchObject({ issued: 60 })
    })

    test('with other keys of the same devices leave each device one active certificate', async () => {
      const devices = newCertificates(20)
      await register.commit(commitOf(devices))
      const commits = others.map((other, at) => {
        const next = devices.map(({ uuid }) => newCertificate({ uuid }))
        return other.commit(commitOf(at % 2 === 0 ? next : next.toReversed(), { at: NOON + at }))
      })
      expect(new Set(wordsOf((await Promise.all(commits)).flat()))).toEqual(new Set(['committed']))
      for (const { uuid } of devices) {
        const details = await register.device(uuid)
        const active = details?.certificates.filter(({ state }) => state === 'active')
        expect(active).toHaveLength(1)
        expect(active?.[0]).toMatchObject({ issuedAt: details?.issuedAt, notAfter: details?.notAfter })
      }
    })

    test('give a key to one device only', async () => {
      const keys = newCertificates(12)
      const commits = others.map((other, at) => {
        const thieves = keys.map(({ keyHash }) => newCertificate({ keyHash }))
        return other.commit(commitOf(at % 2 === 0 ? thieves : thieves.toReversed()))
      })
      const words = wordsOf((await Promise.all(commits)).flat())
      expect(words.filter((word) => word === 'committed')).toHaveLength(12)
      expect(words.filter((word) => word === 'key-reused')).toHaveLength(36)
      expect(await register.count(ALL_DEVICES)).toEqual({ devices: 12, production: 0 })
    })

    test('take a quota to its end, and no further', async () => {
      await register.lines.create('l', { ...UNLIMITED, quota: 50, perDay: 42 }, NOON)
      const commits = Array.from({ length: 18 }, (_, at) =>
        (others[at % others.length] ?? register).commit(commitOf(newCertificates(3), { line: 'l' })),
      )
      const words = wordsOf((await Promise.all(commits)).flat())
      expect(words.filter((word) => word === 'committed')).toHaveLength(42)
      expect(words.filter((word) => word === 'daily-quota')).toHaveLength(12)
      expect(await register.lines.get('l')).toMatchObject({ issued: 42, issuedOnDay: 42 })
      expect(await register.count({ ...ALL_DEVICES, line: 'l' })).toMatchObject({ devices: 42 })
    })

    test('change different settings of a line, and none is lost', async () => {
      const changes = [{ quota: 5 }, { perDay: 6 }, { group: 'beta' }, { reissueWindow: 7 }] as const
      await Promise.all(others.map((other, at) => other.lines.change('default', changes[at] ?? {})))
      expect(await register.lines.get('default')).toMatchObject({ ...Object.assign({}, ...changes) })
    })
  })

  test('devices are counted by line and by the day of their first certificate', async () => {
    await register.lines.create('a', UNLIMITED, NOON)
    const [first, ...more] = newCertificates(3)
    await register.commit(commitOf(more, { line: 'a', at: NOON - 31 * DAY }))
    await register.commit(commitOf([newCertificate({ isProduction: true })], { line: 'a', at: NOON + DAY / 2 - 1 }))
    await register.commit(commitOf([newCertificate()], { line: 'a', at: NOON + DAY / 2 }))
    await register.commit(commitOf([first as NewCertificate]))
    const today = Math.floor(NOON / DAY)
    expect(await register.countByDay()).toEqual([
      { line: 'a', day: today - 31, devices: 2, production: 0 },
      { line: 'a', day: today, devices: 1, production: 1 },
      { line: 'a', day: today + 1, devices: 1, production: 0 },
      { line: 'default', day: today, devices: 1, production: 0 },
    ])
  })

  describe('lists', () => {
    test('have the devices that a filter means, in the order of their UUIDs', async () => {
      await register.lines.create('l', UNLIMITED, NOON)
      const production = newCertificate({ isProduction: true, hardwareId: 'imx8', name: 'a', notAfter: NOON + DAY })
      const [old, abandoned, ofLine] = [newCertificate(), newCertificate(), newCertificate()]
      await register.commit(commitOf([old, abandoned], { at: NOON - DAY }))
      await register.commit(commitOf([production], { ca: 'cd'.repeat(32) }))
      await register.commit(commitOf([ofLine], { line: 'l', at: NOON + DAY }))
      await register.abandon([abandoned.uuid], NOON)
      const all = [old, abandoned, production, ofLine]
      const cases = [
        [{}, all],
        [{ line: 'l' }, [ofLine]],
        [{ line: 'nowhere' }, []],
        [{ ca: 'cd'.repeat(32) }, [production]],
        [{ ca: CA }, [old, abandoned, ofLine]],
        [{ state: 'abandoned' }, [abandoned]],
        [{ hardwareId: 'imx8' }, [production]],
        [{ name: 'a' }, [production]],
        [{ name: old.uuid }, []],
        [{ name: 'a', since: NOON + DAY }, []],
        [{ since: NOON }, [production, ofLine]],
        [{ until: NOON }, [old, abandoned]],
        [{ since: NOON, until: NOON + DAY }, [production]],
        [{ since: NOON, line: 'default' }, [production]],
        [{ expiringBefore: NOON + 2 * DAY }, [production]],
      ] as const
      for (const [filter, expected] of cases) {
        const wanted = { ...ALL_DEVICES, ...filter }
        const uuids = expected.map(({ uuid }) => uuid).sort()
        expect((await collect(register.devices(wanted))).map(({ uuid }) => uuid)).toEqual(uuids)
        for (const skip of [1, 2, 9]) {
          const rest = (await collect(register.devices(wanted, skip))).map(({ uuid }) => uuid)
          expect(rest).toEqual(uuids.slice(skip))
        }
        const certificates = await collect(register.certificates(wanted))
        const serials = new Map(all.map(({ uuid, serial }) => [uuid, serial]))
        expect(certificates.map(({ device, certificate }) => [device.uuid, certificate.serial])).toEqual(
          uuids.map((uuid) => [uuid, serials.get(uuid)]),
        )
        const inProduction = expected.filter(({ isProduction }) => isProduction).length
        expect(await register.count(wanted)).toEqual({ devices: expected.length, production: inProduction })
      }
    })

    test('go on over pages, while others write', async () => {
      const before = newCertificates(2500)
      await register.commit(commitOf(before))
      const uuids: string[] = []
      for await (const { uuid } of register.devices(ALL_DEVICES)) {
        uuids.push(uuid)
        if (uuids.length === 1) await register.commit(commitOf(newCertificates(1), { at: NOON + DAY }))
      }
      expect(uuids).toEqual(uuids.toSorted())
      const listed = new Set(uuids)
      expect(before.every(({ uuid }) => listed.has(uuid))).toBe(true)
      const inTime = await collect(register.certificates({ ...ALL_DEVICES, until: NOON + 1 }))
      expect(inTime.map(({ device }) => device.uuid)).toEqual(before.map(({ uuid }) => uuid).sort())
    })

    test('have the newest certificate of a device', async () => {
      const one = newCertificate()
      const two = newCertificate({ uuid: one.uuid })
      await register.commit(commitOf([one]))
      await register.commit(commitOf([two], { at: NOON + 1 }))
      const [listed] = await collect(register.certificates(ALL_DEVICES))
      expect(listed).toMatchObject({ device: { issuedAt: NOON + 1 }, certificate: { serial: two.serial } })
    })
  })

  describe('import', () => {
    test('records what is new with its own time and state, once', async () => {
      const one = newCertificate()
      const two = newCertificate({ uuid: one.uuid })
      const kit = [
        importedOf(one, { issuedAt: NOON - DAY, state: 'superseded' }),
        importedOf(two, { issuedAt: NOON - DAY + MINUTE }),
        importedOf(newCertificate(), { issuedAt: NOON - 9 * DAY, state: 'abandoned' }),
      ]
      expect(wordsOf(await register.importCertificates(kit))).toEqual(['imported', 'imported', 'imported'])
      expect(wordsOf(await register.importCertificates(kit))).toEqual(['existing', 'existing', 'existing'])
      const details = await register.device(one.uuid)
      expect(details).toMatchObject({ createdAt: NOON - DAY, issuedAt: NOON - DAY + MINUTE, state: 'active' })
      expect(details?.certificates.map(({ state }) => state)).toEqual(['active', 'superseded'])
      expect(await register.count({ ...ALL_DEVICES, state: 'abandoned' })).toMatchObject({ devices: 1 })
      expect(await register.head()).toMatchObject({ certificates: 3 })
    })

    test('counts, also above the quota of its line, though the line is paused and its window is over', async () => {
      await register.lines.create('l', { ...UNLIMITED, quota: 2, perDay: 1, until: NOON - DAY }, NOON)
      await register.lines.change('l', { state: 'paused' })
      const kit = newCertificates(3).map((one) => importedOf(one, { line: 'l' }))
      expect(wordsOf(await register.importCertificates(kit))).toEqual(['imported', 'imported', 'imported'])
      expect(await register.lines.get('l')).toMatchObject({ issued: 3 })
    })

    test('refuses keys and devices that are here already, and serial numbers of other certificates', async () => {
      await register.lines.create('l', UNLIMITED, NOON)
      const one = newCertificate()
      await register.commit(commitOf([one]))
      const kit = [
        importedOf(newCertificate({ keyHash: one.keyHash })),
        importedOf(newCertificate({ uuid: one.uuid }), { line: 'l' }),
        importedOf(newCertificate({ uuid: one.uuid }), { issuedAt: NOON + DAY }),
        importedOf(newCertificate({ serial: one.serial })),
        importedOf(newCertificate(), { line: 'l' }),
      ]
      const words = ['key-reused', 'uuid-taken', 'imported', 'serial-taken', 'imported']
      expect(wordsOf(await register.importCertificates(kit))).toEqual(words)
    })

    test('keeps both certificates when two places issued for one key', async () => {
      const one = newCertificate()
      await register.commit(commitOf([one], { at: NOON + DAY }))
      const other = importedOf({ ...one, serial: newCertificate().serial, der: randomBytes(64) })
      expect(wordsOf(await register.importCertificates([other]))).toEqual(['imported'])
      const details = await register.device(one.uuid)
      // The one from here is newer, though it was recorded first.
      expect(details).toMatchObject({ issuedAt: NOON + DAY, state: 'active' })
      expect(details?.certificates.map(({ serial, state }) => [serial, state])).toContainEqual([one.serial, 'active'])
    })
  })

  test('jobs are listed, the newest first', async () => {
    const first = await register.jobs.begin('default', NOON)
    const second = await register.jobs.begin('default', NOON + 1)
    await register.jobs.finish(first, NOON + 2, { issued: 3, reused: 2, refused: 1 })
    const open = {
      id: second,
      line: 'default',
      startedAt: NOON + 1,
      finishedAt: null,
      issued: 0,
      reused: 0,
      refused: 0,
    }
    const done = { id: first, line: 'default', startedAt: NOON, finishedAt: NOON + 2, issued: 3, reused: 2, refused: 1 }
    expect(await register.jobs.list(10)).toEqual([open, done])
    expect(await register.jobs.list(1)).toEqual([open])
    await expect(register.jobs.begin('nowhere', NOON)).rejects.toMatchObject({ code: 'ERR_LINE' })
  })

  test('the head counts certificates, and has the same random id at every opening', async () => {
    const { id } = await register.head()
    expect(id).toMatch(/^[0-9a-f]{32}$/)
    await register.commit(commitOf(newCertificates(3)))
    const again = await open()
    expect(await again.head()).toEqual({ id, certificates: 3 })
    await again.close()
  })
}
