import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkStoreResult } from '../../../src/operations/devices/store/check-store.js'
import { copyStoreResult } from '../../../src/operations/devices/store/copy-store.js'
import { emptyPostgres } from '../../devices/postgres-scene.js'
import { deviceCsrs, requestFolder } from '../../support/device-requests.js'
import { PASSWORD } from '../../support/postgres.js'
import { copiedPki, type Made } from '../made.js'

/** A PKI with requests, and an empty schema of a server. */
async function scene(count = 3) {
  const pki = await copiedPki()
  const from = await requestFolder(join(pki.home.path, 'csrs'), deviceCsrs(count))
  const { url, server, place, run: sql } = await emptyPostgres()
  const issue = (...words: string[]) =>
    pki.home.fpki(['devices', 'issue', pki.directory, '--from', from, '--out', join(pki.home.path, 'out'), ...words])
  const run = (...words: string[]) => pki.home.fpki(words)
  return { ...pki, url, server, place, sql, issue, run }
}

/** The UUIDs that `devices list` shows. */
async function listed({ home, directory }: Made, ...words: string[]) {
  const { stdout } = await home.fpki(['devices', 'list', directory, '--json', ...words])
  return JSON.parse(stdout).devices.map(({ uuid }: { uuid: string }) => uuid)
}

describe('a register in PostgreSQL', () => {
  test('is created by the command in the hint, and then used as one in a file', async () => {
    const pki = await scene()
    const { url, directory, issue, run } = pki
    const none = await issue('--store', url)
    expect(none).toMatchObject({ status: 3, stderr: expect.stringContaining('[ERR_NOT_INITIALIZED]') })
    const [, hint = ''] = /fpki (devices store init .*)$/m.exec(none.stderr) ?? []
    const words = hint.replaceAll("'", '').split(' ')
    expect(words).toEqual(['devices', 'store', 'init', directory, '--store', url])
    expect((await run(...words)).stderr).toContain('Created the device register')
    expect((await run(...words)).stderr).toContain('is there, and up to date')
    expect(await issue('--store', url)).toMatchObject({ status: 0, stderr: expect.stringContaining('3 issued') })
    expect(await readdir(directory)).not.toContain('devices.sqlite')
    // Again, and by the variable.
    const again = await pki.home.fpki(['devices', 'count', directory, '--json'], { env: { FPKI_STORE: url } })
    expect(JSON.parse(again.stdout)).toMatchObject({ devices: 3 })
    expect((await issue('--store', url)).stderr).toContain('3 reused')
    expect(await run('lines', 'create', directory, 'a', '--quota', '5', '--store', url)).toMatchObject({ status: 0 })
    const job = (await readdir(directory)).filter((name) => name.includes('-job-'))
    expect(job).toEqual([])
  })

  test('is checked: what the server promises, its clock, and what is in it', async () => {
    const { url, directory, issue, run, sql } = await scene()
    await run('devices', 'store', 'init', directory, '--store', url)
    const check = async () => {
      const { status, stdout } = await run('devices', 'store', 'check', directory, '--json', '--store', url)
      const { checks } = checkStoreResult.parse(JSON.parse(stdout))
      return { status, ...Object.fromEntries(checks.map((one) => [one.check, `${one.status}: ${one.message}`])) }
    }
    expect(await check()).toMatchObject({ contents: 'ok: 0 devices with 0 certificates.' })
    await issue('--store', url)
    expect(await check()).toEqual({
      status: 6,
      connection: expect.stringMatching(/^ok: Connected to PostgreSQL 1\d\.\d+.* on this machine, without TLS\.$/),
      // The server of the tests does without its disk.
      durability: expect.stringMatching(/^failure: .*fsync and full_page_writes are off/),
      schema: 'ok: The schema has version 4.',
      clock: expect.stringMatching(/^ok: /),
      contents: 'ok: 3 devices with 3 certificates.',
      certificates: expect.stringMatching(/^ok: /),
    })
    await sql("update certificates set der = '\\x3000' where id = (select min(id) from certificates)")
    await sql('alter table devices alter column id restart with 1')
    await sql('insert into jobs (line, started_at) values (1, 1)')
    expect(await check()).toMatchObject({
      status: 6,
      contents: expect.stringContaining('numbers of new rows of devices are in use'),
      certificates: expect.stringMatching(/^failure: 1 of 3 sampled certificates/),
    })
    await sql('delete from keys where device = (select min(id) from devices)')
    expect(await check()).toMatchObject({ contents: expect.stringContaining('1 certificates have a key') })
  })

  test('that does not answer ends commands with 4', async () => {
    const { directory, run } = await scene(1)
    const away = await run('devices', 'count', directory, '--store', 'postgres://u@127.0.0.1:1/x')
    expect(away).toMatchObject({ status: 4, stderr: expect.stringContaining('[ERR_STORE_AWAY]') })
  })
})

