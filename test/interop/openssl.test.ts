import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { output, runProgram, temporaryDirectory } from '../support/cli.js'
import {
  CERTIFICATES,
  deviceCa,
  GATEWAY,
  newDevice,
  newDeviceByKey,
  newForeignCa,
  newPki,
  newSubordinateCa,
  type Pki,
  publicKeyHash,
} from './support/pki.js'

/** The result of `openssl verify -x509_strict`: `OK`, or its error. */
async function verify(
  pki: Pick<Pki, 'path'>,
  file: string,
  purpose: string,
  ...words: readonly string[]
): Promise<string> {
  const trusted = ['-no-CAfile', '-no-CApath', '-CAfile', pki.path('factory_ca.pem')]
  const { status, stdout, stderr } = await runProgram('openssl', [
    'verify',
    '-x509_strict',
    '-purpose',
    purpose,
    ...trusted,
    ...words,
    file,
  ])
  if (status === 0 && stdout === `${file}: OK\n`) return 'OK'
  return /^error \d+ at \d+ depth lookup: (.*)$/m.exec(stderr)?.[1] ?? stderr
}

/** The lines of `openssl x509 -text` below each title, by the title. */
async function factsOf(path: string): Promise<ReadonlyMap<string, string>> {
  const nameOptions = 'sep_comma_plus_space,show_type,sname,utf8'
  const text = await output('openssl', ['x509', '-in', path, '-noout', '-text', '-nameopt', nameOptions])
  const subject = /^ +Subject: (.*)$/m.exec(text)?.[1] ?? ''
  const issuer = /^ +Issuer: (.*)$/m.exec(text)?.[1] ?? ''
  const key = /^ +Public-Key: (.*)$/m.exec(text)?.[1] ?? ''
  const curve = /^ +NIST CURVE: (.*)$/m.exec(text)?.[1] ?? ''
  const signatures = [...text.matchAll(/^ +Signature Algorithm: (.*)$/gm)].map(([, name]) => name)
  const extensions = [...text.matchAll(/^ {12}X509v3 (.*): ?(critical)?\s*\n {16}(.*)$/gm)].map(
    ([, title = '', critical = '', value = '']) => [title, `${critical} ${value}`.trim()] as const,
  )
  return new Map([
    ['subject', subject],
    ['issuer', issuer],
    ['key', `${key} ${curve}`],
    ['signatures', signatures.join(', ')],
    ...extensions,
  ])
}

