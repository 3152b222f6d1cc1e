import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Credential,
  credentialText,
  type ListedDevice,
  type NewToken,
} from '../../src/devices/credential-store.js'
import type { OutboxEntry } from '../../src/devices/outbox.js'
import { ALL_DEVICES, type DeviceRegister, type NewCertificate } from '../../src/devices/register.js'
import {
  CA,
  collect,
  commitOf,
  DAY,
  hold,
  importedOf,
  MINUTE,
  NOON,
  newCertificate,
  newCertificates,
  UNLIMITED,
  wordsOf,
} from './register-scene.js'

const ID = /^[0-9a-f]{16}$/

function newToken(other: Partial<NewToken> = {}): NewToken {
  const id = randomBytes(8).toString('hex')
  const free = { uses: null, uuid: null, expiresAt: null }
  return { id, hash: createHash('sha256').update(id).digest(), line: 'l', createdAt: NOON, ...free, ...other }
}

const byToken = (id: string): Credential => ({ kind: 'token', id })
const byStation = (name: string, line = 'l'): Credential => ({ kind: 'station', line, name })

/** The certificates, registered with a credential. */
function proven(certificates: readonly NewCertificate[], credential: Credential, listed: number | null = null) {
  return certificates.map((one) => ({ ...one, proof: { credential, listed } }))
}

