import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { pkiDirectory } from '../../src/directory/pki-directory.js'
import { planRootChangeResult, renewRootResult } from '../../src/index.js'
import { durableFiles } from '../../src/storage/files.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'
import { output } from '../support/cli.js'
import { type RootWords, selfSigned } from '../support/company.js'
import { recordDevices, uuidNumber } from '../support/device-register.js'
import { editJournal } from '../support/journal.js'
import { forge } from './forge.js'
import { copiedPki, type Made } from './made.js'
import { expectRefusal } from './refusal.js'
import { snapshot } from './snapshot.js'

const CA = ['keyUsage=critical,keyCertSign,cRLSign', 'subjectKeyIdentifier=hash']

/** A PKI directory with a root that OpenSSL has made, and nothing else, beside that of acme. */
async function besideAcme(
  { home }: Made,
  factory: string,
  { extensions, ...more }: RootWords & { readonly extensions: readonly string[] },
): Promise<string> {
  const subject = `/CN=Factory-CA/OU=${factory}`
  const { key, certificate } = await selfSigned({ subject, extensions: [...CA, ...extensions], ...more })
  const directory = join(home.path, 'other')
  await mkdir(directory, { mode: 0o700 })
  for (const [from, name] of [
    [key, 'factory_ca.key'],
    [certificate, 'factory_ca.pem'],
  ] as const)
    await writeFile(join(directory, name), await readFile(from), { mode: 0o400 })
  return directory
}

test('a root with constraints is not certified by another, since the cross-certificate would not have them', async () => {
  const made = await copiedPki()
  const constraint = 'nameConstraints=permitted;DNS:gw.example'
  const other = await besideAcme(made, 'acme', { extensions: ['basicConstraints=critical,CA:TRUE', constraint] })
  const refusal = { status: 6, code: 'ERR_CONSTRAINTS', names: [other, 'nameConstraints'] }
  for (const [one, two] of [
    [made.directory, other],
    [other, made.directory],
  ] as const)
    await expectRefusal(made.home, ['ca', 'cross-sign', one, '--with', two], refusal)
  await expectRefusal(made.home, ['ca', 'renew-root', other, '--yes'], refusal)
})

test('a path length of the signing root that clients would find exceeded is noticed before anything is signed', async () => {
  const made = await copiedPki()
  const other = await besideAcme(made, 'beta', { extensions: ['basicConstraints=critical,CA:TRUE,pathlen:1'] })
  // The cross-certificate counts, and the device CA below it.
  const names = ['path length constraint exceeded', 'Refusing to sign factory_ca.cross-']
  const refusal = { status: 6, code: 'ERR_CONSTRAINTS', names }
  await expectRefusal(made.home, ['ca', 'cross-sign', made.directory, '--with', other], refusal)
})

test('a root of the same name with a path length certifies another, since self-issued certificates do not count', async () => {
  const made = await copiedPki()
  const other = await besideAcme(made, 'acme', { extensions: ['basicConstraints=critical,CA:TRUE,pathlen:1'] })
  const ended = await made.home.fpki(['ca', 'cross-sign', made.directory, '--with', other, '--json'])
  expect(ended).toMatchObject({ status: 0 })
  const { certificates } = JSON.parse(ended.stdout)
  const [, second] = certificates
  // RFC 5280, 6.1.4 (l), and OpenSSL agrees.
  const chain = ['-untrusted', join(other, second.file), '-untrusted', made.path('local-ca.pem')]
  const device = await deviceOf(made)
  const words = ['verify', '-CAfile', join(other, 'factory_ca.pem'), ...chain, device]
  expect(await output('openssl', words)).toContain('OK')
})

async function deviceOf({ home, path }: Made): Promise<string> {
  const at = (name: string) => join(home.path, name)
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('d.key')]
  await output('openssl', ['req', ...ec, '-out', at('d.csr'), '-subj', `/CN=${uuidNumber(1)}/OU=acme`])
  const ca = ['-CA', path('local-ca.pem'), '-CAkey', path('local-ca.key'), '-days', '30']
  await output('openssl', ['x509', '-req', '-in', at('d.csr'), '-out', at('d.pem'), ...ca])
  return at('d.pem')
}

/** The journal of a renewal that was cut off in a step. */
async function cutOff({ directory }: Made, renews: string, certificate: string, publish: string): Promise<void> {
  await editJournal(directory, (journal) => ({
    ...journal,
    ...{ command: 'ca renew-root', options: { renews }, finishedAt: null, facts: {} },
    steps: [
      { name: 'certificate', state: certificate },
      { name: 'publish', state: publish },
    ],
  }))
}

async function renewed({ home, directory }: Made) {
  const { stdout } = await home.fpki(['ca', 'renew-root', directory, '--yes', '--json'])
  return renewRootResult.parse(JSON.parse(stdout))
}

