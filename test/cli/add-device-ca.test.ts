import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { addDeviceCaResult, showPkiResult } from '../../src/index.js'
import { output } from '../support/cli.js'
import { copiedPki, type Made, x509 } from './made.js'
import { expectRefusal } from './refusal.js'
import { modes, snapshot } from './snapshot.js'

async function add({ home, directory }: Made, ...words: readonly string[]) {
  const { status, stdout, stderr } = await home.fpki(['ca', 'add-device-ca', directory, '--json', ...words])
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  return addDeviceCaResult.parse(JSON.parse(stdout))
}

async function deviceCasOf({ home }: Made): Promise<readonly string[]> {
  const { deviceCas } = showPkiResult.parse(JSON.parse((await home.fpki(['ca', 'show', '--json'])).stdout))
  return deviceCas.map(({ pem }) => pem)
}

test('--crl-sign is of a local-ca only', async () => {
  const { home, directory } = await copiedPki()
  const words = ['ca', 'add-device-ca', directory, '--online-ca', '--crl-sign']
  await expectRefusal(home, words, { status: 2, code: 'ERR_USAGE', names: ['--crl-sign', 'local-ca'] })
})

/** New and changed files of the directory, except those in .fpki. */
async function changedSince(before: Awaited<ReturnType<typeof snapshot>>, directory: string) {
  const after = await snapshot(directory)
  return Object.keys(after).filter((name) => after[name] !== before[name] && !/^\.fpki/.test(name))
}

/** A device CA as in docs/profile.md#device-ca, with this subject. */
async function expectDeviceCa({ path }: Made, name: string, subject: RegExp): Promise<void> {
  const words = ['verify', '-x509_strict', '-CAfile', path('factory_ca.pem'), path(name)]
  expect(await output('openssl', words)).toContain('OK')
  const text = await x509(path(name), '-text', '-nameopt', 'sep_comma_plus_space,show_type,sname,utf8')
  expect(/Subject: (.*)/.exec(text)?.[1]).toMatch(subject)
  expect(text).toContain('Issuer: CN=UTF8STRING:Factory-CA, OU=UTF8STRING:acme')
  expect(text).toMatch(/X509v3 Basic Constraints: critical\n +CA:TRUE, pathlen:0\n/)
  expect(text).toMatch(/X509v3 Key Usage: critical\n +Certificate Sign\n/)
  expect(text).not.toMatch(/Extended Key Usage|Alternative Name/)
  expect(text).toMatch(/X509v3 Subject Key Identifier: \n[\s\S]*X509v3 Authority Key Identifier: \n/)
  const years = [...text.matchAll(/Not (?:Before|After ?) *: .* (\d{4}) GMT/g)].map(([, year]) => Number(year))
  expect((years[1] ?? 0) - (years[0] ?? 0)).toBe(10)
}

test('--local-ca adds a key pair, after the existing CAs in the Factory API', async () => {
  const made = await copiedPki()
  const before = await snapshot(made.directory)
  const known = await deviceCasOf(made)
  const { added, ...told } = await add(made, '--local-ca', '--local-ca-filename', 'site-b.pem')
  expect(told).toEqual({
    schemaVersion: 1,
    factory: 'acme',
    api: `embedded (${made.home.state})`,
    directory: made.directory,
    resumed: false,
    warnings: [],
  })
  expect(added).toMatchObject([{ role: 'local-ca', file: 'site-b.pem', keyFile: 'site-b.key' }])
  expect(added.map(({ pem }) => pem)).toEqual([await made.text('site-b.pem')])
  expect(await changedSince(before, made.directory)).toEqual(['site-b.key', 'site-b.pem'])
  expect(await modes(made.directory)).toMatchObject({ 'site-b.key': 'file 400', 'site-b.pem': 'file 400' })
  await expectDeviceCa(made, 'site-b.pem', /^CN=UTF8STRING:fio-[0-9a-f]{24}, OU=UTF8STRING:acme$/)
  // All local CAs of a user have the same subject.
  expect(await x509(made.path('site-b.pem'), '-subject')).toBe(await x509(made.path('local-ca.pem'), '-subject'))
  const key = await output('openssl', ['pkey', '-in', made.path('site-b.key'), '-pubout'])
  expect(key.trim()).toBe(await x509(made.path('site-b.pem'), '-pubkey'))
  expect(await made.text('site-b.key')).toMatch(/^-----BEGIN EC PRIVATE KEY-----\n[^-]+-----END EC PRIVATE KEY-----\n$/)
  expect(await deviceCasOf(made)).toEqual([...known, await made.text('site-b.pem')])
})

