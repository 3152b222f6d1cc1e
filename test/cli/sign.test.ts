import { spawn } from 'node:child_process'
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { signRequestResult } from '../../src/operations/signing/sign-request.js'
import { readCertificateFields, readExtension } from '../pki/support/certificate-fields.js'
import { buildCsr, CN, csrPem, dnsNames, extensionRequest, newKey, OU, spkiOf, utf8Name } from '../pki/support/csr.js'
import { at, derOf, objectIdentifier, readTlv, sequence, setOf, tlv } from '../pki/support/der.js'
import { fioctlCsrs, fioctlFile, fioctlUploads } from '../pki/support/fioctl.js'
import { opensslCsr, opensslKey } from '../pki/support/openssl-csr.js'
import { newHome, output } from '../support/cli.js'
import { fioctlToken, homeWith, softHsm } from '../support/token.js'
import { pkiWithThreeCas, serialOf } from './device-cas.js'
import { copiedPki, type Made, x509 } from './made.js'
import { expectRefusal, expectWords } from './refusal.js'
import { modes, snapshotButAuditLog } from './snapshot.js'

const CA = ['basicConstraints=critical,CA:TRUE']
const NAMES = [
  'subjectAltName=DNS:gateway.example,DNS:*.Gateway.example,IP:192.0.2.1,IP:2001:db8::1,URI:https://a.example/b,email:a@b.example',
]

/** A PKI, and a request in a file of its HOME. */
async function scene(csr: string | Uint8Array, made?: Made) {
  const pki = made ?? (await copiedPki())
  const file = join(pki.home.path, 'the.csr')
  await writeFile(file, csr)
  return {
    ...pki,
    file,
    sign: (...words: string[]) => pki.home.fpki(['ca', 'sign', file, '--pki-dir', pki.directory, ...words]),
  }
}

/** The output of `openssl x509` for a certificate. */
function opensslOf(certificate: string, ...words: readonly string[]): Promise<string> {
  return output('openssl', ['x509', '-noout', ...words], { stdin: certificate })
}

/** Days until a certificate expires according to OpenSSL, rounded up because a test may take a while. */
async function daysOf(certificate: string): Promise<number> {
  const until = (await opensslOf(certificate, '-enddate')).replace(/^.*=/, '')
  return Math.ceil((Date.parse(until) - Date.now()) / 86_400_000)
}

test.each([
  ['UTF-16', (pem: string) => Buffer.from(`\ufeff${pem}`, 'utf16le'), 'it is UTF-16'],
  ['UTF-16 without a mark', (pem: string) => Buffer.from(pem, 'utf16le'), 'it is UTF-16'],
  ['a file without its end', (pem: string) => Buffer.from(pem.slice(0, 300)), 'it has no END line'],
  ['an empty file', () => Buffer.alloc(0), 'it is empty'],
  ['base64 alone', (pem: string) => Buffer.from(pem.replace(/-----.*-----/g, '')), 'BEGIN and END lines'],
])('a file that is %s is refused with its type', async (_, change, reason) => {
  const { home, directory } = await copiedPki()
  const file = join(home.path, 'odd.csr')
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(home.path, 'odd.key')]
  await output('openssl', ['req', '-new', ...key, '-subj', '/CN=gw.example', '-out', file])
  await writeFile(file, change(await readFile(file, 'utf8')))
  const refused = await home.fpki(['ca', 'sign', file, '--pki-dir', directory])
  expect({ status: refused.status, stderr: refused.stderr }).toEqual({
    status: 6,
    stderr: expect.stringContaining(reason),
  })
})

test('warns about a device CA that the Factory API would refuse', async () => {
  const { home, directory } = await copiedPki()
  const file = join(home.path, 'plant.csr')
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    join(home.path, 'plant.key'),
  ]
  const ca = ['-addext', 'basicConstraints=critical,CA:TRUE', '-utf8']
  await output('openssl', ['req', '-new', ...key, '-subj', '/CN=plant/OU=acme', ...ca, '-out', file])
  const { stderr } = await home.fpki(['ca', 'sign', file, '--pki-dir', directory])
  expect(stderr).toMatch(/only with CN=fio-[0-9a-f]+ \(like local-ca\.pem\)/)
  expect((await home.fpki(['lint', file, '--factory', 'acme'])).stdout).toContain('notice device-ca-name')
})