test('an interrupted renewal is resumed by `ca resume`, and can be abandoned until its certificate is in use', async () => {
  const made = await copiedPki()
  const { earlier, certificate } = await renewed(made)
  const files = await snapshot(made.directory)
  await cutOff(made, earlier.fingerprint, 'done', 'started')
  const names = ['ca renew-root', 'its certificate is in use']
  const refusal = { status: 3, code: 'ERR_UNFINISHED', names }
  await expectRefusal(made.home, ['ca', 'abandon', made.directory, '--yes'], refusal)
  const resumed = await made.home.fpki(['ca', 'resume', made.directory, '--json'])
  expect(resumed).toMatchObject({ status: 0 })
  const { earlier: found, certificate: now, ...rest } = renewRootResult.parse(JSON.parse(resumed.stdout))
  expect([found.fingerprint, now?.fingerprint]).toEqual([earlier.fingerprint, certificate?.fingerprint])
  expect(rest).toMatchObject({ resumed: true, keptAs: null })
  const after = await snapshot(made.directory)
  const ofPki = (all: Awaited<ReturnType<typeof snapshot>>) =>
    Object.entries(all).filter(([path]) => !path.includes('.fpki'))
  expect(ofPki(after)).toEqual(ofPki(files))
  await cutOff(made, earlier.fingerprint, 'started', 'pending')
  expect(await made.home.fpki(['ca', 'abandon', made.directory, '--yes'])).toMatchObject({ status: 0 })
})

test('`ca import-root --remove-key` finds the key in the snapshots of earlier root certificates too', async () => {
  const made = await copiedPki()
  await renewed(made)
  const before = await keysIn(made)
  expect(before.length).toBeGreaterThan(2)
  const directory = pkiDirectory(durableFiles(nodeFileSystem()), made.directory)
  await directory.removeFromSnapshots('factory_ca.key', 'of-root')
  expect(await keysIn(made)).toEqual(['factory_ca.key'])
})

async function keysIn({ directory }: Made): Promise<readonly string[]> {
  const all = await readdir(directory, { recursive: true })
  return all.filter((path) => basename(path) === 'factory_ca.key')
}

test('a plan has dates, the number of devices, and says first that a root is set once', async () => {
  const made = await copiedPki()
  await recordDevices(made.directory, [{ uuid: uuidNumber(1) }, { uuid: uuidNumber(2) }])
  const before = await snapshot(made.directory)
  const days = ['--start', '2030-01-01', '--rollout', '90', '--renewal', '365']
  const words = ['ca', 'plan-root-change', made.directory, ...days]
  const { stdout, status } = await made.home.fpki(words)
  expect(status).toBe(0)
  expect(stdout.split('\n')[0]).toContain('sets the root of a factory once')
  expect(stdout).toContain('2 devices in the device register')
  const elsewhere = await copiedPki()
  await recordDevices(elsewhere.directory, [{ uuid: uuidNumber(3) }])
  const store = `sqlite:${elsewhere.directory}/devices.sqlite`
  const ofStore = await made.home.fpki([...words, '--store', store])
  expect(ofStore.stdout).toContain('1 device in the device register')
  const { steps, late, root, latestStart, endingBefore } = planRootChangeResult.parse(
    JSON.parse((await made.home.fpki([...words, '--json'])).stdout),
  )
  expect(steps.map(({ id, from, until }) => [id, from.slice(0, 10), until.slice(0, 10)])).toEqual([
    ['new-root', '2030-01-01', '2030-01-01'],
    ['cross-sign', '2030-01-01', '2030-01-01'],
    ['old-gateway', '2030-01-01', '2030-01-01'],
    ['update', '2030-01-01', '2030-04-01'],
    ['await-update', '2030-01-01', '2030-04-01'],
    ['new-gateway', '2030-04-01', '2030-04-01'],
    ['renew', '2030-04-01', '2031-04-01'],
    ['retire', '2031-04-01', '2031-04-01'],
  ])
  // A gateway must not trust a root without need (docs/gateway.md).
  const ofGateways = steps.filter(({ id }) => id.endsWith('-gateway')).map(({ what }) => what)
  expect(ofGateways).toEqual([
    expect.stringMatching(/device CAs of NEW.*that the new root has revoked/),
    expect.stringContaining('trust the device CAs of both directories, or'),
  ])
  expect({ late, endingBefore }).toEqual({ late: false, endingBefore: [] })
  expect(Math.floor((Date.parse(root.notAfter) - Date.parse(latestStart)) / 86_400_000)).toBe(455)
  expect(await snapshot(made.directory)).toEqual(before)
})

test('a plan that would end after the year 9999 is refused', async () => {
  const { home, directory } = await copiedPki()
  const refusal = { status: 2, code: 'ERR_USAGE', names: ['9999', '--start'] }
  await expectRefusal(home, ['ca', 'plan-root-change', directory, '--start', '9999-12-31'], refusal)
})