test('--online-ca adds a CA and keeps the previous online-crt', async () => {
  const made = await copiedPki()
  const before = await snapshot(made.directory)
  const [known, earlier] = [await deviceCasOf(made), await made.text('online-crt')]
  const { added } = await add(made, '--online-ca')
  expect(added).toMatchObject([{ role: 'online-ca', file: 'online-crt', keyFile: null }])
  expect(await changedSince(before, made.directory)).toEqual(['online-crt', 'online-crt.bak'])
  expect(await made.text('online-crt.bak')).toBe(earlier)
  await expectDeviceCa(made, 'online-crt', /^CN=UTF8STRING:online-ca, OU=UTF8STRING:acme$/)
  const ofServer = ['pkey', '-pubout', '-in', join(made.stateFile, '../keys/ca-2.key')]
  expect((await output('openssl', ofServer)).trim()).toBe(await x509(made.path('online-crt'), '-pubkey'))
  expect(await deviceCasOf(made)).toEqual([...known, await made.text('online-crt')])
})

test('adds both CAs in one upload, and lists them', async () => {
  const made = await copiedPki()
  const words = ['ca', 'add-device-ca', made.directory, '--online-ca', '--local-ca', '--local-ca-filename', 'site-b']
  const { status, stdout } = await made.home.fpki(words)
  expect(status).toBe(0)
  expect(stdout).toContain(`Added online-ca to the factory acme: ${made.directory}/online-crt\n`)
  expect(stdout).toContain(`Added local-ca to the factory acme: ${made.directory}/site-b.pem\n`)
  expect(stdout).toContain(`private key: ${made.directory}/site-b.key (secret; back it up offline)`)
  expect((await deviceCasOf(made)).slice(2)).toEqual([await made.text('online-crt'), await made.text('site-b.pem')])
})

test('adds the first device CAs of a factory, as local-ca.pem by default', async () => {
  const made = await copiedPki()
  const { home } = made
  const bare = join(home.path, 'bare')
  const create = ['ca', 'create', bare, '--no-online-ca', '--no-local-ca', '-q']
  expect((await home.fpki(create)).status).toBe(0)
  const { status, stderr } = await home.fpki(['ca', 'add-device-ca', bare, '--local-ca', '--online-ca'])
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  const cas = (await home.fpki(['ca', 'show', '--just-device-cas', '--factory', 'bare'])).stdout
  const texts = ['online-crt', 'local-ca.pem'].map((name) => readFile(join(bare, name), 'utf8'))
  expect(cas).toBe((await Promise.all(texts)).join(''))
})

describe('the options', () => {
  test.each([
    [['--online-ca=true'], ['online-ca']],
    [['--online-ca', '--no-local-ca'], ['online-ca']],
    [['--online-ca=true', '--local-ca=false'], ['online-ca']],
    [['--local-ca=true', '--local-ca-filename=b.pem'], ['local-ca']],
    [['--no-online-ca', '--local-ca', '--local-ca-filename', 'b'], ['local-ca']],
    [['--online-ca=false', '--local-ca', '--local-ca-filename=b.pem'], ['local-ca']],
  ])('%j add %j', async (words, roles) => {
    const { added } = await add(await copiedPki(), ...words)
    expect(added.map(({ role }) => role)).toEqual(roles)
  })
})