describe('the CSR', () => {
  test('is read from PEM, DER or stdin, and stdout has only the certificate', async () => {
    const csr = await opensslCsr({ extensions: NAMES })
    const { home, directory, file, path } = await scene(csr)
    const der = join(home.path, 'the.der')
    await writeFile(der, derOf(csr))
    const words = (name: string) => ['ca', 'sign', name, '--pki-dir', directory]
    const before = await snapshotButAuditLog(directory)
    const ended = await Promise.all([
      home.fpki(words(file)),
      home.fpki(words(der)),
      home.fpki(words('-'), { stdin: csr }),
      home.fpki(['ca', 'sign', 'the.csr', '--pki-dir', 'acme', '--quiet'], { cwd: home.path }),
    ])
    for (const { status, stdout } of ended) {
      expect(status).toBe(0)
      expect(stdout).toMatch(/^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----\n$/)
      const verify = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', path('factory_ca.pem')]
      expect(await output('openssl', verify, { stdin: stdout })).toBe('stdin: OK\n')
    }
    expect(ended[3]?.stderr).toBe('')
    expect(new Set(ended.map(({ stdout }) => stdout)).size).toBe(4)
    expect(await snapshotButAuditLog(directory)).toEqual(before)
  })

  test('may be a named pipe', async () => {
    const { home, directory } = await copiedPki()
    const pipe = join(home.path, 'pipe')
    await output('mkfifo', [pipe])
    const ended = home.fpki(['ca', 'sign', pipe, '--pki-dir', directory])
    const writer = spawn('sh', ['-c', 'cat > "$0"', pipe], { stdio: 'pipe' })
    writer.stdin.end(await opensslCsr())
    expect(await ended).toMatchObject({ status: 0, stdout: expect.stringContaining('BEGIN CERTIFICATE') })
  })

  test('may have text before it and CRLF line endings', async () => {
    const csr = await opensslCsr()
    const { sign } = await scene(`Certificate Request:\n  as openssl req -text has it\n${csr}`.replaceAll('\n', '\r\n'))
    expect((await sign()).status).toBe(0)
  })
})

