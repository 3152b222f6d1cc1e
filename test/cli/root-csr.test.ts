import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { thisMachine } from '../../src/machine/index.js'
import { createRootCsr, createRootCsrResult } from '../../src/operations/create/root-csr.js'
import { durableFiles } from '../../src/storage/files.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'
import { type Home, newHome, output } from '../support/cli.js'
import { newCompany } from '../support/company.js'
import { createUpTo, holdFactory } from './interruption.js'
import { copiedPki } from './made.js'
import { expectRefusal, expectWords } from './refusal.js'
import { modes, snapshot } from './snapshot.js'

const PASSPHRASE = 'correct horse battery'
const ENCRYPTED = { env: { FPKI_PASSPHRASE: PASSPHRASE } }
const SILENT = { step: () => undefined, note: () => undefined, warn: () => undefined }

/** A directory with the key and the request of `ca root-csr`. */
async function withCsr(
  words: readonly string[] = [],
  start = {},
): Promise<{ home: Home; directory: string; csr: string }> {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  const { status, stderr } = await home.fpki(['ca', 'root-csr', directory, ...words], start)
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  return { home, directory, csr: join(directory, 'factory_ca.csr') }
}

async function expectVerified(directory: string): Promise<void> {
  const issued = ['tls-crt', 'online-crt', 'local-ca.pem'].map((name) => join(directory, name))
  const root = ['-partial_chain', '-CAfile', join(directory, 'factory_ca.pem')]
  await output('openssl', ['verify', '-x509_strict', ...root, ...issued])
}