describe('passwords', () => {
  test('are refused in arguments, and taken from FPKI_STORE or PGPASSFILE', async () => {
    const { home, directory, place, server, url } = await scene(1)
    await home.fpki(['devices', 'store', 'init', directory, '--store', url])
    const { port, database, options } = place
    const more = `?sslmode=verify-full&sslrootcert=${server.certificate}&options=${encodeURIComponent(options)}`
    const address = `localhost:${port}/${database}${more}`
    const words = ['devices', 'count', directory, '--json']
    const secret = encodeURIComponent(PASSWORD)
    for (const refused of [
      `postgres://fpki:${secret}@${address}`,
      `postgres://${address}&user=fpki&password=${secret}`,
    ]) {
      const ended = await home.fpki([...words, '--store', refused])
      expect(ended).toMatchObject({ status: 2, stdout: expect.stringContaining('ERR_USAGE') })
      expect(ended.stdout + ended.stderr).not.toContain(secret)
      for (const flag of ['--from', '--to'])
        expect(await home.fpki(['devices', 'store', 'copy', directory, flag, refused])).toMatchObject({ status: 2 })
    }
    const env = { FPKI_STORE: `postgres://fpki:${secret}@${address}` }
    expect(await home.fpki(words, { env })).toMatchObject({ status: 0 })
    const wrong = await home.fpki(words, { env: { FPKI_STORE: `postgres://fpki:wr0ng@${address}` } })
    expect(wrong).toMatchObject({ status: 4, stdout: expect.stringContaining('ERR_STORE_LOGIN') })
    expect(wrong.stdout + wrong.stderr).not.toContain('wr0ng')
    const file = join(home.path, 'passwords')
    await writeFile(file, `localhost:${port}:*:fpki:${PASSWORD}\n`, { mode: 0o600 })
    const withFile = { env: { PGPASSFILE: file, FPKI_STORE: `postgres://fpki@${address}` } }
    expect(await home.spawn(words, withFile)).toMatchObject({ status: 0 })
    await chmod(file, 0o644)
    const open = await home.spawn(words, withFile)
    expect(open).toMatchObject({ status: 4, stderr: expect.stringContaining('0600') })
    expect(open.stdout + open.stderr).not.toContain(PASSWORD)
  })
})

describe('devices store copy', () => {
  test('moves a register to PostgreSQL and back, and each command says where it is', async () => {
    const pki = await scene()
    const { url, directory, issue, run, path } = pki
    await issue()
    const uuids = await listed(pki)
    const moved = await run('devices', 'store', 'copy', directory, '--to', url, '--json')
    expect(copyStoreResult.parse(JSON.parse(moved.stdout))).toMatchObject({
      ...{ from: `sqlite:${path('devices.sqlite')}`, to: url, devices: 3, certificates: 3, keptAs: null },
    })
    const again = await run('devices', 'store', 'copy', directory, '--to', url)
    expect(again).toMatchObject({
      status: 3,
      stderr: expect.stringContaining(`To move it from there: --from '${url}'`),
    })
    const refused = { status: 3, stderr: expect.stringContaining('[ERR_STORE_MOVED]') }
    expect(await issue()).toMatchObject(refused)
    expect(await run('devices', 'list', directory)).toMatchObject(refused)
    expect(await run('lines', 'pause', directory, 'default')).toMatchObject(refused)
    expect(await listed(pki, '--store', url)).toEqual(uuids)
    expect((await issue('--store', url)).stderr).toContain('3 reused')
    // The directory is in order.
    expect((await run('ca', 'verify', directory)).stdout).toContain(`was moved to ${url}`)
    expect(await run('ca', 'status', directory, '--json')).not.toMatchObject({ status: 6 })
    const passphrase = { env: { FPKI_PASSPHRASE: 'nine lives of a fish' } }
    const backup = ['ca', 'backup', directory, '--out', join(pki.home.path, 'a.backup')]
    const backedUp = await pki.home.fpki(backup, passphrase)
    expect({ ...backedUp, stdout: backedUp.stdout.replace(/\s+/g, ' ') }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('Back up that one, too.'),
    })
    const log = await run('ca', 'log', directory, '--json')
    expect(log.stdout).toContain(`the device register was moved to ${url}`)
    const back = await run('devices', 'store', 'copy', directory, '--from', url, '--json')
    const { keptAs } = copyStoreResult.parse(JSON.parse(back.stdout))
    expect(await readdir(directory)).toContain(keptAs?.slice(directory.length + 1))
    expect(await listed(pki)).toEqual(uuids)
    expect(await run('devices', 'list', directory, '--store', url)).toMatchObject(refused)
    expect((await issue()).stderr).toContain('3 reused')
    expect((await readFile(keptAs ?? '')).subarray(0, 15).toString()).toBe('SQLite format 3')
  })

  test('refuses one place twice, and a directory without a register', async () => {
    const { directory, url, run, path } = await scene(1)
    const copy = (...words: string[]) => run('devices', 'store', 'copy', directory, ...words)
    expect(await copy()).toMatchObject({ status: 2 })
    expect(await copy('--to', `sqlite:${path('devices.sqlite')}`)).toMatchObject({ status: 2 })
    expect(await copy('--to', url)).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('[ERR_NOT_INITIALIZED]'),
    })
    expect(await copy('--from', url)).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('[ERR_NOT_INITIALIZED]'),
    })
  })
})