describe('the certificate', () => {
  test('without CA:TRUE is a TLS server with the requested names', async () => {
    const { sign } = await scene(await opensslCsr({ extensions: NAMES }))
    const { stdout, stderr } = await sign()
    expect(stderr).not.toContain('warning')
    const text = await opensslOf(stdout, '-text')
    expect(text).toMatch(/Key Usage: critical\n +Digital Signature\n/)
    expect(text).toMatch(/Extended Key Usage: \n +TLS Web Server Authentication\n/)
    expect(text).not.toContain('Basic Constraints')
    expect((await opensslOf(stdout, '-ext', 'subjectAltName')).split('\n')[1]?.trim()).toBe(
      'DNS:gateway.example, DNS:*.Gateway.example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, URI:https://a.example/b, email:a@b.example',
    )
  })

  test('with CA:TRUE is a device CA', async () => {
    const { sign, path } = await scene(await opensslCsr({ subject: '/CN=fio-site-c/OU=acme', extensions: CA }))
    const { status, stdout, stderr } = await sign()
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringContaining('Issued a device CA certificate for '),
    })
    const text = await opensslOf(stdout, '-text')
    expect(text).toMatch(/Key Usage: critical\n +Certificate Sign\n/)
    expect(text).toMatch(/Basic Constraints: critical\n +CA:TRUE, pathlen:0\n/)
    const verify = ['verify', '-x509_strict', '-CAfile', path('factory_ca.pem')]
    expect(await output('openssl', verify, { stdin: stdout })).toBe('stdin: OK\n')
  })

  test('--profile overrides the request, with a warning for what is dropped', async () => {
    const ca = await scene(await opensslCsr({ extensions: [...CA, 'subjectAltName=DNS:a.example'] }))
    const asTls = await ca.sign('--profile', 'tls')
    expect(asTls.stderr).toMatch(
      /^warning: .*the\.csr requests basicConstraints, which the TLS server certificate will not have\.$/m,
    )
    expect(await opensslOf(asTls.stdout, '-text')).not.toContain('CA:TRUE')
    const server = await scene(
      await opensslCsr({ extensions: ['subjectAltName=DNS:a.example', 'keyUsage=digitalSignature'] }),
    )
    const asCa = await server.sign('--profile=device-ca')
    expect(asCa.stderr).toMatch(
      /^warning: .*requests subjectAltName, which the device CA certificate will not have\.$/m,
    )
    expect(asCa.stderr).toMatch(
      /^warning: .*requests digitalSignature, which the device CA certificate will not have\.$/m,
    )
    expect(await opensslOf(asCa.stdout, '-text')).toMatch(/CA:TRUE, pathlen:0/)
    expect(await opensslOf(asCa.stdout, '-text')).not.toContain('a.example, ')
  })

  const UUID = '5f0e1c2d-3b4a-4c5d-8e9f-0a1b2c3d4e5f'
  const DEVICE = `/CN=${UUID}/OU=acme/businessCategory=production`
  const commandFor = (directory: string, from: string) =>
    `\`fpki devices issue ${directory} --from ${from} --out devices/\``
  test.each([
    ['asks for clientAuth', { subject: '/CN=gw.example', extensions: ['extendedKeyUsage=clientAuth'] }, 'clientAuth'],
    [
      'asks for clientAuth and a DNS name',
      { extensions: ['extendedKeyUsage=critical,clientAuth', 'subjectAltName=DNS:a.example'] },
      'clientAuth',
    ],
    ['has the subject of a device', { subject: DEVICE }, UUID],
    ['has it the other way round, in capitals', { subject: `/OU=acme/CN=${UUID.toUpperCase()}` }, UUID.toUpperCase()],
    ['has it and an IP address', { subject: DEVICE, extensions: ['subjectAltName=IP:192.0.2.1'] }, UUID],
  ])('refuses a request of a device that %s', async (_, wanted, name) => {
    const { home, file, directory, path, sign } = await scene(await opensslCsr(wanted))
    const words = ['ca', 'sign', file, '--pki-dir', directory]
    const refused = {
      status: 6,
      code: 'ERR_BAD_CSR',
      names: [file, name, '--profile tls-server', commandFor(directory, file)],
    }
    await expectRefusal(home, words, refused)
    await expectRefusal(home, [...words, '--profile', 'device-ca'], refused)
    for (const profile of ['tls-server', 'tls']) {
      const { status, stdout } = await sign('--profile', profile)
      expect(status).toBe(0)
      const verify = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', path('factory_ca.pem')]
      expect(await output('openssl', verify, { stdin: stdout })).toBe('stdin: OK\n')
    }
  })

  test('names the command that reads it from stdin', async () => {
    const { home, directory } = await copiedPki()
    const stdin = await opensslCsr({ subject: DEVICE })
    const refused = await home.fpki(['ca', 'sign', '-', '--pki-dir', directory], { stdin })
    expectWords(refused, { status: 6, code: 'ERR_BAD_CSR', names: [commandFor(directory, '-')] })
  })

  test.each([
    ['asks for both purposes', { extensions: ['extendedKeyUsage=serverAuth,clientAuth'] }],
    ['has a UUID for its name and a DNS name', { subject: DEVICE, extensions: ['subjectAltName=DNS:a.example'] }],
    ['has a UUID for its name, and another OU', { subject: `/CN=${UUID}/OU=other` }],
    ['has a UUID for its name, and no OU', { subject: `/CN=${UUID}` }],
    ['asks for CA:TRUE and clientAuth', { extensions: [...CA, 'extendedKeyUsage=clientAuth'] }],
  ])('signs a request that %s', async (_, wanted) => {
    const { sign } = await scene(await opensslCsr(wanted))
    expect((await sign()).status).toBe(0)
  })

  test('warns about another OU, missing names and unusual names, and signs', async () => {
    const odd = await scene(
      await opensslCsr({ subject: '/CN=a.example/OU=bolt', extensions: ['subjectAltName=RID:1.2.3'] }),
    )
    const { status, stderr } = await odd.sign('--quiet')
    expect(status).toBe(0)
    expect(stderr).toContain('OU=bolt; the factory is acme')
    expect(stderr).toContain('fpki does not issue names of this type')
    expect(stderr).toContain('requests no DNS name')
    expect(
      stderr
        .trim()
        .split('\n')
        .every((line) => line.startsWith('warning: ')),
    ).toBe(true)
  })

  test.each(['RSA-2048', 'P-384', 'P-521'] as const)('can have a %s key for a server', async (key) => {
    const { sign, path } = await scene(await opensslCsr({ key, extensions: ['subjectAltName=DNS:a.example'] }))
    const { stdout } = await sign()
    expect(await output('openssl', ['verify', '-CAfile', path('factory_ca.pem')], { stdin: stdout })).toBe(
      'stdin: OK\n',
    )
  })

  test('keeps the DER of the subject', async () => {
    const rdn = (oid: string, tag: number, text: string) =>
      setOf(sequence(objectIdentifier(oid), tlv(tag, Buffer.from(text, 'latin1'))))
    const subject = sequence(
      rdn(OU, 0x13, 'acme'),
      rdn('1.3.6.1.4.1.99999.7', 0x0c, 'x'),
      rdn(CN, 0x14, 'gateway'),
      rdn('0.9.2342.19200300.100.1.25', 0x16, 'example'),
    )
    const { sign } = await scene(buildCsr({ subject, attributes: [extensionRequest(dnsNames('a.example'))] }))
    const { stdout } = await sign()
    expect(readCertificateFields(derOf(stdout)).subject.toString('hex')).toBe(subject.toString('hex'))
  })

  test('signs a request of certreq.exe or keytool', async () => {
    const csr = await opensslCsr({ extensions: ['subjectAltName=DNS:a.example,IP:192.0.2.1'] })
    const theirs = csr.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST').replaceAll('\n', '\r\n')
    const { sign, path } = await scene(theirs)
    const { status, stdout } = await sign()
    expect(status).toBe(0)
    const verify = ['verify', '-verify_ip', '192.0.2.1', '-CAfile', path('factory_ca.pem')]
    expect(await output('openssl', verify, { stdin: stdout })).toBe('stdin: OK\n')
  })

  test('uses a new positive serial number of at most 20 octets', async () => {
    const { sign } = await scene(await opensslCsr())
    const both = await Promise.all([sign(), sign()])
    const serials = both.map(({ stdout }) => at(readTlv(derOf(stdout)), 0, 1).content)
    for (const serial of serials) expect(serial.length <= 20 && serial.readUInt8(0) < 0x80).toBe(true)
    expect(serials[0]?.equals(serials[1] ?? Buffer.alloc(0))).toBe(false)
  })

  test('certifies the gateway key for a server again, but never for a CA', async () => {
    const made = await copiedPki()
    const keyPem = await readFile(join(made.home.state, 'factories', 'acme', 'keys', 'tls-1.key'), 'utf8')
    expect((await (await scene(await opensslCsr({ keyPem }), made)).sign()).status).toBe(0)
    const { sign } = await scene(await opensslCsr({ keyPem, extensions: CA }), made)
    expectWords(await sign(), { status: 6, code: 'ERR_BAD_CSR', names: ['the key of tls-crt'] })
  })
})

