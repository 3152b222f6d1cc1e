import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { main } from '../../src/cli/program.js'
import type { Ended, Home } from '../support/cli.js'
import { DAMAGES, encryptedPem, type KeyParts, partsOf, pkcs8Pem, sec1Pem } from '../support/damaged-key.js'
import { exchanged, forge } from '../support/forged-backup.js'
import { copiedPki, type Made } from './made.js'
import { silentIo } from './silent-io.js'
import { snapshotButAuditLog } from './snapshot.js'

const PASSPHRASE = 'zebra quokka vole'
const FORMS: Readonly<Record<string, (parts: KeyParts) => string>> = {
  SEC1: sec1Pem,
  'PKCS#8': pkcs8Pem,
  'encrypted PKCS#8': (parts) => encryptedPem(parts, PASSPHRASE),
}
/** test/signer/damaged-keys.test.ts has every damage in every form and on every curve. */
const TABLE = [
  ...Object.keys(DAMAGES).map((damage) => [damage, 'SEC1'] as const),
  ...['PKCS#8', 'encrypted PKCS#8'].map((form) => ['a flipped bit in the scalar', form] as const),
  ['a scalar equal to the order', 'encrypted PKCS#8'] as const,
]

/** Runs fpki in this process. */
async function run(home: Home, words: readonly string[], env: object = {}): Promise<Omit<Ended, 'signal'>> {
  const [stdout, stderr]: [string[], string[]] = [[], []]
  const io = {
    ...silentIo((text) => stdout.push(text)),
    stderr: (text: string) => stderr.push(text),
    env: { HOME: home.path, FPKI_PASSPHRASE: PASSPHRASE, ...env },
    home: home.path,
  }
  const status = await main(words, io)
  return { status, stdout: stdout.join(''), stderr: stderr.join('') }
}

/** Damages a key file. */
async function damage(path: string, [name, form]: readonly [string, string]): Promise<void> {
  const parts = partsOf(await readFile(path, 'utf8'))
  const pem = (FORMS[form] ?? sec1Pem)((DAMAGES[name] ?? ((same: KeyParts) => same))(parts))
  await writeFile(path, pem)
}

async function expectBadKey(home: Home, words: readonly string[], key: string, env = {}): Promise<void> {
  const { status, stderr } = await run(home, words, env)
  expect({ words, status, stderr }).toEqual({ words, status: 6, stderr: expect.stringContaining('[ERR_BAD_KEY]') })
  expect(stderr).toContain(key)
}

async function findingsOf(home: Home, words: readonly string[]) {
  const { status, stdout } = await run(home, ['ca', 'verify', '--json', '--offline', ...words])
  const { findings } = JSON.parse(stdout) as { findings: { status: string; code: string; file: string | null }[] }
  return { status, failures: findings.filter((one) => one.status === 'failure').map(({ code }) => code) }
}

/** Every command that opens the root key; `out` is a new path. */
const OF_ROOT: readonly ((pki: Made, out: string) => readonly string[])[] = [
  ({ directory }, out) => ['ca', 'paper', directory, '--plain', '--out', out],
  ({ directory }, out) => ['ca', 'paper', directory, '--shares', '2/3', '--out', out],
  ({ directory }, out) => ['ca', 'backup', directory, '--out', out],
  ({ directory }) => ['ca', 'rotate-tls', directory],
  ({ directory }) => ['ca', 'add-device-ca', directory, '--online-ca'],
  ({ directory }) => ['ca', 'add-device-ca', directory, '--local-ca', '--local-ca-filename', 'site-b.pem'],
  ({ directory }) => ['ca', 'disable-device-ca', directory, '--ca-file', 'local-ca.pem'],
  ({ directory }) => ['ca', 'revoke-device-ca', directory, '--ca-file', 'local-ca.pem', '--yes'],
  ({ directory }) => ['ca', 'revoke-device-ca', directory, '--ca-file', 'local-ca.pem', '--dry-run'],
  ({ directory }) => ['est', 'authorize', directory],
  ({ directory, home }) => ['ca', 'sign', join(home.path, 'gateway.csr'), '--pki-dir', directory],
  ({ directory }) => ['ca', 'import-root', directory, '--hsm-module', '/nowhere.so', '--hsm-token-label', 'acme'],
]