describe('openssl verify -x509_strict', () => {
  test('accepts every certificate for its purpose, and for no other', async () => {
    const pki = await newPki()
    const verdicts = await Promise.all(
      (
        [
          ['factory_ca.pem', 'crlsign'],
          ['factory_ca.pem', 'any'],
          ['local-ca.pem', 'any'],
          ['online-crt', 'any'],
          ['tls-crt', 'sslserver'],
          ['tls-crt', 'sslclient'],
          ['local-ca.pem', 'sslclient'],
          ['local-ca.pem', 'crlsign'],
          ['online-crt', 'sslserver'],
        ] as const
      ).map(async ([file, purpose]) => [file, purpose, await verify(pki, pki.path(file), purpose)]),
    )
    const unsuitable = expect.stringMatching(/^unsuitable certificate purpose$/)
    expect(verdicts).toEqual([
      ['factory_ca.pem', 'crlsign', 'OK'],
      ['factory_ca.pem', 'any', 'OK'],
      ['local-ca.pem', 'any', 'OK'],
      ['online-crt', 'any', 'OK'],
      ['tls-crt', 'sslserver', 'OK'],
      ['tls-crt', 'sslclient', unsuitable],
      ['local-ca.pem', 'sslclient', unsuitable],
      ['local-ca.pem', 'crlsign', unsuitable],
      ['online-crt', 'sslserver', unsuitable],
    ])
  })

  test('accepts tls-crt for its host name only', async () => {
    const pki = await newPki()
    const named = (name: string) => verify(pki, pki.path('tls-crt'), 'sslserver', '-verify_hostname', name)
    expect(await named(GATEWAY)).toBe('OK')
    expect(await named('other.acme.example')).toBe('hostname mismatch')
  })

  test.each(['local-ca', 'online-ca'] as const)('accepts the client certificate of a device by %s', async (name) => {
    const [pki, directory] = [await newPki(), await temporaryDirectory()]
    const ca = deviceCa(pki, name)
    const device = await newDevice(ca, directory)
    expect(await verify(pki, device.certificate, 'sslclient', '-untrusted', ca.certificate)).toBe('OK')
    expect(await verify(pki, device.certificate, 'sslserver', '-untrusted', ca.certificate)).toBe(
      'unsuitable certificate purpose',
    )
    expect(await verify(pki, device.certificate, 'sslclient')).toBe('unable to get local issuer certificate')
  })

  test.each(['local-ca', 'online-ca'] as const)(
    'takes a device by %s whose authorityKeyIdentifier was computed from the key of the CA',
    async (name) => {
      const [pki, directory] = [await newPki(), await temporaryDirectory()]
      const ca = deviceCa(pki, name)
      const device = await newDeviceByKey(ca, directory)
      expect(await verify(pki, device.certificate, 'sslclient', '-untrusted', ca.certificate)).toBe('OK')
    },
  )

  test("rejects such a device by fioctl's local-ca, which lint and verify warn of", async () => {
    const fioctl = fileURLToPath(new URL('../fixtures/fioctl/file/pki', import.meta.url))
    const path = (name: string) => join(fioctl, name)
    const ca = { key: path('local-ca.key'), certificate: path('local-ca.pem') }
    const anyTime = ['-no_check_time', '-untrusted', ca.certificate]
    const copied = await newDevice(ca, await temporaryDirectory())
    expect(await verify({ path }, copied.certificate, 'sslclient', ...anyTime)).toBe('OK')
    const computed = await newDeviceByKey(ca, await temporaryDirectory())
    expect(await verify({ path }, computed.certificate, 'sslclient', ...anyTime)).toBe(
      'unable to get local issuer certificate',
    )
  })

  test('rejects a device of a CA below local-ca, which has pathlen:0', async () => {
    const [pki, directory] = [await newPki(), await temporaryDirectory()]
    const subordinate = await newSubordinateCa(deviceCa(pki, 'local-ca'), directory)
    const device = await newDevice(subordinate, directory)
    const chain = ['-untrusted', pki.path('local-ca.pem'), '-untrusted', subordinate.certificate]
    expect(await verify(pki, device.certificate, 'sslclient', ...chain)).toBe('path length constraint exceeded')
  })

  test('rejects a certificate of another factory', async () => {
    const [one, other] = [await newPki(), await newPki()]
    expect(await verify(one, other.path('tls-crt'), 'sslserver')).not.toBe('OK')
    expect(await verify(one, other.path('local-ca.pem'), 'any')).not.toBe('OK')
    const foreign = await newForeignCa(await temporaryDirectory())
    expect(await verify(one, foreign.certificate, 'any')).not.toBe('OK')
  })
})