describe('--days', () => {
  test.each([
    ['1', 1],
    ['365', 365],
    ['3650', 3650],
    ['3653', 3653],
    ['5000', 5000],
  ])('%s', async (days, expected) => {
    const { sign } = await scene(await opensslCsr({ extensions: ['subjectAltName=DNS:a.example'] }))
    const { stdout, stderr } = await sign('--days', days)
    expect(stderr).not.toContain('warning')
    expect(await daysOf(stdout)).toBe(expected)
  })

  test.each(['7400', '99999'])('%s: limited by the root, with a warning', async (days) => {
    const { sign, path } = await scene(await opensslCsr({ extensions: CA }))
    const { stdout, stderr } = await sign('--days', days)
    expect(stderr).toMatch(
      /^warning: .* expires with the root certificate on 20.*Z, before the requested validity ends\.$/m,
    )
    expect(await opensslOf(stdout, '-enddate')).toBe(`${await x509(path('factory_ca.pem'), '-enddate')}\n`)
  })

  test('is ten years by default', async () => {
    const { sign } = await scene(await opensslCsr())
    expect([3652, 3653]).toContain(await daysOf((await sign()).stdout))
  })

  test.each(['0', '-1', 'abc', '1.5', '', '100000', '1d', ' 1'])('%j is refused', async (days) => {
    const { home, file, directory } = await scene(await opensslCsr())
    const words = ['ca', 'sign', file, '--pki-dir', directory, `--days=${days}`]
    await expectRefusal(home, words, { status: 2, code: 'ERR_USAGE', names: [JSON.stringify(days), '--days'] })
  })
})

