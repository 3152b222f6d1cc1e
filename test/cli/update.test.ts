import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { updateDeviceCasResult } from '../../src/operations/device-cas/update-device-cas.js'
import { opensslCsr, opensslKey } from '../pki/support/openssl-csr.js'
import { output } from '../support/cli.js'
import { deviceCaSerials, hexOf, knownOf, pkiWithThreeCas, serialOf } from './device-cas.js'
import { copiedPki, editCertificates, type Made, madePki } from './made.js'
import { expectRefusal, expectWords } from './refusal.js'
import { snapshot } from './snapshot.js'
import { CTRL_C, onTerminal } from './terminal.js'

const CA = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign']

/** `ca update` with the texts of these files of the PKI directory, or others. */
async function listOf(made: Pick<Made, 'home' | 'text'>, ...names: readonly string[]): Promise<string> {
  const texts = names.map(async (name) => (name.includes('-----') ? name : made.text(name)))
  const file = join(made.home.path, 'cas.pem')
  await writeFile(file, (await Promise.all(texts)).join(''))
  return file
}

/** The id of the Factory API's user. */
async function userOf({ stateFile }: Pick<Made, 'stateFile'>): Promise<string> {
  const { userId }: { userId: string } = JSON.parse(await readFile(stateFile, 'utf8'))
  return userId
}

/** A device CA with a key made outside of fpki, signed with `fpki ca sign`. */
async function signedCa({ home, directory }: Made, subject: string, more: readonly string[] = []): Promise<string> {
  const stdin = await opensslCsr({ subject, extensions: CA })
  const { status, stdout } = await home.fpki(['ca', 'sign', '-', '--pki-dir', directory, ...more], { stdin })
  expect(status).toBe(0)
  return stdout
}

/** A certificate that OpenSSL signs with the root key, and that fpki would refuse to sign. */
async function oddCa({ path }: Made, extensions: readonly string[], ...more: readonly string[]): Promise<string> {
  const stdin = await opensslCsr({ subject: '/CN=odd/OU=acme', extensions })
  const words = ['-req', '-CA', path('factory_ca.pem'), '-CAkey', path('factory_ca.key'), '-copy_extensions', 'copy']
  return output('openssl', ['x509', ...words, ...more], { stdin })
}

const update = ({ home }: Pick<Made, 'home'>, file: string, ...more: readonly string[]) =>
  home.fpki(['ca', 'update', file, ...more])

describe('an unchanged list', () => {
  test('is not sent, even with another order, other line endings or extra text', async () => {
    const made = await copiedPki()
    const before = await snapshot(made.home.path)
    const { caCrt } = await knownOf(made)
    const [online, local] = await Promise.all(['online-crt', 'local-ca.pem'].map(made.text))
    for (const stdin of [
      caCrt ?? '',
      `${local}${online}`,
      `${caCrt}`.replaceAll('\n', '\r\n'),
      `online:\n${online}\nlocal:\n${local}`,
    ]) {
      const { status, stdout, stderr } = await made.home.fpki(['ca', 'update', '-'], { stdin })
      expect({ status, stdout, stderr }).toEqual({
        status: 0,
        stdout: '',
        stderr: 'note: The Factory API already has exactly these device CAs. Nothing was changed.\n',
      })
    }
    expect(await snapshot(made.home.path)).toEqual(before)
  })

  test('printed by ca show is accepted', async () => {
    const made = await copiedPki()
    const { stdout: stdin } = await made.home.fpki(['ca', 'show', '--just-device-cas'])
    const { stdout } = await made.home.fpki(['ca', 'update', '-', '--json'], { stdin })
    expect(updateDeviceCasResult.parse(JSON.parse(stdout))).toMatchObject({
      changed: false,
      added: [],
      removed: [],
      kept: [{}, {}],
    })
  })
})

