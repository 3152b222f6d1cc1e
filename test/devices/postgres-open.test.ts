import { chmod, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { openDeviceRegister } from '../../src/devices/open.js'
import { initPostgresRegister } from '../../src/devices/open-postgres.js'
import { checkPostgres } from '../../src/devices/postgres-check.js'
import { ALL_DEVICES } from '../../src/devices/register.js'
import { thisMachine } from '../../src/machine/index.js'
import { temporaryDirectory } from '../support/cli.js'
import { launchPostgres, PASSWORD, startPostgres, stopPostgres } from '../support/postgres.js'
import { emptyPostgres, postgresScene } from './postgres-scene.js'
import { commitOf, newCertificate, newCertificates, wordsOf } from './register-scene.js'

const PORTS = thisMachine()

const open = (url: string, write = true) => openDeviceRegister({ url, write }, PORTS)

/** The error of a promise that is rejected, with all that could be printed of it. */
async function errorOf(promise: Promise<unknown>) {
  const error: unknown = await promise.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(Error)
  expect(JSON.stringify(error) + String(error)).not.toContain(PASSWORD)
  return error
}

describe('opening a register in PostgreSQL', () => {
  test('without tables says how to create them, and creates none', async () => {
    const { place, url, run } = await emptyPostgres()
    const error = await errorOf(open(url))
    expect(error).toMatchObject({
      code: 'ERR_NOT_INITIALIZED',
      hint: expect.stringContaining('store init DIR --store'),
    })
    expect((await run('select * from information_schema.tables where table_schema = current_schema()')).rowCount).toBe(
      0,
    )
    await initPostgresRegister(place, PORTS)
    const register = await open(url)
    expect(wordsOf(await register.commit(commitOf(newCertificates(2))))).toEqual(['committed', 'committed'])
    await register.close()
  })

  test('by several that create the tables at once makes one register', async () => {
    const { place, run } = await emptyPostgres()
    const before = await Promise.all(Array.from({ length: 5 }, () => initPostgresRegister(place, PORTS)))
    expect(before.filter((one) => one === null)).toHaveLength(1)
    expect((await run('select * from register')).rowCount).toBe(1)
    expect((await run('select * from lines')).rowCount).toBe(1)
  })

  test('to look at writes nothing', async () => {
    const { open: openRegister } = await postgresScene()
    const register = await openRegister('read')
    expect(await register.count(ALL_DEVICES)).toEqual({ devices: 0, production: 0 })
    await expect(register.commit(commitOf(newCertificates(1)))).rejects.toMatchObject({ code: 'ERR_STORAGE' })
    await register.close()
  })

  test('that was changed by a newer fpki is refused only if that says so', async () => {
    const { open: openRegister, run } = await postgresScene()
    await run('update fpki_schema set version = 99')
    const register = await openRegister()
    expect(wordsOf(await register.commit(commitOf(newCertificates(1))))).toEqual(['committed'])
    await register.close()
    await run('update fpki_schema set oldest_writer = 99')
    expect(await errorOf(openRegister())).toMatchObject({ code: 'ERR_BAD_FILE', message: /newer fpki \(schema 99/ })
    await run('update fpki_schema set version = 0, oldest_writer = 0')
    expect(await errorOf(openRegister())).toMatchObject({
      code: 'ERR_BAD_FILE',
      hint: expect.stringContaining('store migrate DIR'),
    })
  })

  test.each([
    ['off', 'on'],
    ['local', 'on'],
    ['remote_apply', 'remote_apply'],
  ])('commits durably where the database says synchronous_commit = %s', async (setting, expected) => {
    const { place, open: openRegister, run } = await postgresScene()
    await run(`create table seen (setting text); create function see() returns trigger language plpgsql
      as $$ begin insert into seen values (current_setting('synchronous_commit')); return new; end $$;
      create trigger see before update on lines for each row execute function see()`)
    await run(`alter database ${place.database} set synchronous_commit = ${setting}`)
    const register = await openRegister()
    await register.commit(commitOf(newCertificates(1)))
    await register.close()
    await run(`alter database ${place.database} reset synchronous_commit`)
    expect((await run('select setting from seen')).rows).toEqual([{ setting: expected }])
  })

  test('checks user, password and certificate of the server', async () => {
    const { server, place } = await postgresScene()
    const { port, database, options } = place
    const url = (login: string, host: string, more: string) =>
      `postgres://${login}@${host}:${port}/${database}?options=${encodeURIComponent(options)}&${more}`
    const login = `fpki:${encodeURIComponent(PASSWORD)}`
    const tls = `sslmode=verify-full&sslrootcert=${server.certificate}`
    for (const [host, more] of [
      ['localhost', tls],
      ['127.0.0.1', tls],
      ['localhost', 'sslmode=require'],
      ['localhost', ''],
    ] as const) {
      const register = await open(url(login, host, more))
      expect(await register.head()).toMatchObject({ certificates: 0 })
      await register.close()
    }
    expect(await errorOf(open(url('fpki:wrong', 'localhost', tls)))).toMatchObject({
      code: 'ERR_STORE_LOGIN',
      message: expect.stringMatching(/rejects the user or the password/),
    })
    expect(await errorOf(open(url('fpki', 'localhost', tls)))).toMatchObject({
      code: 'ERR_STORE_LOGIN',
      message: expect.stringMatching(/asks for a password/),
      hint: expect.stringContaining('.pgpass'),
    })
    expect(await errorOf(open(url(login, 'localhost', 'sslmode=verify-full')))).toMatchObject({
      code: 'ERR_STORE_LOGIN',
      message: expect.stringMatching(/not trusted/),
      hint: expect.stringContaining('sslrootcert'),
    })
    expect(await errorOf(open(url(login, '127.0.0.2', tls)))).toMatchObject({
      code: expect.stringMatching(/^ERR_STORE_/),
    })
    const other = url(login, 'localhost', tls).replace(database, 'nowhere')
    expect(await errorOf(open(other))).toMatchObject({
      code: 'ERR_NOT_INITIALIZED',
      message: /database does not exist/,
    })
  })
})

describe('what a check finds', () => {
  const byName = async (...parameters: Parameters<typeof checkPostgres>) =>
    Object.fromEntries((await checkPostgres(...parameters)).map(({ check, status }) => [check, status]))

  test('a clock that is more than five seconds away', async () => {
    const { place } = await postgresScene()
    const clockAt = (offset: number) => () => new Date(Date.now() + offset)
    expect(await byName(place, clockAt(0))).toMatchObject({ clock: 'ok', connection: 'ok', schema: 'ok' })
    for (const offset of [-60_000, 60_000])
      expect(await byName(place, clockAt(offset))).toMatchObject({ clock: 'warning' })
  })

  test('whether the server was verified', async () => {
    const { server, place } = await postgresScene()
    const over = { ...place, host: 'localhost', password: async () => PASSWORD }
    const ca = await readFile(server.certificate, 'utf8')
    const now = () => new Date()
    expect(await byName({ ...over, tls: { rejectUnauthorized: true, ca } }, now)).toMatchObject({ connection: 'ok' })
    expect(await byName({ ...over, tls: { rejectUnauthorized: false } }, now)).toMatchObject({ connection: 'warning' })
  })
})

describe('a server that fails', () => {
  /** A register whose changes of lines raise what `condition` of the server says. */
  async function failing(body: string) {
    const scene = await postgresScene()
    await scene.run(
      `create sequence tries; create function fail() returns trigger language plpgsql as $$ begin ${body} return new; end $$;
       create trigger fail before update on lines for each row execute function fail()`,
    )
    return { ...scene, register: await scene.open() }
  }

  test.each([
    ['53100', 'ERR_STORAGE', /no space left/],
    ['53200', 'ERR_STORAGE', /out of memory/],
    ['53300', 'ERR_STORE_AWAY', /too many connections/],
    ['57P01', 'ERR_STORE_AWAY', /shutting down/],
    ['57P03', 'ERR_STORE_AWAY', /starting/],
    ['08006', 'ERR_STORE_AWAY', /connection/],
    ['58030', 'ERR_STORAGE', /input\/output/],
    ['XX001', 'ERR_BAD_FILE', /damaged/],
    ['42501', 'ERR_STORAGE', /permission/],
  ])('with %s is reported as %s, and records nothing', async (state, code, message) => {
    const { register, run } = await failing(`raise exception using errcode = '${state}';`)
    const error = await errorOf(register.commit(commitOf(newCertificates(2))))
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
    await run('drop trigger fail on lines')
    expect(await register.head()).toMatchObject({ certificates: 0 })
    expect(wordsOf(await register.commit(commitOf(newCertificates(2))))).toEqual(['committed', 'committed'])
    await register.close()
  })

  test.each(['40001', '40P01', '55P03'])('with %s is tried again', async (state) => {
    const { register } = await failing(
      `if nextval('tries') < 4 then raise exception using errcode = '${state}'; end if;`,
    )
    expect(wordsOf(await register.commit(commitOf(newCertificates(2))))).toEqual(['committed', 'committed'])
    expect(await register.lines.get('default')).toMatchObject({ issued: 2 })
    await register.close()
  })

  test('is away, and the register goes on when it is back', async () => {
    const folder = await temporaryDirectory()
    await chmod(folder, 0o711)
    const server = await startPostgres(folder, process.pid)
    const url = `postgres:///postgres?host=${server.socket}&port=${server.port}&user=fpki`
    const tcp = `postgres://fpki:x@127.0.0.1:${server.port}/postgres`
    const place = { host: server.socket, port: server.port, user: 'fpki', database: 'postgres' }
    await initPostgresRegister(
      { ...place, password: async () => undefined, tls: null, options: null, name: url },
      PORTS,
    )
    const register = await open(url)
    const before = newCertificate()
    await register.commit(commitOf([before]))
    await stopPostgres(server.data)
    const away = { code: 'ERR_STORE_AWAY' }
    expect(await errorOf(register.commit(commitOf(newCertificates(1))))).toMatchObject(away)
    expect(await errorOf(register.lookUp([before]))).toMatchObject(away)
    expect(await errorOf(open(url))).toMatchObject(away)
    expect(await errorOf(open(tcp))).toMatchObject(away)
    launchPostgres(server, process.pid)
    await expect.poll(() => register.head().catch(() => null), { timeout: 60_000 }).toMatchObject({ certificates: 1 })
    expect((await register.lookUp([before]))[0]?.certificate).toMatchObject({ serial: before.serial })
    expect(wordsOf(await register.commit(commitOf([before, newCertificate()])))).toEqual(['existing', 'committed'])
    await register.close()
    await stopPostgres(server.data)
  })
})