describe('--out', () => {
  test('writes a new file with mode 0644 and nothing to stdout', async () => {
    const { home, sign, directory } = await scene(await opensslCsr())
    const before = await snapshotButAuditLog(directory)
    const { status, stdout, stderr } = await sign('--out', join(home.path, 'it.pem'))
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
    expect(stderr).toContain(`Wrote the certificate to ${join(home.path, 'it.pem')}, valid until 20`)
    expect((await modes(home.path))['it.pem']).toBe('file 644')
    expect(await x509(join(home.path, 'it.pem'), '-subject')).toContain('gateway.example')
    expect(await snapshotButAuditLog(directory)).toEqual(before)
  })

  test('is relative to the working directory', async () => {
    const { home, directory } = await scene(await opensslCsr())
    const words = ['ca', 'sign', 'the.csr', '--pki-dir', 'acme', '--out', 'it.pem', '--json']
    const { stdout } = await home.fpki(words, { cwd: home.path })
    const told = signRequestResult.parse(JSON.parse(stdout))
    expect(told).toMatchObject({ file: join(home.path, 'it.pem'), directory })
    expect(await serialOf(join(home.path, 'it.pem'))).toBe(told.certificate.serial)
  })

  test.each(['tls-crt', 'factory_ca.key', '../there', '../a link', '..'])('never overwrites %s', async (name) => {
    const { home, sign, directory } = await scene(await opensslCsr())
    await writeFile(join(home.path, 'there'), 'mine', { mode: 0o600 })
    await output('ln', ['-s', 'nowhere', join(home.path, 'a link')])
    const before = await snapshotButAuditLog(home.path)
    const out = join(directory, name)
    expectWords(await sign('--out', out), { status: 3, code: 'ERR_EXISTS', names: [out] })
    expect(await snapshotButAuditLog(home.path)).toEqual(before)
  })

  test.each(['acme', 'a link'])(
    'in the PKI directory (%s) is refused: it could take the name of a CA',
    async (place) => {
      const { home, file, directory } = await scene(await opensslCsr({ extensions: CA }))
      await symlink(directory, join(home.path, 'a link'))
      const out = join(home.path, place, 'site-b.pem')
      const words = ['ca', 'sign', file, '--pki-dir', directory, '--out', out]
      await expectRefusal(home, words, { status: 2, code: 'ERR_USAGE', names: [out, `the PKI directory ${directory}`] })
    },
  )

  test('in a missing directory is refused', async () => {
    const { home, file, directory } = await scene(await opensslCsr())
    const out = join(home.path, 'none', 'it.pem')
    const words = ['ca', 'sign', file, '--pki-dir', directory, '--out', out]
    await expectRefusal(home, words, { status: 3, code: 'ERR_STORAGE', names: [out, 'directory does not exist'] })
  })
})

test('--json prints the document', async () => {
  const { sign, directory } = await scene(
    await opensslCsr({ subject: '/CN=gateway.example/OU=bolt', extensions: NAMES }),
  )
  const told = signRequestResult.parse(JSON.parse((await sign('--json', '--days', '30')).stdout))
  expect(told).toMatchObject({ factory: 'acme', directory, profile: 'tls', file: null })
  expect(told.warnings).toEqual([expect.stringContaining('OU=bolt')])
  expect(told.certificate).toMatchObject({
    subject: 'CN=gateway.example, OU=bolt',
    issuer: 'CN=Factory-CA, OU=acme',
    ca: false,
    signedByRoot: true,
    subjectAltNames: expect.arrayContaining(['DNS:gateway.example', 'IP:192.0.2.1', 'email:a@b.example']),
  })
  const serial = (await opensslOf(told.certificate.pem, '-serial')).trim().replace('serial=', '')
  expect(told.certificate.serialHex.replaceAll(':', '')).toBe(serial)
})

