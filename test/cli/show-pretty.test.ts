import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { pretty } from '../../src/cli/commands/ca/show-pretty.js'
import { showPkiResult } from '../../src/operations/show/show-pki.js'
import { output, runProgram } from '../support/cli.js'
import { copiedPki, editCertificates, editJson, type Made, madePki, x509 } from './made.js'
import { silentIo } from './silent-io.js'

const TITLES = {
  'factory_ca.pem': 'factory_ca, root of trust',
  'tls-crt': 'tls-crt, server certificate of the device gateway',
  'online-crt': 'online-ca, device CA for devices that register online',
  'local-ca.pem': 'local-ca, device CA for manufacturing',
} as const
const FILES = ['factory_ca.pem', 'tls-crt', 'online-crt', 'local-ca.pem'] as const

/** OpenSSL's names for the terms of RFC 5280. */
const RFC_NAMES: Readonly<Record<string, string>> = {
  'Digital Signature': 'digitalSignature',
  'Certificate Sign': 'keyCertSign',
  'CRL Sign': 'cRLSign',
  'TLS Web Server Authentication': 'serverAuth',
  'TLS Web Client Authentication': 'clientAuth',
}

describe('show --pretty', () => {
  test('starts with a tree of the four certificates and their subjects', async () => {
    const { home } = await copiedPki()
    const { stdout } = await home.fpki(['ca', 'show', '--pretty'])
    const [head = '', tree = ''] = stdout.split('\n\n')
    expect(head).toContain('Factory acme')
    expect(tree.split('\n')).toEqual([
      expect.stringMatching(/^factory_ca +CN=Factory-CA, OU=acme +\d+ days left$/),
      expect.stringMatching(/^├── tls-crt +CN=acme\.localhost, OU=acme +\d+ days left$/),
      expect.stringMatching(/^├── online-ca +CN=online-ca, OU=acme +\d+ days left$/),
      expect.stringMatching(/^└── local-ca +CN=fio-[0-9a-f]{24}, OU=acme +\d+ days left$/),
    ])
    expect(new Set(tree.split('\n').map((line) => line.indexOf('CN='))).size).toBe(1)
  })

  test('prints the same fields as OpenSSL', async () => {
    const made = await madePki(['--tls-name', 'gw.acme.example', '--tls-name', 'gw2.acme.example'])
    const { stdout } = await made.home.fpki(['ca', 'show', '--pretty'])
    for (const file of FILES) {
      const shown = fieldsOf(stdout, TITLES[file])
      const { 'Valid until': until = '', ...others } = shown
      expect(others).toMatchObject(await expectedFields(made, file))
      const [, time, days = ''] = /^(\S+) {2}\((\d+) days left\)$/.exec(until) ?? []
      expect(time).toBe(await date(made, file, '-enddate'))
      await expectDaysLeft(made.path(file), Number(days))
    }
  })

  test('marks a certificate not signed by the root, and an expired one', async () => {
    const made = await copiedPki()
    const other = await madePki()
    await editCertificates(made, { tlsCrt: await other.text('tls-crt'), caCrt: await expiredCa(made) })
    const { stdout } = await made.home.fpki(['ca', 'show', '--pretty'])
    const { Issuer, State } = fieldsOf(stdout, TITLES['tls-crt'])
    expect([Issuer, State]).toEqual([expect.stringContaining('(NOT SIGNED BY THE ROOT)'), 'SIGNATURE NOT VERIFIED'])
    expect(stdout).toMatch(/^└── online-ca .*EXPIRED on 20\d\d-\d\d-\d\d$/m)
    expect(stdout).toMatch(/^├── tls-crt .* days left {2}SIGNATURE NOT VERIFIED$/m)
    const short = await made.home.fpki(['ca', 'show', '--short'])
    expect(short.stdout).toContain(`${TITLES['tls-crt']}  SIGNATURE NOT VERIFIED\n`)
  })

  test('has no line for a missing EST server', async () => {
    const { home } = await copiedPki()
    expect((await home.fpki(['ca', 'show', '--pretty'])).stdout).not.toMatch(/est-tls|EST server/)
  })
})

