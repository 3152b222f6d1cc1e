import { expect, test } from 'vitest'
import { certifyServerResult, showEstResult } from '../../src/index.js'
import { output } from '../support/cli.js'
import { copiedPki, dnsNamesOf, namesOf, x509 } from './made.js'
import { expectRefusal } from './refusal.js'
import { modes } from './snapshot.js'

test('authorize issues est-tls-crt according to the profile', async () => {
  const { home, directory, path, text } = await copiedPki()
  const words = ['est', 'authorize', directory, '--json', '--tls-name', 'est.acme.example']
  const { status, stdout } = await home.fpki(words)
  expect(status).toBe(0)
  const document = certifyServerResult.parse(JSON.parse(stdout))
  expect(document).toMatchObject({ directory, file: 'est-tls-crt', keptAs: null, resumed: false, warnings: [] })
  expect(document.certificate.pem).toBe(await text('est-tls-crt'))
  const verify = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', path('factory_ca.pem')]
  expect(await output('openssl', [...verify, path('est-tls-crt')])).toContain('OK')
  const openssl = await x509(path('est-tls-crt'), '-text')
  expect(openssl).toMatch(/X509v3 Key Usage: critical\n +Digital Signature\n/)
  expect(openssl).toMatch(/X509v3 Extended Key Usage: \n +TLS Web Server Authentication\n/)
  expect(openssl).not.toContain('Basic Constraints')
  expect(await dnsNamesOf(path('est-tls-crt'))).toEqual(['est.acme.example'])
  expect((await modes(directory))['est-tls-crt']).toBe('file 400')
  const key = await output('openssl', ['pkey', '-pubout', '-in', `${home.state}/factories/acme/keys/estTls-1.key`])
  expect(key.trim()).toBe(await x509(path('est-tls-crt'), '-pubkey'))
})

test('authorize accepts IP addresses', async () => {
  const { home, directory, path } = await copiedPki()
  const words = ['est', 'authorize', directory, '--quiet', '--tls-name', '10.0.0.1', '--tls-name', 'est.acme.example']
  expect((await home.fpki(words)).status).toBe(0)
  expect(await namesOf(path('est-tls-crt'))).toEqual(['DNS:est.acme.example', 'IP Address:10.0.0.1'])
})

test('authorize leaves tls-crt alone and keeps the previous est-tls-crt', async () => {
  const { home, directory, text } = await copiedPki()
  const tls = await text('tls-crt')
  expect((await home.fpki(['est', 'authorize', directory, '-q'])).status).toBe(0)
  const earlier = await text('est-tls-crt')
  const { stdout } = await home.fpki(['keys', 'est', 'authorize', directory])
  expect(stdout).toContain('the previous one is kept as est-tls-crt.bak')
  expect(await text('est-tls-crt.bak')).toBe(earlier)
  expect(await text('est-tls-crt')).not.toBe(earlier)
  expect(await text('tls-crt')).toBe(tls)
})

test('show prints it as PEM, text and JSON', async () => {
  const { home, directory, text, path } = await copiedPki()
  expect((await home.fpki(['est', 'authorize', directory, '-q'])).status).toBe(0)
  expect((await home.fpki(['est', 'show'])).stdout).toBe(await text('est-tls-crt'))
  expect((await home.fpki(['keys', 'est', 'show'])).stdout).toBe(await text('est-tls-crt'))
  const { estTls, factory } = showEstResult.parse(JSON.parse((await home.fpki(['est', 'show', '--json'])).stdout))
  expect({ factory, role: estTls.role, pem: estTls.pem }).toEqual({
    factory: 'acme',
    role: 'est-tls',
    pem: await text('est-tls-crt'),
  })
  const pretty = (await home.fpki(['est', 'show', '--pretty'])).stdout
  const fingerprint = (await x509(path('est-tls-crt'), '-fingerprint', '-sha256')).split('=')[1]?.toLowerCase() ?? '?'
  expect(pretty).toContain(fingerprint)
  expect(pretty).toContain('DNS:acme.localhost, DNS:localhost')
})

test('show reports a missing certificate, and refuses two formats', async () => {
  const { home } = await copiedPki()
  const names = ['acme', 'EST', 'fpki est authorize']
  await expectRefusal(home, ['est', 'show'], { status: 3, code: 'ERR_NOT_INITIALIZED', names })
  const other = { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['nobody'] }
  await expectRefusal(home, ['est', 'show', '--factory', 'nobody'], other)
  const { status, stderr } = await home.fpki(['est', 'show', '--pretty', '--json'])
  expect({ status, stderr }).toEqual({ status: 2, stderr: '' })
})