/** What every register does for the registration service, whatever its engine: see contractOf. */
export function registrationContractOf(scene: () => Promise<() => Promise<DeviceRegister>>): void {
  let register: DeviceRegister
  let other: DeviceRegister
  beforeEach(async () => {
    const open = await scene()
    register = await open()
    other = await open()
    await register.lines.create('l', UNLIMITED, NOON)
  })
  afterEach(async () => {
    await register.close()
    await other.close()
  })

  const commit = async (certificates: readonly NewCertificate[], at = NOON, by = register) =>
    wordsOf(await by.commit(commitOf(certificates, { line: 'l', at })))
  const refusalOf = async (certificates: readonly NewCertificate[], at = NOON) => {
    const [outcome] = await register.commit(commitOf(certificates, { line: 'l', at }))
    return outcome?.kind === 'refused' ? outcome.refusal : null
  }
  const used = async (id: string) => (await register.credentials.token(id))?.used

  describe('a token', () => {
    test('is read back as it was recorded, and its hash only where it is compared', async () => {
      const [free, bound] = [
        newToken(),
        newToken({ createdAt: NOON + 1, uses: 3, uuid: randomUUID(), expiresAt: NOON + DAY }),
      ]
      const fresh = { used: 0, listed: null, revokedAt: null }
      const { hash: _, ...shown } = free
      expect(await register.credentials.createToken(free, null)).toEqual({ ...shown, ...fresh })
      await register.credentials.createToken(bound, null)
      expect((await register.credentials.tokens('l')).map(({ id }) => id)).toEqual([free.id, bound.id])
      expect(JSON.stringify(await register.credentials.tokens(null))).not.toContain('hash')
      const stored = await other.credentials.token(bound.id)
      expect({ ...stored, hash: Buffer.from(stored?.hash ?? []) }).toEqual({ ...bound, ...fresh })
      expect(await register.credentials.tokens('default')).toEqual([])
      expect(await register.credentials.token('0'.repeat(16))).toBeNull()
      expect(free.id).toMatch(ID)
    })

    test('is for a line that exists and is not closed, and is recorded once', async () => {
      const create = (token: NewToken) => register.credentials.createToken(token, null)
      await expect(create(newToken({ line: 'nowhere' }))).rejects.toMatchObject({ code: 'ERR_LINE' })
      const token = newToken()
      await create(token)
      await expect(create(token)).rejects.toMatchObject({ code: 'ERR_EXISTS' })
      await register.lines.change('l', { state: 'closed' })
      await expect(create(newToken())).rejects.toMatchObject({ code: 'ERR_LINE' })
      expect(await register.credentials.tokens(null)).toHaveLength(1)
    })

    test('registers as many devices as it has uses, and what it registered is recorded', async () => {
      const token = newToken({ uses: 3 })
      await register.credentials.createToken(token, null)
      const five = proven(newCertificates(5), byToken(token.id))
      expect(await commit(five)).toEqual(['committed', 'committed', 'committed', 'credential', 'credential'])
      expect(await used(token.id)).toBe(3)
      expect(await register.lines.get('l')).toMatchObject({ issued: 3 })
      const device = await register.device(five[0]?.uuid ?? '')
      expect(device?.credential).toBe(`token:${token.id}`)
      expect(await refusalOf(five.slice(4))).toEqual({
        code: 'credential',
        reason: 'its token has registered all 3 of its devices',
      })
      // What exists needs no use.
      expect(await commit(five)).toEqual(['existing', 'existing', 'existing', 'credential', 'credential'])
    })

    test('gives no use to a further certificate of a device, to what is refused, nor beyond the quota', async () => {
      const token = newToken({ uses: 3 })
      await register.credentials.createToken(token, null)
      await register.lines.change('l', { quota: 2 })
      const one = newCertificate()
      const thief = newCertificate({ keyHash: one.keyHash })
      const again = newCertificate({ uuid: one.uuid })
      const all = proven([one, again, thief, ...newCertificates(2)], byToken(token.id))
      expect(await commit(all)).toEqual(['committed', 'committed', 'key-reused', 'committed', 'quota'])
      expect(await used(token.id)).toBe(2)
    })

    test('never registers more devices than it has uses, from several processes', async () => {
      const tokens = [newToken({ uses: 25 }), newToken({ uses: 1 }), newToken({ uses: 1 })]
      for (const token of tokens) await register.credentials.createToken(token, null)
      const commits = Array.from({ length: 10 }, (_, at) => {
        const order = at % 2 === 0 ? tokens : tokens.toReversed()
        const rows = order.flatMap(({ id }) => proven(newCertificates(4), byToken(id)))
        return commit(rows, NOON, at % 2 === 0 ? register : other)
      })
      const words = (await Promise.all(commits)).flat()
      expect(words.filter((word) => word === 'committed')).toHaveLength(27)
      expect(words.filter((word) => word === 'credential')).toHaveLength(93)
      expect(await Promise.all(tokens.map(({ id }) => used(id)))).toEqual([25, 1, 1])
      expect(await register.count(ALL_DEVICES)).toMatchObject({ devices: 27 })
    })

    test('ends for ever when it is revoked, also for what was authenticated before', async () => {
      const token = newToken()
      await register.credentials.createToken(token, null)
      const one = newCertificate()
      expect(await commit(proven([one], byToken(token.id)))).toEqual(['committed'])
      expect(await other.credentials.revoke(byToken(token.id), NOON + 1)).toBe(true)
      expect(await register.credentials.revoke(byToken(token.id), NOON + 2)).toBe(false)
      expect(await register.credentials.revoke(byToken('0'.repeat(16)), NOON)).toBe(false)
      expect(await register.credentials.token(token.id)).toMatchObject({ revokedAt: NOON + 1 })
      const after = proven([newCertificate(), newCertificate({ uuid: one.uuid })], byToken(token.id))
      expect(await commit(after)).toEqual(['credential', 'credential'])
      expect(await refusalOf(after)).toMatchObject({ reason: 'its token was revoked' })
      expect(await used(token.id)).toBe(1)
    })

    test.each([
      ['after its end', { expiresAt: NOON }, 'its token has expired'],
      ['for another device', { uuid: randomUUID() }, 'its token is for another device'],
      ['of another line', { line: 'default' }, 'its token is of another line'],
    ])('is refused %s', async (_, other, reason) => {
      const token = newToken(other)
      await register.credentials.createToken(token, null)
      expect(await refusalOf(proven([newCertificate()], byToken(token.id)))).toEqual({ code: 'credential', reason })
      expect(await used(token.id)).toBe(0)
    })

    test('that does not exist is refused, and the rest of the commit is recorded', async () => {
      const rows = [...proven([newCertificate()], byToken('0'.repeat(16))), newCertificate()]
      expect(await commit(rows)).toEqual(['credential', 'committed'])
      expect(await refusalOf(rows)).toMatchObject({ reason: 'its token does not exist' })
    })

    test('is good until its end, and for the device that it is for', async () => {
      const one = newCertificate()
      const token = newToken({ uuid: one.uuid, uses: 1, expiresAt: NOON + 1 })
      await register.credentials.createToken(token, null)
      expect(await commit(proven([one], byToken(token.id)))).toEqual(['committed'])
    })
  })

  describe('an allow list', () => {
    const named = (other: Partial<ListedDevice>): ListedDevice => ({
      ...{ uuid: null, serialNumber: null, keyHash: null },
      ...other,
    })
    const withList = async (list: readonly ListedDevice[]) => {
      const token = newToken()
      await register.credentials.createToken(token, list)
      return token.id
    }
    const askedBy = ({ uuid, keyHash, name }: NewCertificate): ListedDevice => ({ uuid, keyHash, serialNumber: name })

    test('names devices by UUID, serial number and key, and allows a device that has all that an entry names', async () => {
      const [a, b] = newCertificates(2).map((one, at) => ({ ...one, name: `SN${at}` }))
      if (a === undefined || b === undefined) throw new Error('no certificates')
      const find = async (entry: Partial<ListedDevice>, one: NewCertificate) =>
        (await register.credentials.listed(await withList([named(entry)]), askedBy(one))) !== null
      for (const entry of [
        { uuid: a.uuid },
        { serialNumber: 'SN0' },
        { keyHash: a.keyHash },
        { uuid: a.uuid, serialNumber: 'SN0', keyHash: a.keyHash },
      ]) {
        expect(await find(entry, a)).toBe(true)
        expect(await find(entry, b)).toBe(false)
      }
      expect(await find({ uuid: a.uuid, serialNumber: 'SN1' }, a)).toBe(false)
      expect(await find({ uuid: b.uuid, keyHash: a.keyHash }, a)).toBe(false)
      expect(
        await register.credentials.listed(await withList([named({ serialNumber: 'SN0' })]), named({ uuid: a.uuid })),
      ).toBeNull()
    })

    test('belongs to its token, and may be read in parts', async () => {
      const one = newCertificate()
      const token = newToken()
      const parts = async function* () {
        yield newCertificates(300).map(({ uuid }) => named({ uuid }))
        // Others can write meanwhile; the token is of no use yet.
        expect(await commit(newCertificates(1), NOON, other)).toEqual(['committed'])
        expect(await other.credentials.token(token.id)).toMatchObject({ listed: null, expiresAt: NOON })
        yield [named({ uuid: one.uuid })]
      }
      expect(await register.credentials.createToken(token, parts())).toMatchObject({ listed: 301, expiresAt: null })
      const empty = await withList([])
      const listed = await register.credentials.listed(token.id, askedBy(one))
      expect(listed).not.toBeNull()
      expect(await register.credentials.listed(empty, askedBy(one))).toBeNull()
      const refused = { code: 'not-listed', reason: 'the allow list of its token does not name it' }
      expect(await refusalOf(proven([one], byToken(token.id)))).toEqual(refused)
      expect(await refusalOf(proven([one], byToken(empty), listed))).toEqual(refused)
      expect(await refusalOf(proven([one], byToken(await withList([])), null))).toEqual(refused)
      expect(await commit(proven([one], byToken(token.id), listed))).toEqual(['committed'])
    })

    test('that cannot be read to its end leaves no token', async () => {
      const parts = async function* () {
        yield newCertificates(300).map(({ uuid }) => named({ uuid }))
        throw new Error('unreadable')
      }
      const token = newToken()
      await expect(register.credentials.createToken(token, parts())).rejects.toThrow('unreadable')
      expect(await register.credentials.token(token.id)).toBeNull()
    })

    test('gives an entry to the first device that uses it, and to that one again', async () => {
      const id = await withList([named({ serialNumber: 'SN' })])
      const [one, two, three] = newCertificates(3).map((each) => ({ ...each, name: 'SN' }))
      if (one === undefined || two === undefined || three === undefined) throw new Error('no certificates')
      const entry = await register.credentials.listed(id, askedBy(one))
      expect(await commit(proven([one, two], byToken(id), entry))).toEqual(['committed', 'not-listed'])
      expect(await refusalOf(proven([three], byToken(id), entry))).toEqual({
        code: 'not-listed',
        reason: `the device ${one.uuid} has used its entry of the allow list`,
      })
      const again = { ...newCertificate({ uuid: one.uuid }), name: 'SN' }
      expect(await register.credentials.listed(id, askedBy(again))).toBe(entry)
      expect(await commit(proven([again], byToken(id), entry))).toEqual(['committed'])
      expect(await used(id)).toBe(1)
    })

    test('prefers an entry that nobody has used, and is not used up by what is refused', async () => {
      const id = await withList([named({ serialNumber: 'SN' }), named({ serialNumber: 'SN' })])
      const [one, two] = newCertificates(2).map((each) => ({ ...each, name: 'SN' }))
      if (one === undefined || two === undefined) throw new Error('no certificates')
      const first = await register.credentials.listed(id, askedBy(one))
      await register.lines.change('l', { state: 'paused' })
      expect(await commit(proven([two], byToken(id), first))).toEqual(['line-paused'])
      await register.lines.change('l', { state: 'open' })
      expect(await commit(proven([one], byToken(id), first))).toEqual(['committed'])
      const second = await register.credentials.listed(id, askedBy(two))
      expect(second).not.toBe(first)
      expect(await commit(proven([two], byToken(id), second))).toEqual(['committed'])
      expect(await register.credentials.listed(id, askedBy(one))).toBe(first)
      expect(await register.credentials.listed(id, askedBy({ ...newCertificate(), name: 'SN' }))).toBe(first)
    })

    test('gives each entry to one of the devices that several processes register at once', async () => {
      const serials = Array.from({ length: 20 }, (_, at) => `SN${at}`)
      const id = await withList(serials.map((serialNumber) => named({ serialNumber })))
      const rows = await Promise.all(
        serials.flatMap((name) =>
          [register, other].map(async (by) => {
            const one = { ...newCertificate(), name }
            const [row] = proven([one], byToken(id), await by.credentials.listed(id, askedBy(one)))
            return row
          }),
        ),
      )
      const [ours, theirs] = [0, 1].map((parity) => rows.flatMap((row, at) => (row && at % 2 === parity ? [row] : [])))
      const words = await Promise.all([commit(ours ?? []), commit(theirs?.toReversed() ?? [], NOON, other)])
      expect(words.flat().filter((word) => word === 'committed')).toHaveLength(20)
      expect(words.flat().filter((word) => word === 'not-listed')).toHaveLength(20)
      const names = (await collect(register.devices(ALL_DEVICES))).map(({ name }) => name)
      expect(names.sort()).toEqual(serials.toSorted())
    })
  })

  describe('a station', () => {
    const station = { line: 'l', name: 'tester-1', fingerprint: 'ef'.repeat(32), notAfter: NOON + DAY, createdAt: NOON }

    test('is found by its certificate, also when it was revoked', async () => {
      expect(await register.credentials.createStation(station)).toEqual({ ...station, revokedAt: null })
      expect(await other.credentials.stationByCertificate(station.fingerprint)).toEqual({ ...station, revokedAt: null })
      expect(await register.credentials.stationByCertificate('00'.repeat(32))).toBeNull()
      expect(await register.credentials.revoke(byStation('tester-1'), NOON + 1)).toBe(true)
      expect(await register.credentials.revoke(byStation('tester-1'), NOON + 2)).toBe(false)
      const revoked = { ...station, revokedAt: NOON + 1 }
      expect(await other.credentials.stationByCertificate(station.fingerprint)).toEqual(revoked)
      const next = { ...station, fingerprint: 'aa'.repeat(32) }
      await register.credentials.createStation(next)
      expect(await register.credentials.stations('l')).toEqual([revoked, { ...next, revokedAt: null }])
      expect(await register.credentials.stations('default')).toEqual([])
      expect(await register.credentials.stations(null)).toHaveLength(2)
    })

    test('has a name of its own in its line and a certificate of its own', async () => {
      const create = (change: Partial<typeof station>) => register.credentials.createStation({ ...station, ...change })
      await create({})
      await expect(create({ fingerprint: 'aa'.repeat(32) })).rejects.toMatchObject({ code: 'ERR_EXISTS' })
      await expect(create({ name: 'tester-2' })).rejects.toMatchObject({ code: 'ERR_EXISTS' })
      await expect(create({ line: 'nowhere' })).rejects.toMatchObject({ code: 'ERR_LINE' })
      await create({ line: 'default', fingerprint: 'bb'.repeat(32) })
      await register.credentials.revoke(byStation('tester-1'), NOON)
      await expect(create({ name: 'tester-2' })).rejects.toMatchObject({
        message: `The certificate is that of the station tester-1 of the line l, which was revoked.`,
      })
    })

    test('registers devices until it is revoked', async () => {
      await register.credentials.createStation(station)
      const one = newCertificate()
      expect(await commit(proven([one], byStation('tester-1')))).toEqual(['committed'])
      expect((await register.device(one.uuid))?.credential).toBe('station:l/tester-1')
      expect(await commit(proven([newCertificate()], byStation('tester-1', 'default')))).toEqual(['credential'])
      await other.credentials.revoke(byStation('tester-1'), NOON)
      expect(await refusalOf(proven([newCertificate()], byStation('tester-1')))).toEqual({
        code: 'credential',
        reason: 'its station tester-1 was revoked, or is not one of the line l',
      })
    })
  })

  describe('another key of a device that registered itself', () => {
    test('is issued in the reissue window only under the same credential', async () => {
      const [token, stranger] = [newToken(), newToken()]
      for (const each of [token, stranger]) await register.credentials.createToken(each, null)
      const one = newCertificate()
      const next = () => newCertificate({ uuid: one.uuid })
      await commit(proven([one], byToken(token.id)))
      expect(await commit(proven([next()], byToken(stranger.id)), NOON + MINUTE)).toEqual(['uuid-taken'])
      expect(await commit([next()], NOON + MINUTE)).toEqual(['uuid-taken'])
      expect(await commit(proven([next()], byToken(token.id)), NOON + MINUTE)).toEqual(['committed'])
      expect(await commit(proven([next()], byToken(token.id)), NOON + 16 * MINUTE)).toEqual(['uuid-taken'])
      const offline = newCertificate()
      await commit([offline])
      const itsNext = proven([newCertificate({ uuid: offline.uuid })], byToken(token.id))
      expect(await commit(itsNext, NOON + MINUTE)).toEqual(['uuid-taken'])
      // Whoever has the key gets the stored certificate, however it asks.
      expect(await commit(proven([offline], byToken(stranger.id)), NOON + DAY)).toEqual(['existing'])
    })

    test('is recorded with its credential', async () => {
      const token = newToken()
      await register.credentials.createToken(token, null)
      const one = newCertificate()
      await commit([one])
      await register.abandon([one.uuid], NOON)
      const next = newCertificate({ uuid: one.uuid })
      expect(await commit(proven([next], byToken(token.id)), NOON + DAY)).toEqual(['committed'])
      expect((await register.device(one.uuid))?.credential).toBe(credentialText(byToken(token.id)))
    })
  })

  describe('a device', () => {
    test('that is denied gets no certificate, not even its own, until it is allowed', async () => {
      const [one, two] = newCertificates(2)
      if (one === undefined || two === undefined) throw new Error('no certificates')
      await commit([one, two])
      const next = newCertificate({ uuid: one.uuid })
      await commit([next], NOON + 1)
      expect(await register.deny([one.uuid, randomUUID()], hold(NOON + MINUTE))).toEqual([one.uuid])
      expect(await register.deny([one.uuid], hold(NOON + MINUTE))).toEqual([])
      const states = async () => (await register.device(one.uuid))?.certificates.map(({ state }) => state)
      expect(await states()).toEqual(['active', 'superseded'])
      expect(await register.count({ ...ALL_DEVICES, state: 'denied' })).toMatchObject({ devices: 1 })
      const asked = [{ ...next, serial: newCertificate().serial }, newCertificate({ uuid: one.uuid }), two]
      expect(await commit(asked, NOON + MINUTE)).toEqual(['denied', 'denied', 'existing'])
      expect(await register.allow([one.uuid, two.uuid], { at: NOON, announce: false })).toEqual([one.uuid])
      expect(await states()).toEqual(['active', 'superseded'])
      expect(await register.device(one.uuid)).toMatchObject({ state: 'active' })
      expect(await commit([next], NOON + MINUTE)).toEqual(['existing'])
    })

    test('whose key was lost before it was denied is abandoned again', async () => {
      const one = newCertificate()
      await commit([one])
      await register.abandon([one.uuid], NOON)
      await register.deny([one.uuid], hold(NOON))
      expect(await commit([newCertificate({ uuid: one.uuid })])).toEqual(['denied'])
      await register.allow([one.uuid], { at: NOON, announce: false })
      expect(await register.device(one.uuid)).toMatchObject({ state: 'abandoned' })
    })

    test('many are denied and allowed at once', async () => {
      const all = newCertificates(600)
      await commit(all)
      const uuids = all.map(({ uuid }) => uuid)
      expect((await register.deny(uuids, hold(NOON))).toSorted()).toEqual(uuids.toSorted())
      expect(await register.allow(uuids, { at: NOON, announce: false })).toHaveLength(600)
      expect(await register.count({ ...ALL_DEVICES, state: 'active' })).toMatchObject({ devices: 600 })
    })

    test('gets another name', async () => {
      const one = newCertificate({ name: 'Pump' })
      await commit([one])
      expect(await register.rename(one.uuid, 'Pump 7')).toBe(true)
      expect(await register.device(one.uuid)).toMatchObject({ name: 'Pump 7' })
      await register.rename(one.uuid, one.uuid)
      expect(await register.device(one.uuid)).toMatchObject({ name: one.uuid })
      expect(await register.rename(randomUUID(), 'x')).toBe(false)
    })
  })

  describe('the outbox', () => {
    const announce = (certificates: readonly NewCertificate[], at = NOON) =>
      register.commit(commitOf(certificates, { line: 'l', at, announce: true }))
    const take = (at: number, count = 10, by = register) => by.outbox.take({ count, at, until: at + MINUTE })
    const one = async (at: number): Promise<OutboxEntry> => {
      const [entry] = await take(at)
      if (entry === undefined) throw new Error('the outbox is empty')
      return entry
    }
    const waiting = async () => (await register.outbox.state()).waiting

    test('has what was announced when it was recorded, and nothing else', async () => {
      const certificate = newCertificate({ name: 'Pump 7', group: 'beta' })
      await announce([certificate])
      await announce([certificate])
      await commit(newCertificates(2))
      await register.importCertificates([importedOf(newCertificate())])
      const [entry, another] = await take(NOON)
      expect(another).toBeUndefined()
      const { uuid, name, group, serial, der } = certificate
      expect({ ...entry, der: Buffer.from(entry?.der ?? []) }).toEqual({
        ...{ action: 'announce', uuid, name, group, serial, ca: CA, attempts: 0 },
        der: Buffer.from(der),
      })
      expect(await register.outbox.state()).toEqual({ waiting: 1, oldest: NOON, conflicts: 0, lastFailure: null })
    })

    test('has nothing of what was refused', async () => {
      const token = newToken({ uses: 1 })
      await register.credentials.createToken(token, null)
      await announce(proven(newCertificates(3), byToken(token.id)))
      expect(await take(NOON)).toHaveLength(1)
    })

    test('gives an entry to one process at a time, those that have waited longest first', async () => {
      const all = newCertificates(6)
      for (const [at, each] of all.entries()) await announce([each], NOON + at)
      expect(await take(NOON - 1)).toEqual([])
      const first = await take(NOON + MINUTE, 2)
      expect(first.map(({ uuid }) => uuid)).toEqual(all.slice(0, 2).map(({ uuid }) => uuid))
      const rest = await Promise.all([take(NOON + MINUTE, 2), take(NOON + MINUTE, 2, other)])
      expect(rest.map(({ length }) => length)).toEqual([2, 2])
      expect(new Set(rest.flat().map(({ uuid }) => uuid))).toEqual(new Set(all.slice(2).map(({ uuid }) => uuid)))
      expect(await take(NOON + MINUTE)).toEqual([])
      // Whoever took them has ended.
      expect(await take(NOON + 2 * MINUTE, 100, other)).toHaveLength(6)
    })

    test('is empty when everything was delivered', async () => {
      await announce(newCertificates(3))
      await register.outbox.delivered(await take(NOON))
      expect(await register.outbox.state()).toEqual({ waiting: 0, oldest: null, conflicts: 0, lastFailure: null })
      expect(await take(NOON + DAY)).toEqual([])
    })

    test('keeps what failed until its next attempt', async () => {
      await announce([newCertificate()])
      await register.outbox.failed(await one(NOON), { at: NOON + 2 * MINUTE, reason: 'HTTP 500' })
      expect(await register.outbox.state()).toMatchObject({ waiting: 1, oldest: NOON, lastFailure: 'HTTP 500' })
      expect(await take(NOON + 2 * MINUTE - 1)).toEqual([])
      expect(await one(NOON + 2 * MINUTE)).toMatchObject({ attempts: 1 })
    })

    test('has the newest certificate of a device once the older one was tried', async () => {
      const first = newCertificate()
      const [second, third] = [newCertificate({ uuid: first.uuid }), newCertificate({ uuid: first.uuid })]
      await announce([first])
      const old = await one(NOON)
      await announce([second], NOON + 1)
      // Two at once could arrive in the wrong order.
      expect(await take(NOON + 2)).toEqual([])
      await register.outbox.delivered([old])
      const next = await one(NOON + 2)
      expect(next).toMatchObject({ serial: second.serial, attempts: 0 })
      await register.outbox.failed(next, { at: NOON + DAY, reason: 'HTTP 500' })
      await announce([third], NOON + 3)
      expect(await register.outbox.state()).toMatchObject({ waiting: 1, oldest: NOON, lastFailure: null })
      const last = await one(NOON + 3)
      expect(last).toMatchObject({ serial: third.serial, attempts: 0 })
      await register.outbox.failed(old, { at: NOON + DAY, reason: 'late' })
      expect(await register.outbox.state()).toMatchObject({ lastFailure: null })
      await register.outbox.delivered([last])
      expect(await waiting()).toBe(0)
      await register.outbox.delivered([last])
    })

    test('has not the older of two certificates, whichever was recorded first', async () => {
      const newer = newCertificate()
      await announce([newer], NOON + 1)
      await announce([newCertificate({ uuid: newer.uuid })], NOON)
      expect((await take(NOON + 1)).map(({ serial }) => serial)).toEqual([newer.serial])
    })

    test('leaves a device that is in conflict, until it has a newer certificate', async () => {
      const [first, second] = newCertificates(2)
      if (first === undefined || second === undefined) throw new Error('no certificates')
      await announce([first])
      await announce([second], NOON + 1)
      const [entry, another] = await take(NOON + 1)
      if (entry === undefined || another === undefined) throw new Error('the outbox is empty')
      await register.outbox.conflict(entry)
      expect(await register.outbox.state()).toMatchObject({ waiting: 1, conflicts: 1 })
      const inConflict = await collect(register.devices({ ...ALL_DEVICES, state: 'conflict' }))
      expect(inConflict.map(({ uuid }) => uuid)).toEqual([first.uuid])
      expect(await register.count({ ...ALL_DEVICES, state: ['active', 'conflict'] })).toMatchObject({ devices: 2 })
      // Its certificate is good.
      expect(await commit([first], NOON + DAY)).toEqual(['existing'])
      const next = newCertificate({ uuid: second.uuid })
      await announce([next], NOON + 2)
      await register.outbox.conflict(another)
      expect(await register.device(second.uuid)).toMatchObject({ state: 'active' })
      expect(await one(NOON + 2)).toMatchObject({ serial: next.serial })
      await announce([newCertificate({ uuid: first.uuid })], NOON + 3)
      expect(await register.outbox.state()).toMatchObject({ waiting: 2, conflicts: 0 })
      expect(await register.device(first.uuid)).toMatchObject({ state: 'active' })
    })

    test('a device in conflict can be abandoned and denied', async () => {
      const two = newCertificates(2)
      await announce(two)
      for (const entry of await take(NOON)) await register.outbox.conflict(entry)
      const [first, second] = two.map(({ uuid }) => uuid)
      await register.abandon([first ?? ''], NOON)
      await register.deny([second ?? ''], hold(NOON))
      const states = await Promise.all([first, second].map(async (uuid) => (await register.device(uuid ?? ''))?.state))
      expect(states).toEqual(['abandoned', 'denied'])
    })

    test('keeps the entry of a device that is denied for when it is allowed', async () => {
      const certificate = newCertificate()
      await announce([certificate])
      await register.deny([certificate.uuid], hold(NOON))
      expect(await take(NOON)).toEqual([])
      await register.allow([certificate.uuid], { at: NOON, announce: false })
      await register.rename(certificate.uuid, 'Pump 7')
      expect(await one(NOON)).toMatchObject({ name: 'Pump 7' })
    })
  })
}
