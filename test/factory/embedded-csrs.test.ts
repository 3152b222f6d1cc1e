import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Csrs } from '../../src/factory/api.js'
import { opensslKey } from '../pki/support/openssl-csr.js'
import { output, runProgram } from '../support/cli.js'
import { newRoot } from '../support/issue.js'
import { csrOf, filesIn, newFactory, newFactoryWithRoot, pemOf, signed } from './support/embedded.js'

/** Subject and names of a request, when OpenSSL finds its signature good. */
async function read(csr: string): Promise<{ readonly subject: string; readonly names: string | null }> {
  const options = 'sep_comma_plus_space,show_type,sname,utf8'
  const words = ['req', '-verify', '-noout', '-text', '-nameopt', options]
  const { status, stdout, stderr } = await runProgram('openssl', words, { stdin: csr })
  expect([status, stderr]).toEqual([0, expect.stringContaining('verify OK')])
  const [, subject = ''] = /Subject: (.*)/.exec(stdout) ?? []
  const [, names = null] = /Subject Alternative Name: \n +(.*)/.exec(stdout) ?? []
  return { subject, names }
}

function publicKeyOf(csr: string): Promise<string> {
  return output('openssl', ['req', '-noout', '-pubkey'], { stdin: csr })
}

describe('a request', () => {
  test('is created for each requested kind, and no other', async () => {
    const { api } = await newFactory()
    const kinds = async (order: Promise<Csrs>) => Object.keys(await order)
    expect(await kinds(api.requestCsrs({ firstTimeInit: true, kinds: ['tls'] }))).toEqual(['tls'])
    expect(await kinds(api.requestCsrs({ firstTimeInit: false, kinds: ['ca', 'estTls'] }))).toEqual(['ca', 'estTls'])
    expect(await kinds(api.requestCsrs({ firstTimeInit: false, kinds: [] }))).toEqual([])
  })

  test('is signed by its key, and has CN and OU as UTF8String and the default names', async () => {
    const { api } = await newFactory()
    const subject = (name: string) => `CN=UTF8STRING:${name}, OU=UTF8STRING:acme`
    const names = 'DNS:acme.localhost, DNS:localhost'
    expect(await read(await csrOf(api, 'tls'))).toEqual({ subject: subject('acme.localhost'), names })
    expect(await read(await csrOf(api, 'estTls'))).toEqual({ subject: subject('acme.localhost'), names })
    expect(await read(await csrOf(api, 'ca'))).toEqual({ subject: subject('online-ca'), names: null })
  })

  test('contains the configured names, with the first that fits as its CN', async () => {
    const long = `${'a'.repeat(60)}.example`
    const { api } = await newFactory([long, 'gateway.example', '*.ostree.example'])
    expect(await read(await csrOf(api, 'tls'))).toEqual({
      subject: 'CN=UTF8STRING:gateway.example, OU=UTF8STRING:acme',
      names: `DNS:${long}, DNS:gateway.example, DNS:*.ostree.example`,
    })
    expect((await read(await csrOf(api, 'ca'))).names).toBeNull()
    const others = await newFactory([long])
    expect((await read(await csrOf(others.api, 'tls'))).subject).toBe(
      'CN=UTF8STRING:device-gateway, OU=UTF8STRING:acme',
    )
  })

  test('omits a default name that is not valid in DNS', async () => {
    const factory = await newFactory()
    expect((await read(await csrOf(factory.again({ factory: '.acme.' }), 'tls'))).names).toBe('DNS:localhost')
    expect((await read(await csrOf(factory.again({ factory: 'ACME_1' }), 'tls'))).names).toBe(
      'DNS:acme_1.localhost, DNS:localhost',
    )
  })

  test('is returned again until certified, then replaced by one with a new key', async () => {
    const { api, root } = await newFactoryWithRoot()
    for (const kind of ['tls', 'ca', 'estTls'] as const) {
      const csr = await csrOf(api, kind)
      expect(await csrOf(api, kind)).toBe(csr)
    }
    const csr = await csrOf(api, 'tls')
    await api.updateCertificates({ tlsCrt: await signed(csr, 'tls', root) })
    const next = await csrOf(api, 'tls')
    expect(await publicKeyOf(next)).not.toBe(await publicKeyOf(csr))
    expect(await csrOf(api, 'tls')).toBe(next)
  })

  test('for a device CA is returned again until certified, too', async () => {
    const { api, root } = await newFactoryWithRoot()
    const csr = await csrOf(api, 'ca')
    await api.updateCertificates({ tlsCrt: await signed(await csrOf(api, 'tls'), 'tls', root) })
    expect(await csrOf(api, 'ca')).toBe(csr)
    await api.updateCertificates({ caCrt: await signed(csr, 'ca', root) })
    expect(await csrOf(api, 'ca')).not.toBe(csr)
  })

  test('is a new one for other names', async () => {
    const factory = await newFactory(['a.example'])
    const csr = await csrOf(factory.api, 'tls')
    const other = await csrOf(factory.again({ tlsNames: ['b.example'] }), 'tls')
    expect((await read(other)).names).toBe('DNS:b.example')
    expect(await publicKeyOf(other)).not.toBe(await publicKeyOf(csr))
  })

  test('that was superseded may still be certified', async () => {
    const factory = await newFactoryWithRoot()
    const csr = await csrOf(factory.again({ tlsNames: ['a.example'] }), 'tls')
    await csrOf(factory.again({ tlsNames: ['b.example'] }), 'tls')
    await factory.api.updateCertificates({ tlsCrt: await signed(csr, 'tls', factory.root) })
    expect((await factory.api.getCertificates())?.tlsCrt).not.toBeNull()
  })
})

