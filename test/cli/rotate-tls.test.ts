import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { certifyServerResult, showPkiResult } from '../../src/index.js'
import { output } from '../support/cli.js'
import { copiedPki, dnsNamesOf, type Made, namesOf, x509 } from './made.js'
import { modes, snapshot } from './snapshot.js'

/** Rotates, and returns the document of `--json`. */
async function rotate({ home, directory }: Made, ...words: readonly string[]) {
  const { status, stdout, stderr } = await home.fpki(['ca', 'rotate-tls', directory, '--json', ...words])
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  return certifyServerResult.parse(JSON.parse(stdout))
}

test('issues tls-crt for a new key according to the profile', async () => {
  const made = await copiedPki()
  const earlier = await x509(made.path('tls-crt'), '-pubkey')
  const { certificate, ...told } = await rotate(made)
  expect(told).toEqual({
    schemaVersion: 1,
    due: true,
    factory: 'acme',
    api: `embedded (${made.home.state})`,
    directory: made.directory,
    file: 'tls-crt',
    keptAs: 'tls-crt.bak',
    resumed: false,
    warnings: [],
  })
  const words = ['-x509_strict', '-purpose', 'sslserver', '-CAfile', made.path('factory_ca.pem'), made.path('tls-crt')]
  expect(await output('openssl', ['verify', ...words])).toContain('OK')
  const text = await x509(made.path('tls-crt'), '-text', '-nameopt', 'sep_comma_plus_space,show_type,sname,utf8')
  expect(text).toContain('Issuer: CN=UTF8STRING:Factory-CA, OU=UTF8STRING:acme')
  expect(text).toContain('Subject: CN=UTF8STRING:acme.localhost, OU=UTF8STRING:acme')
  expect(text).toMatch(/X509v3 Key Usage: critical\n +Digital Signature\n/)
  expect(text).toMatch(/X509v3 Extended Key Usage: \n +TLS Web Server Authentication\n/)
  expect(text).toMatch(/X509v3 Subject Key Identifier: \n/)
  expect(text).toMatch(/X509v3 Authority Key Identifier: \n/)
  expect(text).not.toContain('Basic Constraints')
  expect([...text.matchAll(/Signature Algorithm: (.*)/g)].map(([, name]) => name)).toEqual([
    'ecdsa-with-SHA256',
    'ecdsa-with-SHA256',
  ])
  expect(await dnsNamesOf(made.path('tls-crt'))).toEqual(['acme.localhost', 'localhost'])
  const [begin = '', end = ''] = [certificate.notBefore, certificate.notAfter]
  // A device whose clock is slow accepts it immediately.
  const behind = ['-attime', String(Math.floor(Date.now() / 1000) - 3000), '-CAfile', made.path('factory_ca.pem')]
  expect(await output('openssl', ['verify', '-x509_strict', ...behind, made.path('tls-crt')])).toContain('OK')
  const madeAt = new Date(Date.parse(begin) + 3_600_000).toISOString()
  expect([Number(end.slice(0, 4)) - Number(madeAt.slice(0, 4)), end.slice(4)]).toEqual([
    10,
    madeAt.slice(4).replace('.000', ''),
  ])
  // The document agrees with OpenSSL.
  const serial = (await x509(made.path('tls-crt'), '-serial')).replace('serial=', '')
  expect(BigInt(certificate.serial)).toBe(BigInt(`0x${serial}`))
  expect(certificate.pem).toBe(await made.text('tls-crt'))
  const key = await x509(made.path('tls-crt'), '-pubkey')
  expect(key).not.toBe(earlier)
  const ofServer = ['pkey', '-pubout', '-in', join(made.home.state, 'factories/acme/keys/tls-2.key')]
  expect((await output('openssl', ofServer)).trim()).toBe(key)
})

