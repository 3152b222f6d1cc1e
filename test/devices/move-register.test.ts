import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { moveRegister } from '../../src/devices/copy-register.js'
import { UNFINISHED_COPY } from '../../src/devices/moved.js'
import { openDeviceRegister } from '../../src/devices/open.js'
import { ALL_DEVICES, type DeviceRegister, type StoredCertificate } from '../../src/devices/register.js'
import { postgresTables, sqliteTables, type TableStore } from '../../src/devices/table-store.js'
import { thisMachine } from '../../src/machine/index.js'
import { temporaryDirectory } from '../support/cli.js'
import { deviceIn, OVERLAP, renewalOf } from './life-scene.js'
import { emptyPostgres, postgresScene } from './postgres-scene.js'
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
  sqliteScene,
  UNLIMITED,
  wordsOf,
} from './register-scene.js'

const PORTS = thisMachine()

/** Fills a register with something of everything. */
async function fill(register: DeviceRegister): Promise<void> {
  await register.lines.create('l', { ...UNLIMITED, quota: 10, hardwareIds: ['a"b', 'ü'], perDay: 5 }, NOON)
  const one = newCertificate({
    name: 'Pümpe "7"',
    group: 'beta',
    hardwareId: 'imx8',
    serialNumber: 'SN1',
    isProduction: true,
  })
  await register.commit(commitOf([one, ...newCertificates(1100)]))
  await register.commit(commitOf([newCertificate({ uuid: one.uuid })], { at: NOON + MINUTE }))
  await register.commit(commitOf(newCertificates(3), { line: 'l', ca: 'cd'.repeat(32), at: NOON + DAY }))
  const [abandoned] = newCertificates(1)
  if (abandoned !== undefined) {
    await register.commit(commitOf([abandoned]))
    await register.abandon([abandoned.uuid], NOON)
  }
  await register.importCertificates([importedOf(newCertificate(), { issuedAt: NOON - DAY })])
  const token = { line: 'l', uses: 3, uuid: null, createdAt: NOON, expiresAt: NOON + DAY }
  const listed = { uuid: one.uuid, serialNumber: 'SN1', keyHash: null }
  const hash = createHash('sha256').update('token').digest()
  await register.credentials.createToken({ id: '0123456789abcdef', hash, ...token }, [listed, listed])
  const station = { line: 'l', name: 'a', fingerprint: 'ab'.repeat(32), notAfter: NOON + DAY, createdAt: NOON }
  await register.credentials.createStation(station)
  await register.commit(commitOf(newCertificates(1), { announce: true }))
  const renewed = await deviceIn(register)
  await register.renew({ at: NOON + DAY, overlap: OVERLAP, certificates: [renewalOf(renewed)] })
  const external = newCertificate()
  await register.importKeys({ line: 'l', ca: CA, at: NOON, notAfter: NOON + DAY, keys: [external] })
  await register.deny([external.uuid, one.uuid], { reason: 'keyCompromise', at: NOON + DAY, announce: true })
  const job = await register.jobs.begin('l', NOON)
  await register.jobs.finish(job, NOON + 1, { issued: 1, reused: 2, refused: 3 })
}

/** The hash of all that the port says. */
async function contents(register: DeviceRegister) {
  const certificates = await collect(register.certificates(ALL_DEVICES))
  const some = certificates.slice(0, 50).map(({ device }) => register.device(device.uuid))
  const of = ({ serial, der, keyHash, issuedAt, notAfter, state, endedAt, seenAt }: StoredCertificate) => [
    serial,
    Buffer.from(der).toString('hex'),
    Buffer.from(keyHash).toString('hex'),
    ...[issuedAt, notAfter, state, endedAt, seenAt],
  ]
  const all = {
    ...{ head: await register.head(), lines: await register.lines.list(), jobs: await register.jobs.list(100) },
    devices: certificates.map(({ device, certificate }) => [device, of(certificate)]),
    ...{ tokens: await register.credentials.tokens(null), stations: await register.credentials.stations(null) },
    outbox: await register.outbox.state(),
    revoked: await collect(register.revoked({ ca: null, at: NOON + DAY })),
    details: (await Promise.all(some)).map((details) => details?.certificates.map(of)),
  }
  return {
    ...(await register.count(ALL_DEVICES)),
    hash: createHash('sha256').update(JSON.stringify(all)).digest('hex'),
  }
}

async function move(from: TableStore, to: TableStore) {
  try {
    return await moveRegister(from, to)
  } finally {
    await from.close()
    await to.close()
  }
}