describe('show --short', () => {
  test('prints five lines a certificate, with the serial number as OpenSSL does', async () => {
    const made = await copiedPki()
    const { stdout } = await made.home.fpki(['ca', 'show', '--short'])
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(5 * FILES.length)
    for (const [at, file] of FILES.entries()) {
      const [title, ...rows] = lines.slice(5 * at, 5 * at + 5)
      const serial = (await x509(made.path(file), '-serial')).replace('serial=', '')
      const fingerprint = (await x509(made.path(file), '-fingerprint', '-sha256')).replace(/^.*=/, '')
      expect(title).toBe(TITLES[file])
      expect(rows).toEqual([
        expect.stringMatching(/^ {2}Subject {2}CN=.*, OU=acme$/),
        `  Serial   ${(serial.match(/../g) ?? []).join(':')}`,
        expect.stringMatching(/^ {2}Valid {4}\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d, \d+ days left$/),
        `  SHA-256  ${fingerprint.replaceAll(':', '').toLowerCase()}`,
      ])
    }
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
  })

  test('cannot be combined with another form', async () => {
    const { home } = await copiedPki()
    expect(await home.fpki(['ca', 'show', '--short', '--pretty'])).toMatchObject({ status: 2, stdout: '' })
    expect(await home.fpki(['ca', 'show', '--short', '--json'])).toMatchObject({ status: 2 })
  })
})

