import { chmod, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { postgresPlace } from '../../src/devices/postgres-place.js'
import { thisMachine } from '../../src/machine/index.js'
import { temporaryDirectory } from '../support/cli.js'

const { files } = thisMachine()

async function placeOf(url: string, env: Readonly<Record<string, string>> = {}) {
  const { password, ...place } = await postgresPlace(url, files, env)
  return { ...place, password: await password() }
}

describe('the URL of a PostgreSQL database', () => {
  test('has user, host, port and database, decoded', async () => {
    const url = 'postgres://fp%40ki@db.example:6543/dev%2Fices?sslmode=disable&options=-c%20search_path%3Dfpki'
    expect(await placeOf(url)).toMatchObject({
      ...{ host: 'db.example', port: 6543, user: 'fp@ki', database: 'dev/ices', tls: null },
      ...{ options: '-c search_path=fpki', name: url },
    })
    expect(await placeOf('postgresql://[::1]/x')).toMatchObject({ host: '::1', port: 5432, database: 'x', tls: null })
    expect(await placeOf('postgres:///x?host=/run/pg&user=u')).toMatchObject({ host: '/run/pg', user: 'u', tls: null })
    expect(await placeOf('postgres://u@%2Frun%2Fpg/x')).toMatchObject({ host: '/run/pg', tls: null })
  })

  test("leaves the rest to libpq's variables and defaults", async () => {
    const own = userInfo().username
    const socket = { host: '/var/run/postgresql', port: 5432, user: own, database: own, tls: null, options: null }
    expect(await placeOf('postgres://')).toMatchObject(socket)
    const env = {
      ...{ PGHOST: 'pg.example', PGPORT: '7', PGUSER: 'me', PGDATABASE: 'mine', PGSSLMODE: 'require' },
      ...{ PGPASSWORD: 'from env', PGOPTIONS: '-c a=b' },
    }
    expect(await placeOf('postgres://', env)).toMatchObject({
      ...{ host: 'pg.example', port: 7, user: 'me', database: 'mine', tls: { rejectUnauthorized: false } },
      ...{ password: 'from env', options: '-c a=b' },
    })
    expect(await placeOf('postgres://you@db.example/yours', env)).toMatchObject({
      ...{ host: 'db.example', port: 7, user: 'you', database: 'yours' },
    })
  })

  test.each(['db.example', '10.0.0.1', '[2001:db8::1]', 'localhost.example', '128.0.0.1'])(
    'verifies the server %s, which is another machine, by default',
    async (host) => {
      expect((await placeOf(`postgres://u@${host}/x`)).tls).toEqual({ rejectUnauthorized: true })
    },
  )

  test.each(['localhost', '127.0.0.1', '127.9.9.9', '[::1]', '%2Frun'])(
    'needs no TLS for %s by default',
    async (host) => {
      expect((await placeOf(`postgres://u@${host}/x`)).tls).toBeNull()
    },
  )

  test('verifies the server by the CAs of sslrootcert', async () => {
    const path = join(await temporaryDirectory(), 'ca.pem')
    const url = `postgres://u@localhost/x?sslmode=verify-full&sslrootcert=${path}`
    await expect(placeOf(url)).rejects.toMatchObject({ code: 'ERR_BAD_FILE', message: /does not exist/ })
    await writeFile(path, 'no PEM')
    await expect(placeOf(url)).rejects.toMatchObject({ code: 'ERR_BAD_FILE', message: /no certificate/ })
    const pem = '-----BEGIN CERTIFICATE-----\n'
    await writeFile(path, pem)
    expect((await placeOf(url)).tls).toEqual({ rejectUnauthorized: true, ca: pem })
    await chmod(path, 0o666)
    await expect(placeOf(url)).rejects.toMatchObject({ code: 'ERR_PERMISSIONS' })
  })

  test.each([
    ['postgres://u@h:0/x', /port/],
    ['postgres://u@h:x/x', /cannot be read/],
    ['postgres://u@h/x?sslmode=prefer', /sslmode must be verify-full/],
    ['postgres://u@h/x?sslmode=verify-ca', /sslmode must be verify-full/],
    ['postgres://u@h/x?sslmode=require&sslrootcert=/ca.pem', /does not use sslrootcert/],
    ['postgres://u@h/x?sslrootcert=ca.pem', /absolute path/],
    ['postgres://u@h/x?connect_timeout=3', /unknown parameter "connect_timeout"/],
    ['postgres://u@h/x?password=secret', /password/],
    ['postgres://u@a,b/x', /several hosts/],
    ['postgres://u@h/%zz', /%25/],
    ['postgres://u@h/x#y', /%23/],
    ['postgres://u:12/secret@h/x', /%40.*%2F/],
    ['postgres://u:12?secret@h/x', /%40.*%3F/],
    ['postgres://u@h/x?sslrootcert=/a@b', /%40/],
  ])('is refused: %s', async (url, message) => {
    const error: unknown = await placeOf(url).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_USAGE', message: expect.stringMatching(message) })
    expect(JSON.stringify([error, String(error)])).not.toContain('secret')
  })

  test('shows no password', async () => {
    const place = await postgresPlace('postgres://u:s3cret@h/x', files, {})
    expect(await place.password()).toBe('s3cret')
    expect(JSON.stringify(place)).not.toContain('s3cret')
    expect(place.name).toBe('postgres://u@h/x')
  })
})

describe('a service', () => {
  const SERVICES =
    '# Databases\n[other]\nhost=other.example\n\n[fpki]\nhost=pg.example\nport=6543\nuser=me\ndbname=mine\nsslmode=require\nconnect_timeout=5\n[last]\nhost=x\n'

  async function serviceFile(text: string, name = 'services') {
    const folder = await temporaryDirectory()
    await writeFile(join(folder, name), text)
    return { folder, path: join(folder, name) }
  }

  test('of PGSERVICEFILE has what the URL leaves out, before the variables', async () => {
    const { path } = await serviceFile(SERVICES)
    const env = { PGSERVICEFILE: path, PGHOST: 'env.example', PGOPTIONS: '-c a=b' }
    const expected = {
      ...{ host: 'pg.example', port: 6543, user: 'me', database: 'mine', options: '-c a=b' },
      tls: { rejectUnauthorized: false },
    }
    expect(await placeOf('postgres://?service=fpki', env)).toMatchObject(expected)
    expect(await placeOf('postgres://', { ...env, PGSERVICE: 'fpki' })).toMatchObject(expected)
    expect(await placeOf('postgres://you@/?service=fpki'.replace('you@', ''), env)).toMatchObject(expected)
    expect(await placeOf('postgres:///yours?service=fpki', env)).toMatchObject({ ...expected, database: 'yours' })
  })

  test('is found in ~/.pg_service.conf, then in PGSYSCONFDIR', async () => {
    const { folder: home } = await serviceFile('[a]\nhost=home.example\n', '.pg_service.conf')
    const { folder: system } = await serviceFile('[a]\nhost=no\n[b]\nhost=system.example\n', 'pg_service.conf')
    const env = { HOME: home, PGSYSCONFDIR: system }
    expect(await placeOf('postgres://?service=a', env)).toMatchObject({ host: 'home.example' })
    expect(await placeOf('postgres://?service=b', env)).toMatchObject({ host: 'system.example' })
    const missing = placeOf('postgres://?service=c', env)
    await expect(missing).rejects.toMatchObject({ code: 'ERR_BAD_FILE', message: /no service c in/ })
  })

  test('with a password, or in a file that others can write, is refused', async () => {
    const { path } = await serviceFile('[fpki]\nhost=h\npassword=s3cret\n')
    const error: unknown = await placeOf('postgres://?service=fpki', { PGSERVICEFILE: path }).catch(
      (one: unknown) => one,
    )
    expect(error).toMatchObject({ code: 'ERR_BAD_FILE', hint: expect.stringContaining('.pgpass') })
    expect(JSON.stringify([error, String(error)])).not.toContain('s3cret')
    await chmod(path, 0o666)
    const forged = placeOf('postgres://?service=fpki', { PGSERVICEFILE: path })
    await expect(forged).rejects.toMatchObject({ code: 'ERR_PERMISSIONS' })
  })
})
