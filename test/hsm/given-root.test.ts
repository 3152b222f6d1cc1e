import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { createUpTo, holdFactory } from '../cli/interruption.js'
import { x509 } from '../cli/made.js'
import { expectRefusal } from '../cli/refusal.js'
import { namesBelow } from '../cli/snapshot.js'
import { output } from '../support/cli.js'
import { newCompany, selfSigned } from '../support/company.js'
import { choiceOf, homeWith, PIN, pkcs11Tool, softHsm, TOKENS } from '../support/token.js'

const FIXTURES = fileURLToPath(new URL('../fixtures/openssl', import.meta.url))
const PASSPHRASE = 'correct horse battery'

async function expectVerified(directory: string): Promise<void> {
  const issued = ['tls-crt', 'online-crt', 'local-ca.pem'].map((name) => join(directory, name))
  const root = ['-partial_chain', '-CAfile', join(directory, 'factory_ca.pem')]
  await output('openssl', ['verify', '-x509_strict', ...root, ...issued])
}

describe.each(TOKENS)('a root key in %s', (_, newToken) => {
  test('whose CSR a company CA has signed becomes a PKI, from the records of the directory', async () => {
    const token = await newToken()
    const home = await homeWith(token)
    const directory = join(home.path, 'acme')
    const request = ['ca', 'root-csr', directory, '--out', '-', ...token.flags]
    const first = await home.fpki(request)
    expect({ status: first.status, stderr: first.status === 0 ? '' : first.stderr }).toEqual({ status: 0, stderr: '' })
    expect((await home.fpki(request)).stdout).toBe(first.stdout)
    const certificate = await (await newCompany()).sign({ csr: join(directory, 'factory_ca.csr') })
    const { status, stderr } = await home.fpki(['ca', 'create', directory, '--root-cert', certificate])
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    await expectVerified(directory)
    expect(await namesBelow(directory)).not.toContain('factory_ca.key')
    const state = JSON.parse(await readFile(join(directory, '.fpki', 'state.json'), 'utf8'))
    expect(state.rootKey).toMatchObject({ kind: 'pkcs11', tokenLabel: token.label })
  })
})

test.each([
  ['interrupted', false],
  ['interrupted and given up', true],
])('%s, it resumes from the records of the directory, and creates no second key', async (_, isGivenUp) => {
  const token = await softHsm()
  const home = await homeWith(token)
  const directory = join(home.path, 'acme')
  expect((await home.fpki(['ca', 'root-csr', directory, ...token.flags])).status).toBe(0)
  const words = ['--root-cert', await (await newCompany()).sign({ csr: join(directory, 'factory_ca.csr') })]
  const before = await pkcs11Tool(token, ['-O'])
  const release = await holdFactory(home, 'acme')
  const waiting = await createUpTo('requests', { home, directory, words })
  waiting.kill('SIGKILL')
  await waiting.ended
  await release()
  if (isGivenUp) expect((await home.fpki(['ca', 'abandon', directory, '--yes'])).status).toBe(0)
  const { status, stderr } = await home.fpki(['ca', 'create', directory, ...words])
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  await expectVerified(directory)
  expect(await pkcs11Tool(token, ['-O'])).toBe(before)
})

test('a key that is already in the token, with its certificate', async () => {
  const token = await softHsm()
  const home = await homeWith(token)
  const { folder, key, certificate } = await selfSigned()
  const der = join(folder, 'root.p8')
  await output('openssl', ['pkcs8', '-topk8', '-nocrypt', '-in', key, '-out', der])
  const where = ['--token', token.label, '--label', 'root-ca', '--id', '01', '--pin', PIN]
  await output('softhsm2-util', ['--import', der, ...where], { env: token.env })
  const create = ['ca', 'create', join(home.path, 'acme'), '--root-cert', certificate, ...token.flags]
  const other = await selfSigned()
  const wrong = create.map((word) => (word === certificate ? other.certificate : word))
  const foreign = await home.fpki(wrong)
  expect([5, 6]).toContain(foreign.status)
  expect(foreign.stderr).toMatch(/ERR_BAD_KEY|ERR_HSM_KEY/)
  expect(await namesBelow(home.path)).not.toContain('acme')
  const { status, stderr } = await home.fpki(create)
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  await expectVerified(join(home.path, 'acme'))
})

test('a token without the key is refused, and no key is created in it', async () => {
  const token = await softHsm()
  const home = await homeWith(token)
  const { certificate } = await selfSigned()
  const words = ['ca', 'create', join(home.path, 'acme'), '--root-cert', certificate, ...token.flags]
  const { status, stderr } = await home.fpki(words)
  expect({ status, code: stderr.includes('[ERR_HSM_KEY]') }).toEqual({ status: 5, code: true })
  expect(await namesBelow(home.path)).not.toContain('acme')
  expect(await pkcs11Tool(token, ['-O'])).not.toContain('root-ca')
})

test('--encrypt-keys encrypts local-ca.key, and is refused if there is no key file', async () => {
  const token = await softHsm()
  const home = await homeWith(token)
  const start = { env: { FPKI_PASSPHRASE: PASSPHRASE } }
  const words = ['ca', 'create', join(home.path, 'acme'), '--encrypt-keys', ...token.flags]
  const refusal = { status: 2, code: 'ERR_USAGE', names: ['--encrypt-keys requires a key file'] }
  await expectRefusal(home, [...words, '--local-ca-in-hsm'], refusal, start)
  await expectRefusal(home, [...words, '--no-local-ca'], refusal, start)
  expect((await home.fpki(words, start)).status).toBe(0)
  expect(await readFile(join(home.path, 'acme', 'local-ca.key'), 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY')
})

test.each(['encrypted-pbkdf2.key', 'encrypted-traditional.key', 'pkcs8-p256.key'])(
  'ca import-root imports a root key from elsewhere, %s',
  async (name) => {
    const token = await softHsm()
    const home = await homeWith(token)
    const directory = join(home.path, 'acme')
    const files = ['--root-cert', join(FIXTURES, 'root-p256.pem'), '--root-key', join(FIXTURES, name)]
    const start = { env: { FPKI_PASSPHRASE: PASSPHRASE } }
    expect((await home.fpki(['ca', 'create', directory, ...files], start)).status).toBe(0)
    const words = ['ca', 'import-root', directory, ...token.flags, '--remove-key']
    if (name.startsWith('encrypted')) {
      const wrong = await home.fpki(words, { env: { FPKI_PASSPHRASE: 'wrong' } })
      expect({ status: wrong.status, code: wrong.stderr.includes('ERR_PASSPHRASE') }).toEqual({ status: 6, code: true })
      expect(existsSync(join(directory, 'factory_ca.key'))).toBe(true)
    }
    const { status, stderr } = await home.fpki(words, start)
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    expect(existsSync(join(directory, 'factory_ca.key'))).toBe(false)
    choiceOf(token)
    const point = /EC_POINT:\s+(\w+)/.exec(await pkcs11Tool(token, ['-O', '--type', 'pubkey']))?.[1]
    const text = (await x509(join(FIXTURES, 'root-p256.pem'), '-text')).replace(/\s|:/g, '')
    expect(text).toContain(point?.slice(-128))
  },
)