/** A request with a compressed public key (SEC 1, 2.3.3). */
function compressedCsr(): string {
  const key = newKey()
  const point = spkiOf(key).subarray(-65)
  const header = Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex')
  const sign = Buffer.of(2 + ((point[64] ?? 0) & 1))
  return csrPem(buildCsr({ subject, key, spki: Buffer.concat([header, sign, point.subarray(1, 33)]) }))
}

/** A request that must not be signed, and alternative parts of the message. */
type Bad = [title: string, make: (made: Made) => Promise<string | Uint8Array>, names: readonly string[], code?: string]

const subject = utf8Name([CN, 'gateway.example'], [OU, 'acme'])
const BAD: Bad[] = [
  ['that is truncated', async () => derOf(await opensslCsr()).subarray(0, -10), ['it is truncated']],
  [
    'that is truncated in its PEM',
    async () => (await opensslCsr()).slice(0, 200),
    ['malformed PEM block', 'contains no PEM block'],
  ],
  ['with trailing octets', async () => Buffer.concat([derOf(await opensslCsr()), Buffer.of(0)]), ['trailing']],
  [
    'with trailing octets in its PEM',
    async () => csrPem(Buffer.concat([derOf(await opensslCsr()), Buffer.of(0)])),
    ['trailing'],
  ],
  [
    'whose signature does not verify',
    async () => csrPem(buildCsr({ subject, spki: spkiOf(newKey()) })),
    ['its signature does not verify'],
  ],
  ['with an RSA key of 1024 bits', () => opensslCsr({ key: 'RSA-1024' }), ['1024']],
  ['with a key on secp256k1', () => opensslCsr({ key: 'secp256k1' }), ['1.3.132.0.10']],
  ['with an RSA key, for a CA', () => opensslCsr({ key: 'RSA-2048', extensions: CA }), ['its key is RSA']],
  [
    'that requests a name twice',
    () => opensslCsr({ extensions: ['subjectAltName=DNS:a.example,DNS:A.example'] }),
    ['a name more than once'],
  ],
  [
    'that asks for an address twice',
    () => opensslCsr({ extensions: ['subjectAltName=IP:192.0.2.1,IP:192.0.2.1'] }),
    ['a name more than once'],
  ],
  [
    'that requests an invalid name',
    async () => csrPem(buildCsr({ subject, attributes: [extensionRequest(dnsNames('a b'))] })),
    ['"a b"'],
  ],
  ['without any name', () => opensslCsr({ subject: null }), ['it names no server']],
  ['for a CA without a subject', () => opensslCsr({ subject: null, extensions: CA }), ['its subject is empty']],
  [
    "for a CA with the root's own name",
    async () => csrPem(buildCsr({ subject: utf8Name([CN, 'Factory-CA'], [OU, 'acme']), key: newKey() })),
    ["its subject equals the issuer's name"],
  ],
  ['with a compressed point for a key', async () => compressedCsr(), ['compressed point']],
  ['of 10 MB', async () => Buffer.alloc(10_000_000, 0x30), ['larger than 1048576 bytes'], 'ERR_BAD_FILE'],
  ['of 100 kB', async () => Buffer.alloc(100_000, 0x30), ['larger than 65536 bytes']],
  ['of two blocks', async () => `${await opensslCsr()}${await opensslCsr()}`, ['2 PEM blocks']],
  ['after its key', async () => `${await opensslKey('P-256')}${await opensslCsr()}`, ['found "PRIVATE KEY"']],
  ['that is empty', async () => '', ['it is empty']],
  ['that is text', async () => 'please sign this', ['Refusing to sign']],
  ['that is a certificate', ({ text }) => text('local-ca.pem'), ['found "CERTIFICATE"']],
  ['that is a certificate, in DER', async ({ text }) => derOf(await text('local-ca.pem')), ['Refusing to sign']],
  [
    'with the key of the root',
    async ({ text }) => opensslCsr({ keyPem: await text('factory_ca.key') }),
    ['the key of factory_ca.pem'],
  ],
  [
    'with the key of local-ca',
    async ({ text }) => opensslCsr({ keyPem: await text('local-ca.key') }),
    ['the key of local-ca.pem'],
  ],
  [
    'with the key of a further local-ca',
    async ({ text }) => opensslCsr({ keyPem: await text('site-b.key') }),
    ['the key of site-b.pem'],
  ],
  [
    'for a CA with the key of a further local-ca',
    async ({ text }) => opensslCsr({ keyPem: await text('site-b.key'), extensions: CA }),
    ['the key of site-b.pem'],
  ],
  [
    'with the key of online-ca',
    async ({ home }) =>
      opensslCsr({ keyPem: await readFile(join(home.state, 'factories/acme/keys/ca-1.key'), 'utf8') }),
    ['the key of online-crt'],
  ],
]