describe('ca root-csr', () => {
  test('creates a key and a CSR for a CA', async () => {
    const { directory, csr } = await withCsr()
    const text = await output('openssl', [
      'req',
      '-in',
      csr,
      '-noout',
      '-verify',
      '-text',
      '-nameopt',
      'sname,sep_multiline',
    ])
    expect(text).toMatch(/CN=Factory-CA\s+OU=acme\s/)
    expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\s/)
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE\s/)
    const structure = await output('openssl', ['asn1parse', '-in', csr])
    expect(structure.match(/UTF8STRING/g)).toHaveLength(2)
    const key = join(directory, 'factory_ca.key')
    expect(await output('openssl', ['req', '-in', csr, '-noout', '-pubkey'])).toBe(
      await output('openssl', ['pkey', '-in', key, '-pubout']),
    )
    expect(await modes(directory)).toMatchObject({
      'factory_ca.key': 'file 400',
      'factory_ca.csr': 'file 400',
      '.fpki': 'directory 700',
    })
  })

  test('contacts no Factory API, and prints one JSON document', async () => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    const { stdout } = await home.fpki(['ca', 'root-csr', directory, '--json'])
    const made = createRootCsrResult.parse(JSON.parse(stdout))
    expect(made).toMatchObject({ factory: 'acme', directory, subject: 'CN=Factory-CA, OU=acme' })
    expect(made.csr).toBe(await readFile(made.csrFile, 'utf8'))
    expect(await snapshot(home.path)).not.toHaveProperty(['.local'])
  })

  test('prints the same CSR again without changes', async () => {
    const { home, directory, csr } = await withCsr()
    const before = await snapshot(directory)
    const out = join(home.path, 'copy.csr')
    const again = await home.fpki(['ca', 'root-csr', directory, '--out', '-'])
    expect(again.stdout).toBe(await readFile(csr, 'utf8'))
    for (let times = 0; times < 2; times++) {
      expect((await home.fpki(['ca', 'root-csr', directory, '--out', out])).status).toBe(0)
      expect(await readFile(out, 'utf8')).toBe(again.stdout)
    }
    expect(await snapshot(directory)).toEqual(before)
  })

  test('recreates a lost CSR for the same key', async () => {
    const { home, directory, csr } = await withCsr()
    const key = await readFile(join(directory, 'factory_ca.key'), 'utf8')
    await rm(csr)
    expect((await home.fpki(['ca', 'root-csr', directory])).status).toBe(0)
    expect(await readFile(join(directory, 'factory_ca.key'), 'utf8')).toBe(key)
    expect(await output('openssl', ['req', '-in', csr, '-noout', '-pubkey'])).toBe(
      await output('openssl', ['pkey', '-pubout'], { stdin: key }),
    )
  })

  test('does not replace a lost key', async () => {
    const { home, directory, csr } = await withCsr()
    await rm(join(directory, 'factory_ca.key'))
    const refusal = { status: 6, code: 'ERR_BAD_KEY', names: ['factory_ca.key is missing'] }
    expectWords(await home.fpki(['ca', 'root-csr', directory]), refusal)
    await rm(csr)
    expect((await home.fpki(['ca', 'root-csr', directory])).status).toBe(6)
  })

  test('encrypts the key with --encrypt-keys, and needs the passphrase again', async () => {
    const { home, directory } = await withCsr(['--encrypt-keys'], ENCRYPTED)
    const key = join(directory, 'factory_ca.key')
    expect(await readFile(key, 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
    const words = ['ca', 'root-csr', directory, '--encrypt-keys']
    const wrong = { env: { FPKI_PASSPHRASE: 'another horse' } }
    await expectRefusal(home, words, { status: 6, code: 'ERR_PASSPHRASE', names: ['Wrong passphrase for', key] }, wrong)
    expect((await home.fpki(words, ENCRYPTED)).status).toBe(0)
  })

  test('refuses an existing PKI, an existing file and changed options', async () => {
    const made = await copiedPki()
    const exists = { status: 3, code: 'ERR_EXISTS', names: ['already contains a PKI'] }
    await expectRefusal(made.home, ['ca', 'root-csr', made.directory], exists)
    const { home, directory } = await withCsr()
    const other = { status: 3, code: 'ERR_UNFINISHED', names: ['--factory acme'] }
    await expectRefusal(home, ['ca', 'root-csr', directory, '--factory', 'bolt'], other)
    await writeFile(join(home.path, 'taken'), 'something')
    const taken = { status: 3, code: 'ERR_EXISTS', names: ['taken already exists'] }
    // Not two at once: it is found behind the lock.
    expectWords(await home.fpki(['ca', 'root-csr', directory, '--out', join(home.path, 'taken')]), taken)
    expect(await readFile(join(home.path, 'taken'), 'utf8')).toBe('something')
    const unnamed = { status: 2, code: 'ERR_USAGE', names: ['--key-type requires an HSM'] }
    await expectRefusal(home, ['ca', 'root-csr', join(home.path, 'x'), '--key-type', 'P-384'], unnamed)
    const both = await home.fpki(['ca', 'root-csr', directory, '--json', '--out', '-'])
    expect({ status: both.status, code: JSON.parse(both.stdout).error.code }).toEqual({ status: 2, code: 'ERR_USAGE' })
  })

  test('does not overwrite a CSR of another key', async () => {
    const { csr } = await withCsr()
    const home = await newHome()
    const directory = join(home.path, 'acme')
    await mkdir(directory, { mode: 0o700 })
    await copyFile(csr, join(directory, 'factory_ca.csr'))
    const { status, stderr } = await home.fpki(['ca', 'root-csr', directory])
    expect({ status, code: stderr.includes('[ERR_EXISTS]') }).toEqual({ status: 3, code: true })
    expect(await readFile(join(directory, 'factory_ca.csr'), 'utf8')).toBe(await readFile(csr, 'utf8'))
  })

  test('is finished with one key after an interruption at any write', async () => {
    const stopped = new Error('stopped here')
    const { signal } = new AbortController()
    for (let at = 1; ; at++) {
      const home = await newHome()
      const directory = join(home.path, 'acme')
      let left = at
      const disk = nodeFileSystem()
      const orStop = async <T>(work: Promise<T>) => {
        const done = await work
        if (left-- <= 1) throw stopped
        return done
      }
      const files = durableFiles({
        ...disk,
        rename: (from, to) => orStop(disk.rename(from, to)),
        link: (from, to) => orStop(disk.link(from, to)),
      })
      const options = { directory, factory: 'acme', api: 'none', root: { kind: 'new-file' } } as const
      const outcome = await createRootCsr(options, {
        ...thisMachine(),
        files,
        progress: SILENT,
        signal,
        openApi: async () => ({ name: 'none', getCertificates: async () => null }),
      }).catch((error: unknown) => error)
      if (outcome !== stopped) {
        expect(at).toBeGreaterThan(7)
        break
      }
      const key = await readFile(join(directory, 'factory_ca.key'), 'utf8').catch(() => null)
      expect((await home.fpki(['ca', 'root-csr', directory])).status).toBe(0)
      const now = await readFile(join(directory, 'factory_ca.key'), 'utf8')
      if (key !== null) expect(now).toBe(key)
      const pubkey = await output('openssl', ['req', '-in', join(directory, 'factory_ca.csr'), '-noout', '-pubkey'])
      expect(pubkey).toBe(await output('openssl', ['pkey', '-pubout'], { stdin: now }))
    }
  })
})