describe('with a PKI directory', () => {
  test('local CAs are told apart by their files, and revoked ones are shown as such', async () => {
    // The record of a copied PKI names the Factory API of the original.
    const { home, directory } = await madePki()
    for (const words of [
      ['add-device-ca', directory, '--local-ca', '--local-ca-filename', 'site-b'],
      ['add-device-ca', directory, '--local-ca', '--local-ca-filename', 'site-c'],
      ['revoke-device-ca', directory, '--ca-file', 'site-b', '--yes'],
      ['disable-device-ca', directory, '--ca-file', 'site-c', '--yes'],
    ])
      expect(await home.fpki(['ca', ...words, '--quiet'])).toEqual({ status: 0, signal: null, stdout: '', stderr: '' })
    const { stdout } = await home.fpki(['ca', 'show', directory, '--pretty'])
    const [, tree = ''] = stdout.split('\n\n')
    expect(tree.split('\n').slice(2)).toEqual([
      expect.stringMatching(/^├── online-ca +CN=online-ca, .*left$/),
      expect.stringMatching(/^├── local-ca\.pem +CN=fio-.*left$/),
      expect.stringMatching(/^├── site-c\.pem +CN=fio-.*left {2}DISABLED$/),
      expect.stringMatching(/^└── site-b\.pem +CN=fio-.*left {2}REVOKED$/),
    ])
    const short = await home.fpki(['ca', 'show', directory, '--short'])
    expect(short.stdout).toMatch(/^site-b\.pem, local-ca, device CA for manufacturing {2}REVOKED$/m)
    const shown = showPkiResult.parse(JSON.parse((await home.fpki(['ca', 'show', directory, '--json'])).stdout))
    const terminal = { ...silentIo(() => undefined), terminal: { stdout: true, stderr: false } }
    const soon = { ...shown, root: { ...shown.root, daysLeft: 59 } }
    expect(pretty(soon, terminal)).toMatch(/^factory_ca .* {2}\u001b\[33mEXPIRES in 59 days\u001b\[39m$/m)
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
    const early = { ...shown, root: { ...shown.root, notBefore: tomorrow } }
    expect(pretty(early, terminal)).toMatch(/^factory_ca .* left {2}\u001b\[31mNOT VALID YET\u001b\[39m$/m)
    expect(pretty(early, terminal)).toContain('  State               \u001b[31mNOT VALID YET\u001b[39m\n')
    expect(pretty(shown, terminal)).toMatch(
      / left {2}\u001b\[33mDISABLED\u001b\[39m\n.* left {2}\u001b\[31mREVOKED\u001b\[39m\n/,
    )
    // As in pictures: revoked, then not verified, then disabled.
    const forged = { ...shown, deviceCas: shown.deviceCas.map((one) => ({ ...one, signedByRoot: false })) }
    expect(
      pretty(
        forged,
        silentIo(() => undefined),
      ),
    ).toMatch(/^├── site-c\.pem .*left {2}SIGNATURE NOT VERIFIED\n.*left {2}REVOKED\n/m)
    for (const plain of [
      { ...terminal, env: { NO_COLOR: '1' } },
      { ...terminal, env: { TERM: 'dumb' } },
    ])
      expect(pretty(shown, plain)).toBe(stripVTControlCharacters(pretty(shown, terminal)))
    // Without the directory, the Factory API no longer knows of it.
    expect((await home.fpki(['ca', 'show', '--pretty'])).stdout).not.toContain('REVOKED')
  })
})

test('the tree and the picture agree on a device CA that is revoked by the record only, or disabled and not listed', async () => {
  const { home, directory, path, text, stateFile } = await copiedPki()
  const serialOf = async (name: string) =>
    String(BigInt(`0x${(await x509(path(name), '-serial')).replace(/^.*=/, '')}`))
  const [revoked, disabled] = [await serialOf('local-ca.pem'), await serialOf('online-crt')]
  await editJson(path('.fpki/state.json'), (state) => ({ ...state, revokedCaSerials: [revoked] }))
  await editCertificates({ stateFile }, { caCrt: await text('local-ca.pem'), disabledCaSerials: [disabled] })
  const { stdout } = await home.fpki(['ca', 'show', directory, '--pretty', '--api', 'embedded'])
  expect(stdout).toMatch(/^├── local-ca\.pem .*left {2}REVOKED\n└── online-ca .*left {2}DISABLED$/m)
  expect(stdout).toContain('  State               REVOKED, but the Factory API accepts its devices\n')
  const picture = await home.fpki(['ca', 'show', directory, '--mermaid', '-', '--api', 'embedded'])
  expect(picture.stdout).toMatch(/"local-ca\.pem<br\/>[^"]*<br\/>REVOKED</)
  expect(picture.stdout).toMatch(/"online-crt<br\/>[^"]*<br\/>DISABLED</)
})

/** A device CA that expired yesterday. */
async function expiredCa({ path }: Made): Promise<string> {
  const csr = await output('openssl', [
    ...['req', '-new', '-key', path('local-ca.key'), '-subj', '/CN=online-ca/OU=acme'],
    ...['-addext', 'basicConstraints=critical,CA:TRUE'],
  ])
  const ca = ['-CA', path('factory_ca.pem'), '-CAkey', path('factory_ca.key'), '-days', '-1']
  return output('openssl', ['x509', '-req', ...ca, '-copy_extensions', 'copy'], { stdin: csr })
}

/** The rows of a certificate by name; the second row of the serial number, for fioctl, is `Serial decimal`. */
function fieldsOf(stdout: string, title: string): Record<string, string> {
  const block = stdout.split('\n\n').find((text) => text.startsWith(`${title}\n`)) ?? ''
  const rows = block.trimEnd().split('\n').slice(1)
  return Object.fromEntries(rows.map((row) => [row.slice(0, 22).trim() || 'Serial decimal', row.slice(22)]))
}

/** The expected rows, according to OpenSSL. */
async function expectedFields({ path }: Made, file: (typeof FILES)[number]): Promise<Record<string, string>> {
  const ask = (...words: string[]) => x509(path(file), ...words)
  const after = async (...words: string[]) => (await ask(...words)).replace(/^[^=]*=/, '')
  const extension = async (name: string) => (await ask('-ext', name)).split('\n').slice(1).join(' ').trim()
  const named = async (name: string) =>
    (await extension(name))
      .split(', ')
      .map((word) => RFC_NAMES[word] ?? word)
      .join(', ')
  const serial = await after('-serial')
  const text = await ask('-text', '-certopt', 'no_extensions')
  const constraints = await extension('basicConstraints')
  const optional = {
    'Extended key usage': await named('extendedKeyUsage'),
    'Alternative names': await extension('subjectAltName'),
    'Authority key ID': (await extension('authorityKeyIdentifier')).replace('keyid:', '').toLowerCase(),
  }
  return {
    Subject: `${await after('-subject', '-nameopt', 'sname,sep_comma_plus_space')}  (UTF8String)`,
    Issuer: `${await after('-issuer', '-nameopt', 'sname,sep_comma_plus_space')}  (signature verified)`,
    Serial: (serial.match(/../g) ?? []).join(':'),
    ...(/online|local/.test(file) ? { 'Serial decimal': `${BigInt(`0x${serial}`)} (decimal)` } : {}),
    'Valid from': await date({ path }, file, '-startdate'),
    Key: `EC ${/NIST CURVE: (\S+)/.exec(text)?.[1]}`,
    Signature: /Signature Algorithm: (\S+)/.exec(text)?.[1] ?? '',
    CA: constraints.replace('CA:TRUE', 'yes').replace('pathlen:', 'path length ') || 'no',
    'Key usage': await named('keyUsage'),
    'Subject key ID': (await extension('subjectKeyIdentifier')).toLowerCase(),
    'SHA-256': (await after('-fingerprint', '-sha256')).toLowerCase(),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== '')),
  }
}

async function date({ path }: Pick<Made, 'path'>, file: string, which: string): Promise<string> {
  const text = await x509(path(file), which, '-dateopt', 'iso_8601')
  return text.replace(/^.*=/, '').replace(' ', 'T')
}

/** According to OpenSSL, the certificate is valid for that many days, and not for one more. */
async function expectDaysLeft(path: string, days: number): Promise<void> {
  const isValidFor = async (seconds: number) =>
    (await runProgram('openssl', ['x509', '-in', path, '-noout', '-checkend', `${seconds}`])).status === 0
  expect([await isValidFor(days * 86_400), await isValidFor((days + 1) * 86_400)]).toEqual([true, false])
}