describe('an invalid request is refused without changes:', () => {
  test.each(BAD)('one %s', async (_, make, names, code = 'ERR_BAD_CSR') => {
    const made = await pkiWithThreeCas()
    const { home, file, directory } = await scene(await make(made), made)
    const before = await snapshotButAuditLog(home.path)
    const words = ['ca', 'sign', file, '--pki-dir', directory, '--out', join(home.path, 'it.pem')]
    const ended = await home.fpki(words)
    expectWords(ended, { status: 6, code, names: [file] })
    expect(
      names.some((name) => ended.stderr.includes(name)),
      ended.stderr,
    ).toBe(true)
    expect(ended.stderr).not.toMatch(/PRIVATE KEY-----|MHcCAQEE|MIGHAgEA/)
    expect(await snapshotButAuditLog(home.path)).toEqual(before)
  })

  test.each([
    ['/dev/zero', 'larger than'],
    ['/dev/null', 'it is empty'],
    ['/etc', 'EISDIR'],
    ['/nowhere', 'no such file'],
  ])('%s', async (file, reason) => {
    const { home, directory } = await copiedPki()
    const words = ['ca', 'sign', file, '--pki-dir', directory]
    const code = file === '/dev/null' ? 'ERR_BAD_CSR' : 'ERR_BAD_FILE'
    await expectRefusal(home, words, { status: 6, code, names: [file, reason] })
  })

  test('empty stdin', async () => {
    const { home, directory } = await copiedPki()
    const words = ['ca', 'sign', '-', '--pki-dir', directory]
    await expectRefusal(home, words, { status: 6, code: 'ERR_BAD_CSR', names: ['the CSR on stdin'] })
  })

  test('printed as a JSON error', async () => {
    const { sign } = await scene(await opensslCsr({ key: 'RSA-1024' }))
    const { status, stdout } = await sign('--json')
    expect({ status, document: JSON.parse(stdout) }).toMatchObject({
      status: 6,
      document: { error: { code: 'ERR_BAD_CSR' } },
    })
  })
})

