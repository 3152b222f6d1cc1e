import { chmod, chown, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exportGatewayResult } from '../../src/index.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'
import { newHome, output } from '../support/cli.js'
import { recordDevices, uuidNumber } from '../support/device-register.js'
import { pkiWithThreeCas } from './device-cas.js'
import { copiedPki, type Made, madePki, x509 } from './made.js'
import { expectRefusal } from './refusal.js'

const NAMES = ['device-cas.pem', 'nginx.conf', 'tls.pem']

function words({ home }: Pick<Made, 'home'>, ...more: readonly string[]): readonly string[] {
  return ['api', 'export-gateway', 'acme', join(home.path, 'gateway'), ...more]
}

async function exported(made: Made, ...more: readonly string[]) {
  const { status, stdout, stderr } = await made.home.fpki([...words(made, '--json'), ...more])
  expect({ status, stderr }).toMatchObject({ status: 0 })
  expect(`${stdout}${stderr}`).not.toContain('PRIVATE KEY')
  return { document: exportGatewayResult.parse(JSON.parse(stdout)), stderr }
}

/** The serial numbers of the certificates in a file, according to OpenSSL; decimal. */
async function serialsIn(path: string): Promise<readonly string[]> {
  const text = await output('openssl', ['storeutl', '-noout', '-text', '-certs', path])
  const serials = [...text.matchAll(/Serial Number:\s+(?:\d+ \(0x(\w+)\)|([0-9a-f:]+))\n/g)]
  return [
    ...new Set(serials.map(([, short, long = '']) => BigInt(`0x${short ?? long.replaceAll(':', '')}`).toString())),
  ]
}

/** Key and certificate of tls.pem match, and are those of the factory. */
async function expectTls(made: Made): Promise<void> {
  const path = join(made.home.path, 'gateway', 'tls.pem')
  expect(await output('openssl', ['pkey', '-in', path, '-pubout'])).toBe(
    await x509(path, '-pubkey').then((key) => `${key}\n`),
  )
  expect(await x509(path, '-fingerprint')).toBe(await x509(made.path('tls-crt'), '-fingerprint'))
}

test('writes a private directory with the enabled CAs and without the root', async () => {
  const made = await pkiWithThreeCas()
  await made.home.fpki(['ca', 'disable-device-ca', made.directory, '--ca-file', 'site-b'])
  const { document } = await exported(made)
  const directory = join(made.home.path, 'gateway')
  expect((await readdir(directory)).filter((name) => name !== '.lock')).toEqual(NAMES)
  const modes = await Promise.all(['', ...NAMES].map(async (name) => (await stat(join(directory, name))).mode & 0o777))
  expect(modes.map((mode) => mode.toString(8))).toEqual(['700', '444', '444', '400'])
  expect(await serialsIn(join(directory, 'device-cas.pem'))).toEqual([made.online, made.local])
  await expectTls(made)
  expect(document).toMatchObject({ factory: 'acme', directory, disabledCaSerials: [made.siteB], warnings: [] })
  expect(document.deviceCas.map(({ serial }) => serial)).toEqual([made.online, made.local])
  expect([...document.changed].sort()).toEqual(NAMES)
  const first = await output('openssl', ['x509', '-in', join(directory, 'device-cas.pem'), '-noout', '-text'])
  expect(first).toMatch(/Trusted Uses:\s+TLS Web Client Authentication\s+No Rejected Uses/)
})

test('--replace writes only changed files, and the key with its certificate', async () => {
  const made = await copiedPki()
  await exported(made)
  const inode = async (name: string) => (await stat(join(made.home.path, 'gateway', name))).ino
  const before = await Promise.all(NAMES.map(inode))
  expect((await exported(made, '--replace')).document.changed).toEqual([])
  expect(await Promise.all(NAMES.map(inode))).toEqual(before)
  await made.home.fpki(['ca', 'rotate-tls', made.directory])
  expect((await exported(made, '--replace')).document.changed).toEqual(['tls.pem'])
  await expectTls(made)
  await made.home.fpki(['ca', 'disable-device-ca', made.directory, '--ca-file', 'local-ca'])
  expect((await exported(made, '--replace')).document.changed).toEqual(['device-cas.pem'])
  await made.home.fpki(['ca', 'disable-device-ca', made.directory, '--ca-file', 'online-crt', '--yes'])
  const { document, stderr } = await exported(made, '--replace')
  expect(document.changed).toEqual(['device-cas.pem', 'nginx.conf'])
  expect(document.warnings.length).toBe(1)
  expect(stderr).toContain('the gateway will reject every device')
})

