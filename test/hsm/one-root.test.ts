import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { embeddedFactoryOn, thisMachine } from '../../src/machine/index.js'
import { createPki } from '../../src/operations/create/create-pki.js'
import { CKA } from '../../src/signer/pkcs11/cryptoki.js'
import { x509 } from '../cli/made.js'
import { expectRefusal } from '../cli/refusal.js'
import { namesBelow } from '../cli/snapshot.js'
import { newHome, output } from '../support/cli.js'
import { differing } from '../support/cryptoki.js'
import { cutOffIn, editJournal } from '../support/journal.js'
import { choiceOf, homeWith, LOGIN, pkcs11Tool, softHsm, type TestToken } from '../support/token.js'

const NO_PIN = 'pkcs11:object=root-ca?pin-source=/nowhere'

/** A home with a token, and a `ca create` in it. */
async function scene(token?: TestToken) {
  const made = token ?? (await softHsm())
  const home = await homeWith(made)
  const directory = join(home.path, 'acme')
  return { token: made, home, directory, create: ['ca', 'create', directory, ...made.flags] }
}

/** Turns a finished `ca create` back to where `step` had just begun; what came after it is gone. */
async function cutOff(
  step: string,
  { home, directory }: Pick<Awaited<ReturnType<typeof scene>>, 'home' | 'directory'>,
) {
  await editJournal(directory, (journal) => cutOffIn(journal, step))
  for (const name of ['factory_ca.pem', 'tls-crt', 'online-crt', 'local-ca.key', 'local-ca.pem']) {
    await rm(join(directory, name), { force: true })
  }
  await rm(home.state, { recursive: true })
}

describe('an HSM option never results in a root key on the disk', () => {
  test.each([
    ['--hsm-uri', ['--hsm-uri', NO_PIN], {}],
    ['--hsm-init-args', ['--hsm-init-args', 'x'], {}],
    ['--hsm-allow-final-pin-try', ['--hsm-allow-final-pin-try'], {}],
    ['FPKI_HSM_URI', [], { FPKI_HSM_URI: NO_PIN }],
    ['FPKI_HSM_INIT_ARGS', [], { FPKI_HSM_INIT_ARGS: 'x' }],
  ])('%s alone', async (named, words, env) => {
    const home = await newHome()
    const { status, stderr } = await home.fpki(['ca', 'create', join(home.path, 'acme'), ...words], { env })
    expect({ status, named: stderr.includes(named) }).toEqual({ status: 2, named: true })
    expect(await namesBelow(home.path)).not.toContain('acme')
  })
})

test('the same command resumes only with the same token, even if another has its label', async () => {
  const first = await scene()
  expect((await first.home.fpki([...first.create, '--quiet'])).status).toBe(0)
  await cutOff('certificates', first)
  const other = await softHsm(first.token.label)
  const { status, stderr } = await first.home.fpki(first.create, { env: other.env })
  expect({ status, code: stderr.includes('ERR_HSM_TOKEN') }).toEqual({ status: 5, code: true })
  expect(await namesBelow(first.directory)).not.toContain('factory_ca.pem')
})

