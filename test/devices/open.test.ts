import { execFileSync } from 'node:child_process'
import { chmod, copyFile, open as openFile, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { describe, expect, test } from 'vitest'
import { copyDeviceRegister, openDeviceRegister } from '../../src/devices/open.js'
import { ALL_DEVICES } from '../../src/devices/register.js'
import { connect } from '../../src/devices/sqlite.js'
import { migrate } from '../../src/devices/sqlite-schema.js'
import { thisMachine } from '../../src/machine/index.js'
import { temporaryDirectory } from '../support/cli.js'
import { CA, collect, commitOf, DAY, NOON, newCertificates, sqliteScene, wordsOf } from './register-scene.js'

const PORTS = thisMachine()

/** A register with a few devices that nobody has open. */
async function closedRegister(devices = 3) {
  const scene = await sqliteScene()
  const register = await scene.open()
  await register.commit(commitOf(newCertificates(devices)))
  await register.close()
  return scene
}

/** Runs SQL on a file, as the sqlite3 tool would. */
function runSql(path: string, sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}

/** Both ways to open it fail with an error that names the file. */
async function expectRefused(path: string, code: string, message: RegExp): Promise<void> {
  for (const create of [true, false]) {
    const error = await openDeviceRegister({ path, create }, PORTS).then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({ name: 'FpkiError', code, message: expect.stringMatching(message) })
    expect(String(error)).toContain(path)
  }
}

describe('opening a device register', () => {
  test('creates it with mode 0600, which its other files inherit, and leaves no other file', async () => {
    const { path, open } = await sqliteScene()
    const register = await open()
    await register.commit(commitOf(newCertificates(1)))
    const names = await readdir(dirname(path))
    expect(names).toEqual(['devices.sqlite', 'devices.sqlite-shm', 'devices.sqlite-wal'])
    for (const name of names) expect((await stat(join(dirname(path), name))).mode & 0o777).toBe(0o600)
    await register.close()
  })

  test('by several at once makes one register', async () => {
    const { open } = await sqliteScene()
    const registers = await Promise.all([open(), open(), open()])
    const heads = await Promise.all(registers.map((register) => register.head()))
    expect(new Set(heads.map(({ id }) => id)).size).toBe(1)
    for (const register of registers) await register.close()
  })

  test('to look at creates nothing when it is missing', async () => {
    const { path, open } = await sqliteScene()
    await expect(open(false)).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
    expect(await readdir(dirname(path))).toEqual([])
  })

  test('to look at reads everything and writes nothing', async () => {
    const { path, open } = await closedRegister()
    const before = await readFile(path)
    const register = await open(false)
    expect(await register.count(ALL_DEVICES)).toMatchObject({ devices: 3 })
    await expect(register.commit(commitOf(newCertificates(1)))).rejects.toMatchObject({ code: 'ERR_STORAGE' })
    await expect(register.lines.change('default', { quota: 1 })).rejects.toMatchObject({ code: 'ERR_STORAGE' })
    await register.close()
    expect(await readFile(path)).toEqual(before)
  })

  test('wants an absolute path', async () => {
    const opening = openDeviceRegister({ path: 'devices.sqlite', create: true }, PORTS)
    await expect(opening).rejects.toMatchObject({ code: 'ERR_USAGE' })
  })

  test('follows a symbolic link, and keeps the other files beside the real one', async () => {
    const { path } = await closedRegister()
    const link = join(await temporaryDirectory(), 'link.sqlite')
    await symlink(path, link)
    const register = await openDeviceRegister({ path: link, create: true }, PORTS)
    expect(wordsOf(await register.commit(commitOf(newCertificates(1))))).toEqual(['committed'])
    await register.close()
    expect(await readdir(dirname(link))).toEqual(['link.sqlite'])
  })

  test('works with any name', async () => {
    const path = join(await temporaryDirectory(), `a%20b?mode=ro#c'd ü.sqlite`)
    const register = await openDeviceRegister({ path, create: true }, PORTS)
    await register.commit(commitOf(newCertificates(1)))
    await register.close()
    const to = `${path}.copy'`
    await copyDeviceRegister({ path, to }, PORTS)
    expect((await readdir(dirname(path))).filter((name) => !/-(wal|shm)$/.test(name)).sort()).toEqual(
      [path, to].map((one) => one.slice(dirname(path).length + 1)),
    )
  })
})

describe('is refused:', () => {
  test.each(['', '-wal', '-shm', '-journal'])('a register whose file %j others can write', async (suffix) => {
    // A copy: SQLite removes the files beside the original whenever its connection is collected.
    const path = join(await temporaryDirectory(), 'devices.sqlite')
    await copyFile((await closedRegister()).path, path)
    await writeFile(`${path}${suffix}`, '', { flag: 'a' })
    await chmod(`${path}${suffix}`, 0o620)
    await expectRefused(path, 'ERR_PERMISSIONS', /others can write/)
  })

  test('a file that is not a database, or empty', async () => {
    const path = join(await temporaryDirectory(), 'devices.sqlite')
    await writeFile(path, 'not a database, but long enough to be one'.repeat(30), { mode: 0o600 })
    await expectRefused(path, 'ERR_BAD_FILE', /not a SQLite database/)
    await writeFile(path, '')
    await expectRefused(path, 'ERR_BAD_FILE', /another application/)
    const folder = await temporaryDirectory()
    await expectRefused(folder, 'ERR_BAD_FILE', /not a regular file/)
  })

  test('a database of another application', async () => {
    const path = join(await temporaryDirectory(), 'devices.sqlite')
    await writeFile(path, '', { mode: 0o600 })
    runSql(path, 'create table devices (id integer)')
    await expectRefused(path, 'ERR_BAD_FILE', /another application/)
  })

  test('a register of a newer fpki', async () => {
    const { path } = await closedRegister()
    runSql(path, 'pragma user_version = 99')
    await expectRefused(path, 'ERR_BAD_FILE', /newer fpki \(schema 99; this one has 4\)/)
  })

  test('a register of an older fpki, to look at', async () => {
    const { path, open } = await sqliteScene()
    await writeFile(path, '', { mode: 0o600 })
    runSql(path, `pragma application_id = ${0x66706b69}`)
    await expect(open(false)).rejects.toMatchObject({ code: 'ERR_BAD_FILE', message: /older fpki/ })
    const hintWith = (directory?: string) =>
      openDeviceRegister({ path, create: false, ...(directory && { directory }) }, PORTS).catch(({ hint }) => hint)
    expect(await hintWith()).toMatch(/brings it up to date\.$/)
    expect(await hintWith(dirname(path))).toContain(`\`fpki devices issue ${dirname(path)} --from REQUESTS\``)
    expect(await hintWith("/srv/it's acme")).toContain(
      `\`fpki devices issue '/srv/it'\\''s acme' --from REQUESTS --store sqlite:${path}\``,
    )
    const register = await open()
    expect(await register.lines.list()).toHaveLength(1)
    await register.close()
  })

  test('a register of an older fpki has its denials on hold, and what waited still waits', async () => {
    const { path, open } = await sqliteScene()
    await writeFile(path, '', { mode: 0o600 })
    const older = await connect(path, 'write')
    await migrate(older, { id: 'ab', createdAt: 0 }, 3)
    const uuid = '000000000000400080000000000000ff'
    const [times, certificate] = [`${NOON}, ${NOON + DAY}`, `x'0102', x'${'ab'.repeat(32)}', x'3000'`]
    older.exec(`insert into cas (fingerprint) values ('${CA}');
      insert into devices (uuid, line, ca, is_production, created_at, issued_at, not_after, state)
        values (x'${uuid}', 1, 1, 0, ${NOON}, ${times}, 'denied');
      insert into keys (key_hash, device) values (x'${'ab'.repeat(32)}', 1);
      insert into certificates (device, serial, key_hash, der, issued_at, not_after, state, ended_at)
        values (1, ${certificate}, ${times}, 'denied', ${NOON + 1});
      insert into outbox (device, certificate, created_at, next_at) values (1, 1, ${NOON}, ${NOON})`)
    await older.close()
    const register = await open()
    const device = '00000000-0000-4000-8000-0000000000ff'
    expect(await register.statuses(['0102'], NOON + 2)).toMatchObject([
      { uuid: device, ca: CA, revocation: { at: NOON + 1, reason: 'certificateHold' } },
    ])
    expect(await register.allow([device], { at: NOON + 2, announce: false })).toEqual([device])
    expect(await register.device(device)).toMatchObject({ state: 'active', certificates: [{ state: 'active' }] })
    const [waiting] = await register.outbox.take({ count: 1, at: NOON + 3, until: NOON + 4 })
    expect(waiting).toMatchObject({ action: 'announce', uuid: device, serial: '0102' })
    await register.close()
  })

  test.each([
    ["update devices set state = 'denied' where id = 1", '1 devices are denied without a time and a reason'],
    ['update devices set denied_at = 1 where id = 1', '1 devices are denied without a time and a reason'],
    ['update certificates set ended_at = 1 where id = 1', '1 certificates are active and have an end'],
    ["update certificates set state = 'superseded' where id < 3", '2 certificates are active and have an end'],
    ['update certificates set device = 1 where id = 2', '1 certificates have a key that is not that of their device'],
    ['delete from certificates where id = 3', '1 devices have no certificate'],
  ])('a register that contradicts itself is damaged: %s', async (change, damage) => {
    const { path, open } = await closedRegister()
    runSql(path, change)
    const register = await open()
    expect(await register.damage()).toContain(damage)
    await register.close()
  })

  test.each([
    ['a trigger', `create trigger t after insert on devices begin delete from keys; end`],
    ['a view', 'create view v as select 1'],
    ['another table', 'create table more (a)'],
    ['another index', 'create index i on devices (name)'],
    ['no index', 'drop index devices_by_line'],
    ['another column', 'alter table devices add column more text'],
  ])('a register with %s', async (_, sql) => {
    const { path } = await closedRegister()
    runSql(path, sql)
    await expectRefused(path, 'ERR_BAD_FILE', /its schema/)
  })

  test('values that fpki does not write', async () => {
    for (const sql of [
      `update devices set state = 'odd'`,
      `update devices set issued_at = 9223372036854775807`,
      `update devices set uuid = x'00' where id = 1`,
      `update devices set created_at = 9000000000000000`,
      `update devices set not_after = -9000000000000000`,
      `update certificates set serial = x'' where id = 1`,
    ]) {
      const { path, open } = await closedRegister()
      runSql(path, sql)
      const register = await open(false)
      const all = async () => [
        ...(await collect(register.devices(ALL_DEVICES))),
        ...(await collect(register.certificates(ALL_DEVICES))),
      ]
      await expect(all(), sql).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
      await register.close()
    }
    const { path, open } = await closedRegister()
    for (const sql of [`hardware_ids = '{"a":1}'`, 'hardware_ids = null, valid_until = 9000000000000000']) {
      runSql(path, `update lines set ${sql}`)
      const register = await open(false)
      await expect(register.lines.list()).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
      await register.close()
    }
    runSql(path, 'delete from register')
    const register = await open(false)
    await expect(register.head()).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
    await register.close()
  })

  test('a damaged file, wherever the damage is', async () => {
    const { path } = await closedRegister(200)
    const pages = (await stat(path)).size / 4096
    const copy = join(await temporaryDirectory(), 'copy.sqlite')
    let refused = 0
    for (let page = 0; page < pages; page++) {
      await copyFile(path, copy)
      const file = await openFile(copy, 'r+')
      await file.write(Buffer.alloc(4096, 0xa5), 0, 4096, page * 4096)
      await file.close()
      const error = await readAll(copy)
      if (error !== null) refused++
      // Free pages and indexes that nobody reads are not noticed.
      expect([null, 'ERR_BAD_FILE']).toContain(error)
    }
    expect(refused).toBeGreaterThan(pages / 2)
  })
})

/** The code of the error when everything is read; null when there is none. */
async function readAll(path: string): Promise<unknown> {
  let register: Awaited<ReturnType<typeof openDeviceRegister>> | null = null
  try {
    register = await openDeviceRegister({ path, create: false }, PORTS)
    const all = await collect(register.certificates(ALL_DEVICES))
    await register.lookUp(all.map(({ device, certificate }) => ({ uuid: device.uuid, keyHash: certificate.keyHash })))
    await register.count({ ...ALL_DEVICES, hardwareId: 'x' })
    await register.count({ ...ALL_DEVICES, since: 0 })
    await register.count({ ...ALL_DEVICES, expiringBefore: NOON })
    await register.lines.list()
    await register.credentials.tokens(null)
    await register.credentials.stations(null)
    await register.outbox.state()
    await register.head()
    return null
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  } finally {
    await register?.close()
  }
}

describe('a copy', () => {
  test('is a register of its own, whole while another process writes, with mode 0600', async () => {
    const { path, open } = await closedRegister(500)
    const register = await open()
    const to = join(await temporaryDirectory(), 'copy.sqlite')
    const [, outcomes] = await Promise.all([
      copyDeviceRegister({ path, to }, PORTS),
      register.commit(commitOf(newCertificates(100))),
    ])
    expect(outcomes).toHaveLength(100)
    expect((await stat(to)).mode & 0o777).toBe(0o600)
    const copy = await openDeviceRegister({ path: to, create: true }, PORTS)
    const { devices } = await copy.count(ALL_DEVICES)
    expect([500, 600]).toContain(devices)
    expect(await copy.head()).toEqual({ ...(await register.head()), certificates: devices })
    expect(wordsOf(await copy.commit(commitOf(newCertificates(1))))).toEqual(['committed'])
    await copy.close()
    await register.close()
    expect(execFileSync('node', ['-e', CHECK, to], { encoding: 'utf8' })).toBe('ok\n')
  })

  test('never overwrites, and a register that is refused leaves no copy', async () => {
    const { path } = await closedRegister()
    const to = join(dirname(path), 'copy.sqlite')
    await writeFile(to, 'mine')
    await expect(copyDeviceRegister({ path, to }, PORTS)).rejects.toMatchObject({ code: 'ERR_EXISTS' })
    expect(await readFile(to, 'utf8')).toBe('mine')
    runSql(path, 'pragma user_version = 99')
    await expect(copyDeviceRegister({ path, to: `${to}.2` }, PORTS)).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
    expect(await readdir(dirname(path))).not.toContain('copy.sqlite.2')
  })
})

/** SQLite's own check of a whole database. */
const CHECK = `
const { DatabaseSync } = require('@photostructure/sqlite')
console.log(new DatabaseSync(process.argv[1]).prepare('pragma integrity_check').get().integrity_check)`