test('--replace finishes an interrupted export and removes its temporary files', async () => {
  const made = await copiedPki()
  await exported(made)
  const directory = join(made.home.path, 'gateway')
  await rm(join(directory, 'nginx.conf'))
  await writeFile(join(directory, 'tls.pem.fpki-unfinished'), 'half a k', { mode: 0o400 })
  await expectRefusal(made.home, words(made), { status: 3, code: 'ERR_EXISTS', names: ['is not empty', '--replace'] })
  expect((await exported(made, '--replace')).document.changed).toEqual(['nginx.conf'])
  expect((await readdir(directory)).filter((name) => name !== '.lock')).toEqual(NAMES)
})

test('uses the given paths, address and upstream', async () => {
  const made = await copiedPki()
  await exported(made, '--listen', '[::1]:9443', '--upstream', 'http://[::1]:81/a', '--at', '/etc/the gateway/')
  const conf = await readFile(join(made.home.path, 'gateway', 'nginx.conf'), 'utf8')
  expect(conf).toContain('listen [::1]:9443 ssl;')
  expect(conf).toContain('proxy_pass http://[::1]:81/a;')
  expect(conf.replace(/^# Options: .*\n/m, '').match(/"[^"]*"/g)).toEqual([
    '"/etc/the gateway/tls.pem"',
    '"/etc/the gateway/tls.pem"',
    '"/etc/the gateway/device-cas.pem"',
  ])
})

test('--replace keeps listen, upstream and at, even without enabled device CAs, and reports changes', async () => {
  const made = await copiedPki()
  const conf = () => readFile(join(made.home.path, 'gateway', 'nginx.conf'), 'utf8')
  await exported(made, '--listen', '[::1]:9443', '--upstream', 'http://[::1]:81/a', '--at', '/etc/the gateway/')
  const first = await conf()
  const again = await exported(made, '--replace')
  expect(again.document).toMatchObject({
    changed: [],
    options: { listen: '[::1]:9443', upstream: 'http://[::1]:81/a' },
  })
  expect(again.document.earlierOptions).toEqual(again.document.options)
  expect(again.stderr).not.toContain('--listen')
  for (const [action, name] of [
    ['disable', 'local-ca'],
    ['disable', 'online-crt'],
  ]) {
    await made.home.fpki(['ca', `${action}-device-ca`, made.directory, '--ca-file', name ?? '', '--yes'])
    await exported(made, '--replace')
  }
  expect(await conf()).not.toContain('proxy_pass')
  expect(await conf()).toContain('listen [::1]:9443 ssl;')
  await made.home.fpki(['ca', 'enable-device-ca', made.directory, '--ca-file', 'local-ca'])
  await exported(made, '--replace')
  expect(await conf()).toBe(first)
  const changed = await exported(made, '--replace', '--listen', '7443', '--at', join(made.home.path, 'gateway'))
  expect(changed.stderr).toContain('note: --listen changes from [::1]:9443 to 7443')
  expect(changed.stderr).not.toContain('--upstream')
  expect(await conf()).toContain('listen 7443 ssl;')
  expect(await conf()).toContain('proxy_pass http://[::1]:81/a;')
  expect(await conf()).toContain(`"${made.home.path}/gateway/tls.pem"`)
})