describe('ca create after root-csr', () => {
  test.each([
    ['in the clear', [], {}],
    ['encrypted', ['--encrypt-keys'], ENCRYPTED],
  ])('accepts the certificate signed by the company, with the key %s', async (_, words, start) => {
    const { home, directory, csr } = await withCsr(words, start)
    const key = await readFile(join(directory, 'factory_ca.key'), 'utf8')
    const company = await newCompany()
    const certificate = await company.sign({ csr })
    const create = ['ca', 'create', directory, '--root-cert', certificate, ...words]
    const { status, stderr } = await home.fpki(create, start)
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    expect(await readFile(join(directory, 'factory_ca.key'), 'utf8')).toBe(key)
    await expectVerified(directory)
    const local = await readFile(join(directory, 'local-ca.key'), 'utf8')
    expect(local.includes('ENCRYPTED')).toBe(words.length > 0)
    const exists = { status: 3, code: 'ERR_EXISTS', names: ['already contains a PKI'] }
    await expectRefusal(home, create, exists, start)
    await expectRefusal(home, ['ca', 'root-csr', directory], exists, start)
  })

  test('accepts a certificate in the directory', async () => {
    const { home, directory, csr } = await withCsr()
    const certificate = join(directory, 'factory_ca.pem')
    await copyFile(await (await newCompany()).sign({ csr }), certificate)
    expect((await home.fpki(['ca', 'create', directory, '--root-cert', certificate])).status).toBe(0)
    await expectVerified(directory)
  })

  test('refuses a missing certificate, one of another key, and another factory', async () => {
    const { home, directory, csr } = await withCsr()
    const company = await newCompany()
    const own = await company.sign({ csr })
    const other = await company.sign({ csr: (await withCsr()).csr })
    const create = ['ca', 'create', directory]
    const waits = { status: 3, code: 'ERR_UNFINISHED', names: ['is waiting for its certificate', '--root-cert'] }
    await expectRefusal(home, create, waits)
    const foreign = { status: 6, code: 'ERR_BAD_KEY', names: ['factory_ca.key is not the key of', other] }
    await expectRefusal(home, [...create, '--root-cert', other], foreign)
    const factory = { status: 3, code: 'ERR_UNFINISHED', names: ['created for the factory acme'] }
    await expectRefusal(home, [...create, '--root-cert', own, '--factory', 'bolt'], factory)
    const clear = {
      status: 3,
      code: 'ERR_EXISTS',
      names: ['factory_ca.key already exists, and is not encrypted', '(--encrypt-keys)'],
    }
    await expectRefusal(home, [...create, '--root-cert', own, '--encrypt-keys'], clear, ENCRYPTED)
  })

  test('requires --encrypt-keys for local-ca when the root key is encrypted, and nothing without local-ca', async () => {
    const { home, directory, csr } = await withCsr(['--encrypt-keys'], ENCRYPTED)
    const certificate = await (await newCompany()).sign({ csr })
    const words = ['ca', 'create', directory, '--root-cert', certificate]
    const refusal = {
      status: 3,
      code: 'ERR_UNFINISHED',
      names: ['is encrypted', 'Encrypt the key of local-ca too (--encrypt-keys)'],
    }
    await expectRefusal(home, words, refusal, ENCRYPTED)
    expect((await home.fpki([...words, '--no-local-ca'], ENCRYPTED)).status).toBe(0)
    expect(await readFile(join(directory, 'factory_ca.key'), 'utf8')).toContain('ENCRYPTED')
  })

  test.each([
    ['elsewhere', false],
    ['in the directory', true],
  ])('interrupted and abandoned, leaves the key, the CSR and an existing certificate (%s)', async (_, inside) => {
    const { home, directory, csr } = await withCsr()
    const signed = await (await newCompany()).sign({ csr })
    const certificate = inside ? join(directory, 'factory_ca.pem') : signed
    if (inside) await copyFile(signed, certificate)
    const before = await snapshot(directory)
    const create = ['ca', 'create', directory, '--root-cert', certificate]
    const release = await holdFactory(home, 'acme')
    const waiting = await createUpTo('requests', { home, directory, words: create.slice(3) })
    waiting.kill('SIGKILL')
    await waiting.ended
    await release()
    const { status, stdout } = await home.fpki(['ca', 'abandon', directory, '--yes', '--json'])
    // No certificate is written before all of them are signed.
    expect({ status, files: JSON.parse(stdout).files }).toEqual({ status: 0, files: ['local-ca.key'] })
    const after = await snapshot(directory)
    const live = (all: typeof before) => Object.entries(all).filter(([name]) => !name.includes('.fpki'))
    expect(live(after)).toEqual(live(before))
    const again = await home.fpki(['ca', 'root-csr', directory, '--out', '-'])
    expect(again).toMatchObject({ status: 0, stdout: await readFile(csr, 'utf8') })
    const waits = { status: 3, code: 'ERR_UNFINISHED', names: ['is waiting for its certificate'] }
    await expectRefusal(home, ['ca', 'create', directory], waits)
    expect((await home.fpki([...create, '--quiet'])).status).toBe(0)
    await expectVerified(directory)
    expect((await home.fpki(['ca', 'log', 'verify', directory])).status).toBe(0)
  })

  test('continues with the same key after an interruption', async () => {
    const { home, directory, csr } = await withCsr()
    const key = await readFile(join(directory, 'factory_ca.key'), 'utf8')
    const words = ['--root-cert', await (await newCompany()).sign({ csr })]
    const release = await holdFactory(home, 'acme')
    const waiting = await createUpTo('requests', { home, directory, words })
    waiting.kill('SIGKILL')
    await waiting.ended
    await release()
    const { status, stderr } = await home.fpki(['ca', 'create', directory, ...words])
    expect({ status, says: stderr.includes('Resuming the') }).toEqual({ status: 0, says: true })
    expect(await readFile(join(directory, 'factory_ca.key'), 'utf8')).toBe(key)
    await expectVerified(directory)
  })
})