describe('openssl x509 -text', () => {
  test('shows the SHA-1 of the key as the subject key identifier', async () => {
    const pki = await newPki()
    for (const name of CERTIFICATES) {
      const identifier = (await factsOf(pki.path(name))).get('Subject Key Identifier')
      expect([name, identifier?.replaceAll(':', '')]).toEqual([name, await publicKeyHash(pki.path(name))])
    }
  })

  test('shows the fields of the profiles', async () => {
    const pki = await newPki()
    const [root, tls, online, local] = await Promise.all(CERTIFICATES.map((name) => factsOf(pki.path(name))))
    const ski = root?.get('Subject Key Identifier')
    const common = {
      issuer: 'CN=UTF8STRING:Factory-CA, OU=UTF8STRING:acme',
      key: '(256 bit) P-256',
      signatures: 'ecdsa-with-SHA256, ecdsa-with-SHA256',
      'Subject Key Identifier': expect.stringMatching(/^([0-9A-F]{2}:){19}[0-9A-F]{2}$/),
    }
    const deviceCaFacts = {
      ...common,
      'Key Usage': 'critical Certificate Sign',
      'Basic Constraints': 'critical CA:TRUE, pathlen:0',
      'Authority Key Identifier': ski,
    }
    expect(Object.fromEntries(root ?? [])).toEqual({
      ...common,
      subject: 'CN=UTF8STRING:Factory-CA, OU=UTF8STRING:acme',
      'Key Usage': 'critical Certificate Sign, CRL Sign',
      'Extended Key Usage': 'TLS Web Server Authentication, TLS Web Client Authentication',
      'Basic Constraints': 'critical CA:TRUE',
    })
    expect(Object.fromEntries(tls ?? [])).toEqual({
      ...common,
      subject: `CN=UTF8STRING:${GATEWAY}, OU=UTF8STRING:acme`,
      'Key Usage': 'critical Digital Signature',
      'Extended Key Usage': 'TLS Web Server Authentication',
      'Authority Key Identifier': ski,
      'Subject Alternative Name': `DNS:${GATEWAY}`,
    })
    expect(Object.fromEntries(online ?? [])).toEqual({
      ...deviceCaFacts,
      subject: 'CN=UTF8STRING:online-ca, OU=UTF8STRING:acme',
    })
    expect(Object.fromEntries(local ?? [])).toEqual({
      ...deviceCaFacts,
      subject: expect.stringMatching(/^CN=UTF8STRING:fio-[0-9a-f]{24}, OU=UTF8STRING:acme$/),
    })
  })

  test('shows a validity of 20 years for the root and 10 for the others, starting an hour ago', async () => {
    const pki = await newPki()
    for (const name of CERTIFICATES) {
      const words = ['x509', '-in', pki.path(name), '-noout', '-startdate', '-enddate', '-dateopt', 'iso_8601']
      const [begin = '', end = ''] = [...(await output('openssl', words)).matchAll(/=(.*)/g)].map(([, time]) => time)
      const madeAt = new Date(Date.parse(begin.replace(' ', 'T')) + 3_600_000)
      const madeText = madeAt.toISOString().replace('T', ' ').replace('.000', '')
      const years = Number(end.slice(0, 4)) - Number(madeText.slice(0, 4))
      expect([name, years, end.slice(4)]).toEqual([name, name === 'factory_ca.pem' ? 20 : 10, madeText.slice(4)])
      expect(Math.abs(Date.now() - madeAt.getTime())).toBeLessThan(600_000)
    }
  })

  test('shows unique serial numbers of at most 20 octets', async () => {
    const pki = await newPki()
    const serials = await Promise.all(
      CERTIFICATES.map((name) => output('openssl', ['x509', '-in', pki.path(name), '-noout', '-serial'])),
    )
    for (const serial of serials) expect(serial).toMatch(/^serial=[0-9A-F]{32,40}\n$/)
    expect(new Set(serials).size).toBe(CERTIFICATES.length)
  })
})

describe('the keys', () => {
  test('are valid for OpenSSL, and match their certificates', async () => {
    const pki = await newPki()
    const pairs = [
      [pki.path('factory_ca.key'), 'factory_ca.pem'],
      [pki.path('local-ca.key'), 'local-ca.pem'],
      [pki.serverKey('tls-1.key'), 'tls-crt'],
      [pki.serverKey('ca-1.key'), 'online-crt'],
    ] as const
    for (const [key, certificate] of pairs) {
      const ofCertificate = await output('openssl', ['x509', '-in', pki.path(certificate), '-noout', '-pubkey'])
      expect([certificate, await output('openssl', ['ec', '-in', key, '-pubout'])]).toEqual([
        certificate,
        ofCertificate,
      ])
      expect(await output('openssl', ['pkey', '-in', key, '-check', '-noout'])).toBe('Key is valid\n')
      expect(await output('openssl', ['ec', '-in', key, '-noout', '-text'])).toContain('ASN1 OID: prime256v1')
    }
  })

  test('and the certificates are one PEM block per file, of the type that fioctl writes', async () => {
    const pki = await newPki()
    for (const name of ['factory_ca.key', 'local-ca.key', ...CERTIFICATES]) {
      const label = name.endsWith('.key') ? 'EC PRIVATE KEY' : 'CERTIFICATE'
      const text = await readFile(pki.path(name), 'utf8')
      expect(text).toMatch(new RegExp(`^-----BEGIN ${label}-----\n[A-Za-z0-9+/=\n]+\n-----END ${label}-----\n$`))
    }
  })

  test('and all files are private: files 0400, the directory 0700, server keys 0600', async () => {
    const pki = await newPki()
    const mode = async (path: string) => ((await stat(path)).mode & 0o7777).toString(8)
    const names = (await readdir(pki.directory)).filter((name) => name !== '.fpki')
    expect(names.toSorted()).toEqual([...CERTIFICATES, 'factory_ca.key', 'local-ca.key'].toSorted())
    for (const name of names) expect([name, await mode(pki.path(name))]).toEqual([name, '400'])
    expect(await mode(pki.directory)).toBe('700')
    expect(await mode(pki.path('.fpki'))).toBe('700')
    expect(await mode(pki.serverKey('tls-1.key'))).toBe('600')
    expect(await mode(pki.serverKey('ca-1.key'))).toBe('600')
    expect(await mode(join(pki.serverKey('tls-1.key'), '..'))).toBe('700')
  })
})