test('keeps every previous certificate with mode 0400', async () => {
  const made = await copiedPki()
  const others = await snapshot(made.directory)
  const texts = [await made.text('tls-crt')]
  const kept: (string | null)[] = []
  for (let round = 0; round < 3; round++) {
    kept.push((await rotate(made)).keptAs)
    texts.push(await made.text('tls-crt'))
  }
  expect(kept).toEqual(['tls-crt.bak', 'tls-crt.bak.1', 'tls-crt.bak.2'])
  expect(new Set(texts).size).toBe(4)
  const names = ['tls-crt.bak', 'tls-crt.bak.1', 'tls-crt.bak.2', 'tls-crt']
  expect(await Promise.all(names.map(made.text))).toEqual(texts)
  expect(await modes(made.directory)).toMatchObject(Object.fromEntries(names.map((name) => [name, 'file 400'])))
  expect(await readdir(made.path('.fpki/pending'))).toEqual([])
  const after = await snapshot(made.directory)
  const changed = Object.keys(after).filter((name) => after[name] !== others[name] && !name.startsWith('.fpki'))
  expect(changed.sort()).toEqual(names.toSorted())
})

test('updates the Factory API and `ca show`', async () => {
  const made = await copiedPki()
  await rotate(made)
  const shown = showPkiResult.parse(JSON.parse((await made.home.fpki(['ca', 'show', '--json'])).stdout))
  expect(shown.tls?.pem).toBe(await made.text('tls-crt'))
  expect((await made.home.fpki(['ca', 'show', '--just-tls'])).stdout).toBe(await made.text('tls-crt'))
})

test('uses the given names, and keeps them the next time', async () => {
  const made = await copiedPki()
  const names = ['gateway.acme.example', '*.acme.example']
  await rotate(made, ...names.map((name) => `--tls-name=${name}`))
  expect(await dnsNamesOf(made.path('tls-crt'))).toEqual(names)
  await rotate(made)
  expect(await dnsNamesOf(made.path('tls-crt'))).toEqual(names)
  expect(await dnsNamesOf(made.path('tls-crt.bak.1'))).toEqual(names)
})

test('accepts IP addresses, and keeps them the next time', async () => {
  const made = await copiedPki()
  const wanted = ['IP Address:10.0.0.1', 'IP Address:2001:DB8:0:0:0:0:0:1']
  await rotate(made, '--tls-name=10.0.0.1', '--tls-name=2001:db8::1')
  expect(await namesOf(made.path('tls-crt'))).toEqual(wanted)
  await rotate(made)
  expect(await namesOf(made.path('tls-crt'))).toEqual(wanted)
})

test('prints a summary, and nothing with --quiet', async () => {
  const { home, directory } = await copiedPki()
  const { status, stdout } = await home.fpki(['ca', 'rotate-tls', directory])
  expect(status).toBe(0)
  expect(stdout).toMatch(
    /^Issued a new tls-crt for the factory acme, valid for DNS:acme\.localhost and DNS:localhost\n/,
  )
  expect(stdout).toContain(`in ${directory}/tls-crt; the previous one is kept as tls-crt.bak\n`)
  expect(await home.fpki(['ca', 'rotate-tls', directory, '-q'])).toEqual({
    status: 0,
    signal: null,
    stdout: '',
    stderr: '',
  })
})

test.each([
  ['a relative directory', (made: Made) => ['ca', 'rotate-tls', basename(made.directory)]],
  ['the command line of fioctl', (made: Made) => ['keys', 'ca', 'rotate-tls', made.directory]],
  ['the working directory', () => ['ca', 'rotate-tls', '.']],
])('accepts %s', async (name, words) => {
  const made = await copiedPki()
  const cwd = name.startsWith('the working') ? made.directory : made.home.path
  const earlier = await made.text('tls-crt')
  const { status, stderr } = await made.home.fpki(words(made), { cwd })
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  expect(await made.text('tls-crt.bak')).toBe(earlier)
})

test('uses a new serial number and key each time', async () => {
  const made = await copiedPki()
  const told = [await rotate(made), await rotate(made)]
  expect(new Set(told.map(({ certificate }) => certificate.serial)).size).toBe(2)
  const keys = await Promise.all([1, 2, 3].map((n) => readFile(join(made.stateFile, `../keys/tls-${n}.key`), 'utf8')))
  expect(new Set(keys).size).toBe(3)
})