describe('a list with an additional CA', () => {
  test('signed by ca sign is sent without confirmation and read back', async () => {
    const made = await copiedPki()
    const added = await signedCa(made, `/CN=fio-${await userOf(made)}/OU=acme`)
    const file = await listOf(made, 'online-crt', 'local-ca.pem', added)
    const before = await snapshot(made.directory)
    const { status, stdout, stderr } = await update(made, file)
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: 'The factory acme now has 3 device CAs: 1 added, 0 removed\n',
    })
    expect(stderr).toMatch(/^note: add CN=fio-[0-9a-f]{24}, OU=acme, serial ([0-9A-F]{2}:){19}[0-9A-F]{2}$/m)
    expect(stderr.match(/^note: keep /gm)).toHaveLength(2)
    const names = ['online-crt', 'local-ca.pem']
    const serial = BigInt(
      `0x${(await output('openssl', ['x509', '-noout', '-serial'], { stdin: added })).trim().slice(7)}`,
    )
    const expected = [...(await Promise.all(names.map((name) => serialOf(made.path(name))))), serial.toString()]
    expect(await deviceCaSerials(made)).toEqual(expected)
    const shown = await made.home.fpki(['ca', 'show', '--just-device-cas'])
    expect(shown.stdout).toContain(added)
    expect(await snapshot(made.directory)).toEqual(before)
  })

  test('--json prints the document', async () => {
    const made = await copiedPki()
    const added = await signedCa(made, `/CN=fio-${await userOf(made)}/OU=acme`)
    const { stdout } = await update(made, await listOf(made, 'online-crt', added), '--yes', '--json')
    const told = updateDeviceCasResult.parse(JSON.parse(stdout))
    expect(told).toMatchObject({
      factory: 'acme',
      api: `embedded (${made.home.state})`,
      changed: true,
      added: [{ pem: added, ca: true, signedByRoot: true }],
      removed: [{ serial: await serialOf(made.path('local-ca.pem')) }],
      kept: [{ serial: await serialOf(made.path('online-crt')) }],
    })
  })
})

describe('a list with a revoked CA', () => {
  test('requires --yes, since its devices would be accepted again', async () => {
    const made = await pkiWithThreeCas()
    const file = await listOf(made, 'online-crt', 'local-ca.pem', 'site-b.pem')
    await made.home.fpki(['ca', 'revoke-device-ca', made.directory, '--ca-file', 'site-b'])
    const refusal = { status: 3, code: 'ERR_NOT_CONFIRMED', names: ['--yes', `${hexOf(made.siteB)} was revoked`] }
    await expectRefusal(made.home, ['ca', 'update', file], { ...refusal, names: ['--yes'] })
    expectWords(await update(made, file), refusal)
    expect(await update(made, file, '--yes')).toMatchObject({ status: 0 })
    expect(await deviceCaSerials(made)).toContain(made.siteB)
  })
})

describe('a list without one of the CAs', () => {
  test('requires --yes without a terminal', async () => {
    const made = await pkiWithThreeCas()
    const file = await listOf(made, 'online-crt', 'local-ca.pem')
    const words = ['ca', 'update', file]
    await expectRefusal(made.home, words, { status: 3, code: 'ERR_NOT_CONFIRMED', names: ['--yes'] })
    expect((await update(made, file)).stderr).toContain(
      `warning: The gateway will reject the devices of the removed CAs (${hexOf(made.siteB)}).`,
    )
    expect(await update(made, file, '--yes')).toMatchObject({ status: 0 })
    expect(await deviceCaSerials(made)).toEqual([made.online, made.local])
  })

  test.each([
    [['local-ca.pem', 'site-b.pem'], 'No online-ca will be left'],
    [['online-crt'], 'The gateway will reject the devices'],
  ])('%j reports what stops working', async (names, danger) => {
    const made = await pkiWithThreeCas()
    const file = await listOf(made, ...names)
    expect(await update(made, file)).toMatchObject({ status: 3, stderr: expect.stringContaining(danger) })
  })

  test('with only a disabled one left is reported as empty', async () => {
    const made = await pkiWithThreeCas()
    await made.home.fpki(['ca', 'disable-device-ca', made.directory, '--ca-file', 'site-b'])
    const { status, stderr } = await update(made, await listOf(made, 'site-b.pem'))
    expect({ status, stderr }).toEqual({ status: 3, stderr: expect.stringContaining('No device CA will be left') })
  })

  test.each([
    ['yes\r', 0],
    ['no\r', 3],
    [CTRL_C, 130],
  ])('asks for confirmation on a terminal, and %j exits with %i', async (keys, expected) => {
    const made = await pkiWithThreeCas()
    const file = await listOf(made, 'online-crt', 'local-ca.pem')
    const before = await snapshot(made.home.path)
    const question = 'Replace the list of device CAs? [yes/no] '
    const { status, stdout } = await onTerminal(made.home, `ca update ${file}`, [[question, keys]])
    expect(status).toBe(expected)
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      `remove CN=fio-${await userOf(made)}, OU=acme, serial ${hexOf(made.siteB)}`,
    )
    expect(await deviceCaSerials(made)).toHaveLength(expected === 0 ? 2 : 3)
    if (expected !== 0) expect(await snapshot(made.home.path)).toEqual(before)
  })
})

/** A list that is refused, and parts of the message. */
type Bad = [title: string, make: (made: Made) => Promise<readonly string[]>, code: string, names: readonly string[]]