describe.each(TABLE)('with %s in %s', (...how) => {
  test('factory_ca.key stops every command with ERR_BAD_KEY, and verify reports it', async () => {
    const pki = await copiedPki()
    const { home, directory, path } = pki
    await writeFile(join(home.path, 'gateway.csr'), await tlsRequest(pki))
    await damage(path('factory_ca.key'), how)
    const before = await snapshotButAuditLog(home.path)
    for (const [at, words] of OF_ROOT.entries()) {
      await expectBadKey(home, words(pki, join(home.path, `out-${at}`)), 'factory_ca.key')
    }
    const [certificate, key] = [path('factory_ca.pem'), path('factory_ca.key')]
    const create = ['ca', 'create', join(home.path, 'new'), '--root-cert', certificate, '--root-key', key]
    const otherState = { FPKI_STATE_DIR: join(home.path, 'state') }
    await expectBadKey(home, [...create, '--factory', 'acme'], 'factory_ca.key', otherState)
    expect(await snapshotButAuditLog(home.path)).toEqual(before)
    const { status, failures } = await findingsOf(home, [directory])
    expect({ status, failures }).toEqual({ status: 6, failures: expect.arrayContaining(['root-key.unusable']) })
  })

  test('local-ca.key is not exported, and verify reports it', async () => {
    const { home, directory, path } = await copiedPki()
    await damage(path('local-ca.key'), how)
    const out = join(home.path, 'local-ca.p12')
    await expectBadKey(home, ['ca', 'export', directory, '--p12', 'local-ca', '--out', out], 'local-ca.key')
    // Without the root key, nobody is asked for a passphrase.
    const skip = how[1].startsWith('encrypted') ? [] : ['--skip-root-key']
    const { status, failures } = await findingsOf(home, [directory, ...skip])
    expect({ status, failures }).toEqual({ status: 6, failures: expect.arrayContaining(['keys.broken']) })
  })
})

const FEW = ['a flipped bit in the scalar', 'a scalar equal to the order', 'the point at infinity']

describe.each(FEW.map((damage) => [damage, 'SEC1'] as const))('with %s in %s', (...how) => {
  test('local-ca.key is backed up with a warning', async () => {
    const { home, directory, path } = await copiedPki()
    const whole = await run(home, ['ca', 'backup', directory, '--out', join(home.path, 'whole.backup')])
    expect(whole).toMatchObject({ status: 0, stderr: expect.not.stringContaining('local-ca.key') })
    await damage(path('local-ca.key'), how)
    const file = join(home.path, 'acme.backup')
    const { status, stdout, stderr } = await run(home, ['ca', 'backup', directory, '--out', file, '--json'])
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(/^warning: local-ca\.key is damaged/m),
    })
    expect(JSON.parse(stdout).warnings).toEqual([expect.stringContaining('It is backed up as it is.')])
  })

  test('the keys of the embedded Factory API are neither exported nor used', async () => {
    const { home, directory } = await copiedPki()
    const keys = join(home.state, 'factories', 'acme', 'keys')
    const whole = await readFile(join(keys, 'tls-1.key'), 'utf8')
    await damage(join(keys, 'tls-1.key'), how)
    await expectBadKey(home, ['api', 'export-gateway', 'acme', join(home.path, 'gateway')], 'tls-1.key')
    // A key that an interrupted request left.
    await writeFile(join(keys, 'tls-2.key'), whole, { mode: 0o600 })
    await damage(join(keys, 'tls-2.key'), how)
    await expectBadKey(home, ['ca', 'rotate-tls', directory], 'tls-2.key')
  })

  test('a root key in a backup is not restored', async () => {
    const { home, directory, path } = await copiedPki()
    const file = join(home.path, 'acme.backup')
    expect((await run(home, ['ca', 'backup', directory, '--out', file])).status).toBe(0)
    await damage(path('factory_ca.key'), how)
    const damaged = await readFile(path('factory_ca.key'))
    await forge(file, PASSPHRASE, (entries) => ({ entries: exchanged(entries, 'pki/factory_ca.key', damaged) }))
    await expectBadKey(home, ['ca', 'backup', '--check', file], 'factory_ca.key')
    await expectBadKey(home, ['ca', 'restore', file, join(home.path, 'again')], 'factory_ca.key')
  })
})

/** A request for a TLS server, which the embedded API made. */
async function tlsRequest({ stateFile }: Made): Promise<string> {
  const { csrs } = JSON.parse(await readFile(stateFile, 'utf8')) as { csrs: { kind: string; csr: string }[] }
  return csrs.find(({ kind }) => kind === 'tls')?.csr ?? ''
}