describe('moving a register', () => {
  test('to PostgreSQL and back keeps everything, and one place is in use at a time', async () => {
    const { path, open } = await sqliteScene()
    const original = await open()
    await fill(original)
    const before = await contents(original)
    const { place, url } = await emptyPostgres()
    const counts = await move(await sqliteTables(path, PORTS), await postgresTables(place, { create: true }, PORTS))
    expect(counts).toMatchObject({
      register: 1,
      lines: 2,
      cas: 2,
      devices: 1109,
      certificates: 1110,
      keys: 1111,
      tokens: 1,
      listed_devices: 2,
      stations: 1,
      outbox: 3,
      jobs: 1,
    })
    const moved = {
      code: 'ERR_STORE_MOVED',
      message: expect.stringContaining(url),
      hint: expect.stringContaining('--store'),
    }
    // That was open before, too.
    await expect(original.commit(commitOf(newCertificates(1)))).rejects.toMatchObject(moved)
    await expect(original.lines.change('l', { quota: 1 })).rejects.toMatchObject(moved)
    await expect(original.jobs.begin('l', NOON)).rejects.toMatchObject(moved)
    await original.close()
    for (const create of [true, false]) await expect(open(create)).rejects.toMatchObject(moved)
    const copy = await openDeviceRegister({ url, write: true }, PORTS)
    expect(await contents(copy)).toEqual(before)
    // New rows have new numbers.
    expect(wordsOf(await copy.commit(commitOf(newCertificates(2))))).toEqual(['committed', 'committed'])
    expect(await copy.jobs.begin('l', NOON)).toBeGreaterThan(1)
    await copy.lines.create('later', UNLIMITED, NOON)
    const now = await contents(copy)
    const back = join(await temporaryDirectory(), 'devices.sqlite')
    await move(await postgresTables(place, { create: false }, PORTS), await sqliteTables(back, PORTS))
    await expect(copy.commit(commitOf(newCertificates(1)))).rejects.toMatchObject({ code: 'ERR_STORE_MOVED' })
    await copy.close()
    const again = await openDeviceRegister({ path: back, create: true }, PORTS)
    expect(await contents(again)).toEqual(now)
    expect(wordsOf(await again.commit(commitOf(newCertificates(2))))).toEqual(['committed', 'committed'])
    await again.close()
  })

  test('goes only to a place without devices, and never twice', async () => {
    const [from, to, third] = [await postgresScene(), await postgresScene(), await postgresScene()]
    const target = await to.open()
    await target.commit(commitOf(newCertificates(1)))
    await target.close()
    const tables = async (scene: typeof from) => postgresTables(scene.place, { create: false }, PORTS)
    await expect(move(await tables(from), await tables(to))).rejects.toMatchObject({ code: 'ERR_EXISTS' })
    await (await from.open()).close()
    await move(await tables(from), await tables(third))
    await expect(move(await tables(from), await tables(await postgresScene()))).rejects.toMatchObject({
      code: 'ERR_STORE_MOVED',
    })
    // A place that a register was moved away from is kept.
    await expect(move(await tables(third), await tables(from))).rejects.toMatchObject({ code: 'ERR_EXISTS' })
  })

  test('while others write loses nothing that they were told is recorded', async () => {
    const [from, to] = [await postgresScene(), await postgresScene()]
    const writers = await Promise.all([from.open(), from.open()])
    let stop = false
    const committed = await Promise.all([
      ...writers.map(async (register) => {
        let count = 0
        while (!stop) {
          const certificates = newCertificates(5)
          const error = await register.commit(commitOf(certificates)).then(
            () => null,
            (reason: unknown) => reason,
          )
          if (error !== null) {
            expect(error).toMatchObject({ code: 'ERR_STORE_MOVED' })
            return count
          }
          count += certificates.length
        }
        return count
      }),
      (async () => {
        await expect.poll(() => writers[0]?.count(ALL_DEVICES).then(({ devices }) => devices)).toBeGreaterThan(50)
        await move(
          await postgresTables(from.place, { create: false }, PORTS),
          await postgresTables(to.place, { create: false }, PORTS),
        )
        stop = true
        return 0
      })(),
    ])
    const copy = await to.open()
    expect(await copy.count(ALL_DEVICES)).toMatchObject({ devices: committed.reduce((sum, count) => sum + count) })
    for (const register of [copy, ...writers]) await register.close()
  })

  test.each([
    ['before the original was retired', false],
    ['after the original was retired', true],
  ])('that was interrupted %s is ended by doing it again', async (_, isRetired) => {
    const { path, open } = await sqliteScene()
    const original = await open()
    await original.commit(commitOf(newCertificates(10)))
    await original.close()
    const { place, url, run } = await emptyPostgres()
    const stores = async () =>
      [await sqliteTables(path, PORTS), await postgresTables(place, { create: true }, PORTS)] as const
    await move(...(await stores()))
    await run(`update register set moved_to = '${UNFINISHED_COPY}'`)
    if (!isRetired) {
      const tables = await sqliteTables(path, PORTS)
      await tables.db.updateTable('register').set({ moved_to: null }).execute()
      await tables.close()
      const inUse = await open()
      await inUse.commit(commitOf(newCertificates(5)))
      await inUse.close()
    }
    const unfinished = openDeviceRegister({ url, write: true }, PORTS)
    await expect(unfinished).rejects.toMatchObject({
      code: 'ERR_STORE_MOVED',
      message: expect.stringContaining('not finished'),
    })
    expect(await move(...(await stores()))).toMatchObject({ devices: isRetired ? 10 : 15 })
    const copy = await openDeviceRegister({ url, write: true }, PORTS)
    expect(await copy.count(ALL_DEVICES)).toMatchObject({ devices: isRetired ? 10 : 15 })
    await copy.close()
  })

  test('whose copy differs is rolled back', async () => {
    const [from, to] = [await postgresScene(), await postgresScene()]
    const original = await from.open()
    await original.commit(commitOf(newCertificates(3)))
    await to.run(`create function change() returns trigger language plpgsql as $$ begin new.state = 'denied'; return new; end $$;
      create trigger change before insert on devices for each row execute function change()`)
    const tables = async (scene: typeof from) => postgresTables(scene.place, { create: false }, PORTS)
    await expect(move(await tables(from), await tables(to))).rejects.toMatchObject({
      code: 'ERR_STORAGE',
      message: expect.stringContaining('not the same'),
    })
    expect(wordsOf(await original.commit(commitOf(newCertificates(1))))).toEqual(['committed'])
    expect((await to.run('select * from devices')).rowCount).toBe(0)
    await original.close()
  })
})