describe('fioctl', () => {
  /** fpki also adds it to server certificates, and computes it differently (docs/profile.md#deviations). */
  const SUBJECT_KEY_ID = objectIdentifier('2.5.29.14').subarray(2).toString('hex')

  test.each(['tls', 'ca', 'est-tls'] as const)('signs the %s-csr with the same fields', async (kind) => {
    const [csrs, certificates] = await Promise.all([fioctlCsrs(`${kind}-csr`), fioctlUploads(`${kind}-crt`)])
    const theirs = certificates.flatMap((text) => text.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g) ?? [])
    const home = await newHome()
    const directory = join(home.path, 'acme')
    await mkdir(directory, { mode: 0o700 })
    for (const name of ['factory_ca.pem', 'factory_ca.key'])
      await writeFile(join(directory, name), await fioctlFile(name))
    expect(csrs.length).toBeGreaterThan(0)
    for (const stdin of csrs) {
      const profile = kind === 'ca' ? 'device-ca' : 'tls'
      const { stdout } = await home.fpki(['ca', 'sign', '-', '--pki-dir', directory, '--profile', profile], { stdin })
      const ours = readCertificateFields(derOf(stdout))
      const same = theirs.map((text) => readCertificateFields(derOf(text))).find(({ spki }) => spki.equals(ours.spki))
      expect(same).toBeDefined()
      const extensions = (of: typeof ours) =>
        of.extensions
          .map(readExtension)
          .filter(({ type }) => kind === 'ca' || type !== SUBJECT_KEY_ID)
          .map((one) => (one.type === SUBJECT_KEY_ID ? { ...one, value: one.value.slice(0, 4) } : one))
      expect(extensions(ours)).toEqual(same === undefined ? [] : extensions(same))
      // fioctl re-encodes the subject; fpki keeps the encoding of the request.
      expect(ours.subject.toString('hex')).toBe(at(readTlv(derOf(stdin)), 0, 1).der.toString('hex'))
      for (const field of ['version', 'signature', 'issuer', 'spki'] as const) {
        expect([field, ours[field].toString('hex')]).toEqual([field, same?.[field].toString('hex')])
      }
      expect([3652, 3653]).toContain(await daysOf(stdout))
      expect(
        await output('openssl', ['verify', '-CAfile', join(directory, 'factory_ca.pem')], { stdin: stdout }),
      ).toContain('OK')
    }
  })

  test('with a root key that fioctl created in a token, ca sign works', async () => {
    const token = await fioctlToken()
    const home = await homeWith(token, '1234')
    const directory = join(home.path, 'acme')
    await mkdir(directory, { mode: 0o700 })
    await writeFile(join(directory, 'factory_ca.pem'), await fioctlFile('factory_ca.pem', 'hsm'))
    const before = await snapshotButAuditLog(directory)
    const words = ['ca', 'sign', '-', '--pki-dir', directory, ...token.flags]
    const { status, stdout } = await home.fpki(words, { stdin: await opensslCsr({ extensions: NAMES }) })
    expect(status).toBe(0)
    expect(
      await output('openssl', ['verify', '-CAfile', join(directory, 'factory_ca.pem')], { stdin: stdout }),
    ).toContain('OK')
    expect(await snapshotButAuditLog(directory)).toEqual(before)
  })
})

describe('with the root key in SoftHSM', () => {
  test('signs with the recorded token, and issues nothing with a wrong PIN', async () => {
    const token = await softHsm()
    const home = await homeWith(token)
    const directory = join(home.path, 'acme')
    expect((await home.fpki(['ca', 'create', directory, ...token.flags, '--quiet'])).status).toBe(0)
    const stdin = await opensslCsr({ extensions: CA })
    const words = ['ca', 'sign', '-', '--pki-dir', directory, '--out', join(home.path, 'it.pem')]
    const before = await snapshotButAuditLog(home.path)
    const wrong = await home.fpki(words, { stdin, env: { FPKI_HSM_PIN: '00000000' } })
    expectWords(wrong, { status: 5, code: 'ERR_HSM_PIN', names: [] })
    expect(await snapshotButAuditLog(home.path)).toEqual(before)
    expect(await home.fpki(words, { stdin })).toMatchObject({ status: 0, stdout: '' })
    const verify = ['verify', '-CAfile', join(directory, 'factory_ca.pem'), join(home.path, 'it.pem')]
    expect(await output('openssl', verify)).toContain('OK')
    const bad = await home.fpki(words, { stdin: await opensslCsr({ key: 'secp256k1' }) })
    expectWords(bad, { status: 6, code: 'ERR_BAD_CSR', names: ['the CSR on stdin'] })
  })
})

test('a root key that does not match factory_ca.pem signs nothing', async () => {
  const { home, file, directory, path } = await scene(await opensslCsr())
  await chmod(path('factory_ca.key'), 0o600)
  await copyFile(path('local-ca.key'), path('factory_ca.key'))
  await expectRefusal(home, ['ca', 'sign', file, '--pki-dir', directory], {
    status: 6,
    code: 'ERR_BAD_KEY',
    names: [directory, 'factory_ca.pem'],
  })
})