test.each([
  ['no options', (text: string) => text.replace(/^# Options: .*\n/m, '')],
  ['options that are not JSON', (text: string) => text.replace(/^# Options: .*$/m, '# Options: {')],
  ['a directive in listen', (text: string) => text.replace('"listen":"8443"', '"listen":"1; root /"')],
  ['an upstream with a variable', (text: string) => text.replace('"upstream":"http://', '"upstream":"http://$host')],
  ['an unknown option', (text: string) => text.replace('"listen":', '"more":1,"listen":')],
])('refuses an nginx.conf with %s, and writes nothing', async (_, spoil) => {
  const made = await copiedPki()
  await exported(made)
  const path = join(made.home.path, 'gateway', 'nginx.conf')
  const spoilt = spoil(await readFile(path, 'utf8'))
  await rm(path)
  await writeFile(path, spoilt, { mode: 0o444 })
  await made.home.fpki(['ca', 'rotate-tls', made.directory])
  const tls = await readFile(join(made.home.path, 'gateway', 'tls.pem'), 'utf8')
  const refusal = { status: 6, code: 'ERR_BAD_FILE', names: [`mv ${path} ${path}.old`, '--listen'] } as const
  await expectRefusal(made.home, words(made, '--replace'), refusal)
  expect(await readFile(path, 'utf8')).toBe(spoilt)
  expect(await readFile(join(made.home.path, 'gateway', 'tls.pem'), 'utf8')).toBe(tls)
  await output('mv', [path, `${path}.old`])
  const { document } = await exported(made, '--replace', '--listen', '9443', '--upstream', 'http://localhost:81')
  expect(document.options).toEqual({ listen: '9443', upstream: 'http://localhost:81', at: null, denyList: false })
})

describe('the deny list', () => {
  const list = (made: Made) => join(made.home.path, 'gateway', 'denied-devices.map')

  test('is empty at first, and stays with --replace', async () => {
    const made = await copiedPki()
    const { document } = await exported(made, '--deny-list')
    expect(document).toMatchObject({ options: { denyList: true }, changed: document.files })
    expect(document.files).toContain('denied-devices.map')
    expect(await readFile(list(made), 'utf8')).toMatch(
      /^# Made by fpki .*\nmap \$ssl_client_serial \$fpki_denied \{\n +default "";\n\}\n$/,
    )
    await recordDevices(made.directory, [{ uuid: uuidNumber(1) }])
    await made.home.fpki(['devices', 'deny', made.directory, uuidNumber(1)])
    const publish = ['devices', 'publish', made.directory, '--nginx-map', list(made)]
    expect(await made.home.fpki(publish)).toMatchObject({ status: 0 })
    const filled = await readFile(list(made), 'utf8')
    expect(filled).toMatch(/"[0-9A-F]{40}" certificateHold;/)
    const again = await exported(made, '--replace')
    expect(again.document).toMatchObject({ options: { denyList: true }, changed: [] })
    expect(await readFile(list(made), 'utf8')).toBe(filled)
    const without = await exported(made, '--replace', '--no-deny-list')
    expect(without.stderr).toContain('nginx.conf has no deny list any more')
    expect(await readFile(join(made.home.path, 'gateway', 'nginx.conf'), 'utf8')).not.toContain('fpki_denied')
    expect(await readFile(list(made), 'utf8')).toBe(filled)
  })

  test('that is gone is empty afterwards, with a warning and the command that fills it', async () => {
    const made = await copiedPki()
    await exported(made, '--deny-list')
    await rm(list(made))
    const { document, stderr } = await exported(made, '--replace')
    expect(document).toMatchObject({ changed: ['denied-devices.map'] })
    expect(document.warnings).toEqual([expect.stringContaining('no device is denied until')])
    expect(stderr).toContain(`fpki devices publish DIR --nginx-map ${list(made)}`)
  })

  test('is not that of somebody else', async () => {
    const made = await copiedPki()
    await exported(made)
    await writeFile(list(made), 'map $ssl_client_serial $fpki_denied {}\n')
    const refusal = { status: 3, code: 'ERR_EXISTS', names: [list(made)] } as const
    await expectRefusal(made.home, words(made, '--replace', '--deny-list'), refusal)
  })
})

describe('the options in an nginx.conf', () => {
  const OTHERS: readonly (readonly [string, (path: string) => Promise<void>])[] = [
    ['that everybody can write', (path) => chmod(path, 0o666)],
    ['that a group can write', (path) => chmod(path, 0o664)],
    [
      'that is a link to a file that everybody can write',
      async (path) => {
        const elsewhere = join(path, '..', '..', 'elsewhere.conf')
        await rename(path, elsewhere)
        await chmod(elsewhere, 0o666)
        await symlink(elsewhere, path)
      },
    ],
  ]

  async function expectNotKept(change: (path: string) => Promise<void>): Promise<void> {
    const made = await copiedPki()
    await exported(made, '--upstream', 'http://10.0.0.1')
    const path = join(made.home.path, 'gateway', 'nginx.conf')
    await change(path)
    const refusal = { status: 3, code: 'ERR_PERMISSIONS', names: [path] } as const
    await expectRefusal(made.home, words(made, '--replace'), refusal)
  }

  test.each(OTHERS)('%s are not used', (_, change) => expectNotKept(change))

  test.runIf(process.geteuid?.() === 0)('of another user are ignored', () => {
    return expectNotKept((path) => chown(path, 12_345, 12_345))
  })
})

describe('refuses', () => {
  test.each([
    ['--listen', '8443; root /'],
    ['--listen', ''],
    ['--listen', '0'],
    ['--listen', '65536'],
    ['--upstream', 'http://x; }'],
    ['--upstream', 'http://$host'],
    ['--upstream', 'ftp://x'],
    ['--at', '/etc/$x'],
    ['--at', '/etc/"x'],
    ['--at', '/etc/\n}'],
    ['--factory', 'other'],
  ])('%s %j', async (flag, value) => {
    const { home } = await copiedPki()
    const names = [JSON.stringify(value).slice(1, -1)]
    await expectRefusal(home, words({ home }, flag, value), { status: 2, code: 'ERR_USAGE', names })
    expect(await readdir(home.path)).not.toContain('gateway')
  })

  test('a server, without contacting it', async () => {
    const { home } = await copiedPki()
    const refusal = { status: 2, code: 'ERR_USAGE', names: ['Only an embedded factory'] } as const
    await expectRefusal(home, words({ home }, '--api', 'https://factory.example', '-t', 'x'), refusal)
    await expectRefusal(home, words({ home }, '--api', 'foundries'), refusal)
  })

  test.each(['typo', '../acme', 'acme/..'])('the unknown factory %j, and creates nothing', async (factory) => {
    const { home } = await copiedPki()
    const { status } = await home.fpki(['api', 'export-gateway', factory, join(home.path, 'gateway')])
    expect(status).toBe(factory === 'typo' ? 3 : 2)
    expect(await readdir(home.path)).not.toContain('gateway')
    expect(await readdir(join(home.state, 'factories'))).toEqual(['acme'])
  })

  test('a factory without a PKI', async () => {
    const home = await newHome()
    await expectRefusal(home, words({ home }), { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['acme', 'ca create'] })
  })

  test.each(NAMES)('to overwrite a foreign %s, with and without --replace', async (name) => {
    const { home } = await copiedPki()
    const path = join(home.path, 'gateway', name)
    await mkdir(join(home.path, 'gateway'), { mode: 0o700 })
    await writeFile(path, 'mine')
    const refusal = { status: 3, code: 'ERR_EXISTS', names: [join(home.path, 'gateway')] } as const
    await expectRefusal(home, words({ home }), refusal)
    await expectRefusal(home, words({ home }, '--replace'), refusal)
    expect(await readFile(path, 'utf8')).toBe('mine')
    expect((await readdir(join(home.path, 'gateway'))).filter((one) => one !== '.lock')).toEqual([name])
  })

  test('to overwrite the export of another factory', async () => {
    const made = await copiedPki()
    await exported(made)
    await made.home.fpki(['ca', 'create', join(made.home.path, 'other'), '--factory', 'other'])
    const other = ['api', 'export-gateway', 'other', join(made.home.path, 'gateway'), '--replace']
    await expectRefusal(made.home, other, { status: 3, code: 'ERR_EXISTS', names: ['the factory other'] })
    await expectTls(made)
  })

  test('a directory that others can write to or that is locked', async () => {
    const { home } = await copiedPki()
    const directory = join(home.path, 'gateway')
    await mkdir(directory)
    await chmod(directory, 0o777)
    await expectRefusal(home, words({ home }), { status: 3, code: 'ERR_PERMISSIONS', names: [directory] })
    await chmod(directory, 0o700)
    const lock = await nodeFileSystem().lock(join(directory, '.lock'))
    await expectRefusal(home, words({ home }), { status: 3, code: 'ERR_LOCKED', names: [directory] })
    await lock?.release()
    expect((await home.fpki(words({ home }))).status).toBe(0)
  })

  test('a key that does not match tls-crt, without printing it', async () => {
    const made = await madePki()
    const key = join(made.home.state, 'factories', 'acme', 'keys', 'tls-1.key')
    const text = await readFile(made.path('local-ca.key'), 'utf8')
    await chmod(key, 0o600)
    await writeFile(key, text)
    const { stderr } = await made.home.fpki(words(made, '--verbose'))
    expect(stderr).not.toContain(text.split('\n')[1])
    await expectRefusal(made.home, words(made), { status: 6, code: 'ERR_BAD_KEY', names: [key] })
    expect(await readdir(made.home.path)).not.toContain('gateway')
  })
})