test('a renewed root has no usage that the earlier one lacks', async () => {
  const made = await copiedPki()
  const narrow = ['keyUsage=critical,keyCertSign', 'extendedKeyUsage=clientAuth', 'subjectKeyIdentifier=hash']
  const extensions = ['basicConstraints=critical,CA:TRUE,pathlen:2', ...narrow]
  await forge(made, 'factory_ca.pem', { extensions, key: 'factory_ca.key' })
  await renewed(made)
  const names = 'keyUsage,extendedKeyUsage,basicConstraints'
  const text = await output('openssl', ['x509', '-noout', '-in', made.path('factory_ca.pem'), '-ext', names])
  expect(text.split('\n').map((line) => line.trim())).toEqual([
    ...['X509v3 Key Usage: critical', 'Certificate Sign'],
    ...['X509v3 Extended Key Usage:', 'TLS Web Client Authentication'],
    ...['X509v3 Basic Constraints: critical', 'CA:TRUE, pathlen:2', ''],
  ])
})

test('a plan that ends after the root says so, and what ends before it', async () => {
  const { home, directory } = await copiedPki()
  const ended = await home.fpki(['ca', 'plan-root-change', directory, '--start', '2045-12-01', '--json'])
  const { late, endingBefore } = planRootChangeResult.parse(JSON.parse(ended.stdout))
  expect(late).toBe(true)
  expect(endingBefore.map(({ file }) => file).sort()).toEqual([
    'factory_ca.pem',
    'local-ca.pem',
    'online-crt',
    'tls-crt',
  ])
  expect(endingBefore.at(-1)).toMatchObject({ file: 'factory_ca.pem', hint: expect.stringContaining('ca renew-root') })
  const refusal = { status: 2, code: 'ERR_USAGE', names: ['2045-02-30', '--start'] }
  await expectRefusal(home, ['ca', 'plan-root-change', directory, '--start', '2045-02-30'], refusal)
})

test('a local-ca cannot have the file name of a cross-certificate', async () => {
  const { home, directory } = await copiedPki()
  const words = ['ca', 'add-device-ca', directory, '--local-ca', '--local-ca-filename', 'factory_ca.cross-0123abcd.pem']
  await expectRefusal(home, words, { status: 2, code: 'ERR_USAGE', names: ['the name of another PKI file'] })
})

test('a backup from before the renewal is a backup of the same PKI', async () => {
  const made = await copiedPki()
  const { home, directory } = made
  const [file, passphrase] = [join(home.path, 'acme.backup'), join(home.path, 'passphrase')]
  await writeFile(passphrase, 'nine lives of a fish\n', { mode: 0o600 })
  const words = ['--passphrase-file', passphrase, '--quiet']
  expect(await home.fpki(['ca', 'backup', directory, '--out', file, ...words])).toMatchObject({ status: 0 })
  await renewed(made)
  const checked = await home.fpki(['ca', 'backup', '--check', file, '--pki-dir', directory, ...words])
  expect({ status: checked.status, stderr: checked.stderr }).toEqual({ status: 0, stderr: '' })
  // The state of the embedded Factory API, which has the earlier certificate, is in the next backup too.
  const next = await home.fpki(['ca', 'backup', directory, '--out', `${file}-2`, '--json', ...words])
  expect(JSON.parse(next.stdout)).toMatchObject({ embedded: true })
})

test('an interrupted cross-signing is resumed in the directory that it was interrupted in', async () => {
  const made = await copiedPki()
  const other = await besideAcme(made, 'acme', { extensions: ['basicConstraints=critical,CA:TRUE'] })
  const run = (words: readonly string[]) => made.home.fpki(['ca', ...words, '--json'])
  const first = await run(['cross-sign', made.directory, '--with', other])
  await editJournal(other, (journal) => ({
    ...journal,
    finishedAt: null,
    steps: [
      { name: 'certificate', state: 'done' },
      { name: 'publish', state: 'started' },
    ],
  }))
  const resumed = await run(['resume', other])
  expect(resumed).toMatchObject({ status: 0 })
  const serials = ({ stdout }: { stdout: string }) =>
    JSON.parse(stdout).certificates.map(({ certificate }: { certificate: { serial: string } }) => certificate.serial)
  expect(serials(resumed).sort()).toEqual(serials(first).sort())
})

test('a root that ends after a new one is not renewed', async () => {
  const made = await copiedPki()
  const root = { until: '20700101000000Z', extensions: ['basicConstraints=critical,CA:TRUE'] }
  const directory = await besideAcme(made, 'beta', root)
  const refusal = { status: 3, code: 'ERR_EXISTS', names: ['2070-01-01'] }
  await expectRefusal(made.home, ['ca', 'renew-root', directory, '--yes'], refusal)
})