const BAD: Bad[] = [
  [
    'with a CA of another factory',
    async (made) => [await signedCa(made, '/CN=x/OU=bolt')],
    'ERR_BAD_CERTIFICATE',
    ['OU=bolt', 'not OU=acme'],
  ],
  [
    'with a CA of two factories',
    async (made) => [await signedCa(made, '/CN=x/OU=acme/OU=bolt')],
    'ERR_BAD_CERTIFICATE',
    ['OU=acme, OU=bolt'],
  ],
  ['with a CA of no factory', async (made) => [await signedCa(made, '/CN=x')], 'ERR_BAD_CERTIFICATE', ['not OU=acme']],
  [
    'with a CA of another root',
    async () => [await (await madePki()).text('local-ca.pem')],
    'ERR_BAD_CERTIFICATE',
    ['Certificate 2 in', 'not signed by the root'],
  ],
  ['with a server’s certificate', async () => ['tls-crt'], 'ERR_BAD_CERTIFICATE', ['Certificate 2 in', 'is not a CA']],
  [
    'with a CA that may not sign',
    async (made) => [await oddCa(made, ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign'])],
    'ERR_BAD_CERTIFICATE',
    ['is not a CA'],
  ],
  [
    'with a CA that has expired',
    async (made) => [await oddCa(made, CA, '-days', '-1')],
    'ERR_BAD_CERTIFICATE',
    ['expired on 20'],
  ],
  ['with the root itself', async () => ['factory_ca.pem'], 'ERR_BAD_CERTIFICATE', ['has the key of the root']],
  ['with a CA twice', async () => ['online-crt'], 'ERR_BAD_CERTIFICATE', ['Two certificates', 'serial number']],
  ['with a private key', async (made) => [await made.text('local-ca.key')], 'ERR_BAD_FILE', ['found "EC PRIVATE KEY"']],
  ['with a PKCS #8 key', async () => [await opensslKey('P-256')], 'ERR_BAD_FILE', ['found "PRIVATE KEY"']],
  ['with a request', async () => [await opensslCsr()], 'ERR_BAD_FILE', ['found "CERTIFICATE REQUEST"']],
  ['with a broken block', async () => ['-----BEGIN CERTIFICATE-----\nMIIB\n'], 'ERR_BAD_FILE', ['malformed PEM block']],
  [
    'with a block of nonsense',
    async () => ['-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'],
    'ERR_BAD_CERTIFICATE',
    ['not a valid certificate'],
  ],
]

describe('a list is refused and not sent', () => {
  test.each(BAD)('with one %s', async (_, make, code, names) => {
    const made = await copiedPki()
    const file = await listOf(made, 'online-crt', ...(await make(made)))
    const before = await snapshot(made.home.path)
    const ended = await update(made, file, '--yes')
    expectWords(ended, { status: 6, code, names: [file, ...names] })
    expect(ended.stderr).not.toMatch(/MHcCAQEE|MIGHAgEA|-----/)
    expect(await snapshot(made.home.path)).toEqual(before)
  })

  test.each<[string, string, readonly string[]]>([
    ['empty', '', ['stdin is not a certificate: it contains no PEM block']],
    ['no PEM', 'these are all', ['stdin is not a certificate: it contains no PEM block']],
    ['huge', '-'.repeat(5_000_000), ['Cannot read stdin', '4194304 bytes']],
  ])('with one that is %s', async (_, stdin, names) => {
    const { home } = await copiedPki()
    const refusal = { status: 6, code: 'ERR_BAD_FILE', names }
    await expectRefusal(home, ['ca', 'update', '-', '--yes'], refusal, { stdin })
  })

  test.each(['/dev/zero', '/etc', '/nowhere'])('%s', async (file) => {
    const { home } = await copiedPki()
    await expectRefusal(home, ['ca', 'update', file], { status: 6, code: 'ERR_BAD_FILE', names: [file] })
  })
})

describe('the Factory API', () => {
  test('refuses a CA of another issuer', async () => {
    const made = await copiedPki()
    const stranger = await signedCa(made, '/CN=fio-somebody-else/OU=acme')
    const file = await listOf(made, 'online-crt', 'local-ca.pem', stranger)
    const names = ['400', 'neither for a key of this factory nor named fio-']
    await expectRefusal(made.home, ['ca', 'update', file], { status: 4, code: 'ERR_API', names })
  })

  test('without a root is refused', async () => {
    const made = await copiedPki()
    const file = await listOf(made, 'online-crt')
    const words = ['ca', 'update', file, '--factory', 'bolt']
    await expectRefusal(made.home, words, { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['bolt'] })
  })

  test('with an invalid list is not updated', async () => {
    const made = await copiedPki()
    await editCertificates(made, { caCrt: 'broken' })
    const file = await listOf(made, 'online-crt')
    await expectRefusal(made.home, ['ca', 'update', file], { status: 6, code: 'ERR_BAD_FILE', names: ['ca-crt'] })
  })
})