test('a key that was replaced in the token does not sign', async () => {
  const { home, directory, create, token } = await scene()
  expect((await home.fpki([...create, '--quiet'])).status).toBe(0)
  await cutOff('certificates', { home, directory })
  for (const type of ['privkey', 'pubkey']) {
    await pkcs11Tool(token, ['--delete-object', '--type', type, '--label', 'root-ca'])
  }
  const pair = ['--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'root-ca', '--id', '01']
  await pkcs11Tool(token, pair)
  const { status, stderr } = await home.fpki(create)
  expect({ status, code: stderr.includes('ERR_BAD_KEY') }).toEqual({ status: 6, code: true })
})

test('a key from elsewhere that appeared while create ran is not used by the next run', async () => {
  const { home, directory, create, token } = await scene()
  expect((await home.fpki([...create, '--quiet'])).status).toBe(0)
  const second = ['ca', 'create', join(home.path, 'second'), ...token.flags]
  for (const _ of ['first', 'again']) {
    await expectRefusal(home, second, { status: 3, code: 'ERR_EXISTS', names: ['root-ca'] })
  }
  expect(await x509(join(directory, 'factory_ca.pem'), '-subject')).toContain('acme')
})

test('an extractable key is refused, removed, and not used by the next run', async () => {
  const choice = choiceOf(await softHsm())
  const home = await newHome()
  const machine = thisMachine()
  const { signal } = new AbortController()
  const api = embeddedFactoryOn({ stateDirectory: home.state, factory: 'acme' }, { ...machine, signal })
  const directory = join(home.path, 'acme')
  const root = { kind: 'new-token', hsm: choice } as const
  const localCa = { kind: 'file' } as const
  const options = { directory, factory: 'acme', onlineCa: true, tlsNames: [], root, localCa }
  const progress = { step: () => undefined, note: () => undefined, warn: () => undefined }
  const { make } = differing({ attributes: { [CKA.extractable]: () => Buffer.of(1) } })
  const ports = { ...machine, api, progress, signal, login: LOGIN, makeCryptoki: make }
  for (const _ of ['first', 'again']) {
    await expect(createPki(options, ports)).rejects.toMatchObject({ code: 'ERR_HSM_KEY' })
  }
  expect(await namesBelow(directory)).not.toContain('factory_ca.pem')
})

describe('half a key, left by an interrupted generation', () => {
  test('a public one is removed, and the key is generated', async () => {
    const { home, directory, create, token } = await scene()
    expect((await home.fpki([...create, '--quiet'])).status).toBe(0)
    await cutOff('keys', { home, directory })
    await pkcs11Tool(token, ['--delete-object', '--type', 'privkey', '--label', 'root-ca'])
    expect((await home.fpki([...create, '--quiet'])).status).toBe(0)
    const words = ['verify', '-CAfile', join(directory, 'factory_ca.pem'), join(directory, 'tls-crt')]
    expect(await output('openssl', words)).toContain('OK')
  })

  test('a private one stays, and the message says how to delete it', async () => {
    const { home, directory, create, token } = await scene()
    expect((await home.fpki([...create, '--quiet'])).status).toBe(0)
    await cutOff('keys', { home, directory })
    await pkcs11Tool(token, ['--delete-object', '--type', 'pubkey', '--label', 'root-ca'])
    const { status, stderr } = await home.fpki(create)
    expect({ status, says: stderr.includes('--delete-object --type privkey') }).toEqual({ status: 5, says: true })
    expect(await pkcs11Tool(token, ['--list-objects', '--type', 'privkey'])).toContain('root-ca')
  })
})

test.each([
  ['under the label of the root key', ['--local-ca-in-hsm', '--hsm-uri', 'pkcs11:object=local-ca;id=%02']],
  ['where there is to be none', ['--local-ca-in-hsm', '--no-local-ca']],
])('local-ca is not created in the token %s', async (_, words) => {
  const { home, create } = await scene()
  const { status, stderr } = await home.fpki([...create, ...words])
  expect({ status, code: stderr.includes('ERR_USAGE') }).toEqual({ status: 2, code: true })
  expect(await namesBelow(home.path)).not.toContain('acme')
})

test('import-root adopts no extractable key', async () => {
  const token = await softHsm()
  const home = await homeWith(token)
  const directory = join(home.path, 'acme')
  expect((await home.fpki(['ca', 'create', directory, '--quiet'])).status).toBe(0)
  const der = join(home.path, 'k.der')
  await output('openssl', ['pkey', '-in', join(directory, 'factory_ca.key'), '-outform', 'DER', '-out', der])
  const words = ['--write-object', der, '--type', 'privkey', '--label', 'root-ca', '--id', '01', '--usage-sign']
  await pkcs11Tool(token, [...words, '--extractable'])
  const { status } = await home.fpki(['ca', 'import-root', directory, ...token.flags, '--remove-key'])
  expect(status).toBe(5)
  expect(await readFile(join(directory, 'factory_ca.key'), 'utf8')).toContain('PRIVATE KEY')
})