describe('the first time', () => {
  test('may be requested again while the root is not set', async () => {
    const { api } = await newFactory()
    const order = { firstTimeInit: true, kinds: ['tls', 'ca'] } as const
    expect(await api.requestCsrs(order)).toEqual(await api.requestCsrs(order))
  })

  test('is over when the root is set (409), and no key is generated', async () => {
    const factory = await newFactory()
    await factory.api.updateCertificates({ rootCrt: pemOf((await newRoot()).certificate) })
    const before = await filesIn(factory.folder)
    await expect(factory.api.requestCsrs({ firstTimeInit: true, kinds: ['tls'] })).rejects.toMatchObject({
      code: 'ERR_API',
      status: 409,
      message: expect.stringContaining('already initialized'),
    })
    expect(await filesIn(factory.folder)).toEqual(before)
    await factory.api.requestCsrs({ firstTimeInit: false, kinds: ['tls'] })
  })
})

describe('the key of a request', () => {
  test('is in its own file with mode 0600, and nowhere else', async () => {
    const { api, folder } = await newFactory()
    const csrs = await api.requestCsrs({ firstTimeInit: true, kinds: ['tls', 'ca', 'estTls'] })
    const files = await filesIn(folder)
    expect(Object.keys(files).toSorted()).toEqual(
      ['factory.json', 'keys/ca-1.key', 'keys/estTls-1.key', 'keys/tls-1.key', 'lock'].toSorted(),
    )
    for (const kind of ['tls', 'ca', 'estTls'] as const) {
      const path = join('keys', `${kind}-1.key`)
      expect(files[path]).toMatch(/^600 -----BEGIN EC PRIVATE KEY-----\n/)
      const ofKey = await output('openssl', ['ec', '-in', join(folder, path), '-pubout'])
      expect(ofKey).toBe(await publicKeyOf(csrs[kind] ?? ''))
    }
    expect(files['factory.json']).toMatch(/^600 \{/)
    expect(files['factory.json']).not.toContain('PRIVATE KEY')
  })

  test('is kept when the next one is generated', async () => {
    const { api, folder, root } = await newFactoryWithRoot()
    const csr = await csrOf(api, 'tls')
    const first = await readFile(join(folder, 'keys', 'tls-1.key'), 'utf8')
    await api.updateCertificates({ tlsCrt: await signed(csr, 'tls', root) })
    await csrOf(api, 'tls')
    expect(await readFile(join(folder, 'keys', 'tls-1.key'), 'utf8')).toBe(first)
    expect(await readFile(join(folder, 'keys', 'tls-2.key'), 'utf8')).not.toBe(first)
  })

  test('is the one that an interrupted call left, when there is one', async () => {
    const { api, folder } = await newFactory()
    const key = await opensslKey('P-256')
    await mkdir(join(folder, 'keys'), { recursive: true, mode: 0o700 })
    await writeFile(join(folder, 'keys', 'tls-1.key'), key, { mode: 0o600 })
    const csr = await csrOf(api, 'tls')
    expect(await publicKeyOf(csr)).toBe(await output('openssl', ['pkey', '-pubout'], { stdin: key }))
    expect(await readFile(join(folder, 'keys', 'tls-1.key'), 'utf8')).toBe(key)
  })

  test('that is damaged is an error that names its file without quoting it', async () => {
    const { api, folder } = await newFactory()
    await api.getUser()
    const key = await opensslKey('P-256')
    const [, secret = ''] = key.split('\n')
    await writeFile(join(folder, 'keys', 'tls-1.key'), key.slice(0, 100), { mode: 0o600 })
    const refused = expect(api.requestCsrs({ firstTimeInit: true, kinds: ['tls'] })).rejects
    await refused.toMatchObject({
      code: 'ERR_BAD_KEY',
      message: expect.stringMatching(/keys\/tls-1\.key contains a malformed PEM block\.$/),
    })
    await expect(api.requestCsrs({ firstTimeInit: true, kinds: ['tls'] })).rejects.not.toMatchObject({
      message: expect.stringContaining(secret.slice(0, 8)),
    })
  })
})
