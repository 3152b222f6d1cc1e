import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { thisMachine } from '../../../src/machine/index.js'
import { verifyPki } from '../../../src/operations/audit/verify-pki.js'
import { type ExportKitOptions, exportKit } from '../../../src/operations/kit/export-kit.js'
import type { Made } from '../../cli/made.js'
import { output } from '../../support/cli.js'
import { createLine, issueIn, pkiWithSite, withRegister } from '../../support/site.js'

const PROGRESS = { step: () => undefined, note: () => undefined, warn: () => undefined }

function exported(made: Made, options: Partial<ExportKitOptions> = {}) {
  const kit = join(made.home.path, 'kit')
  const defaults = {
    directory: made.directory,
    factory: null,
    kit,
    ca: 'site-b',
    lines: null,
    moveKey: false,
    store: null,
  }
  return exportKit({ ...defaults, ...options }, { ...thisMachine(), progress: PROGRESS })
}

async function modesIn(directory: string) {
  const names = await readdir(directory)
  return Object.fromEntries(
    await Promise.all(
      names.map(async (name) => [name, ((await stat(join(directory, name))).mode & 0o777).toString(8)]),
    ),
  )
}

/** The codes of what verify finds wrong. */
async function problemsOf(directory: string): Promise<readonly string[]> {
  const ports = { ...thisMachine(), api: null, access: null }
  const { findings } = await verifyPki({ directory, factory: null, warnDays: 60 }, ports)
  return findings.filter(({ status }) => status === 'failure' || status === 'warning').map(({ code }) => code)
}

test('a kit has one device CA, its key and lines, and never the root key', async () => {
  const made = await pkiWithSite()
  await createLine(made.directory, 'line-1', { quota: 1000, hardwareIds: ['board'] })
  await createLine(made.directory, 'other', { quota: 5, ca: 'ab'.repeat(32) })
  await issueIn(made.directory, 'line-1', 3)
  const result = await exported(made)
  expect(result).toMatchObject({ factory: 'acme', keyMoved: false, lines: [{ name: 'line-1', quota: 997 }] })
  expect(await modesIn(result.kit)).toEqual({
    '.fpki': '700',
    'devices.sqlite': '600',
    'factory_ca.pem': '400',
    'kit.json': '400',
    'site-b.key': '400',
    'site-b.pem': '400',
    'tls-crt': '400',
  })
  expect(await readFile(join(result.kit, 'site-b.key'), 'utf8')).toBe(await made.text('site-b.key'))
  // OpenSSL checks the CA of the kit with what the kit has.
  const chain = [
    'verify',
    '-x509_strict',
    '-CAfile',
    join(result.kit, 'factory_ca.pem'),
    join(result.kit, 'site-b.pem'),
  ]
  expect(await output('openssl', chain)).toContain('OK')
  const lines = await withRegister(result.kit, (register) => register.lines.list())
  expect(lines.map(({ name, state, quota, issued }) => ({ name, state, quota, issued }))).toEqual([
    { name: 'default', state: 'paused', quota: null, issued: 0 },
    { name: 'line-1', state: 'open', quota: 997, issued: 0 },
  ])
  expect(lines[1]).toMatchObject({ hardwareIds: ['board'], ca: result.ca.fingerprint })
})

test('the lines of a kit are paused at headquarters, and no second kit gets them', async () => {
  const made = await pkiWithSite()
  await createLine(made.directory, 'line-1', { quota: 10 })
  await createLine(made.directory, 'line-2', { quota: 20 })
  expect(await exported(made, { lines: ['line-1'] })).toMatchObject({ lines: [{ name: 'line-1', quota: 10 }] })
  const states = await withRegister(made.directory, async ({ lines }) => (await lines.list()).map(({ state }) => state))
  expect(states).toEqual(['open', 'paused', 'open'])
  const second = { kit: join(made.home.path, 'second') }
  await expect(exported(made, { ...second, lines: ['line-1'] })).rejects.toMatchObject({
    code: 'ERR_USAGE',
    message: 'The line line-1 is paused.',
    hint: expect.stringContaining('lines resume'),
  })
  expect(existsSync(second.kit)).toBe(false)
  expect(await exported(made, second)).toMatchObject({ lines: [{ name: 'line-2', quota: 20 }] })
})

test('a CA without lines makes a kit whose default line is open', async () => {
  const made = await pkiWithSite()
  const { kit, lines } = await exported(made)
  expect(lines).toEqual([])
  expect(await withRegister(kit, ({ lines: all }) => all.get('default'))).toMatchObject({ state: 'open' })
  expect(existsSync(made.path('devices.sqlite'))).toBe(false)
})

test('with moveKey, the key is in the kit only, also no longer in snapshots; another time it is done already', async () => {
  const made = await pkiWithSite()
  const key = await made.text('site-b.key')
  const first = await exported(made, { moveKey: true })
  expect(await readFile(join(first.kit, 'site-b.key'), 'utf8')).toBe(key)
  const left = await output('grep', ['-rlF', key.split('\n')[1] ?? '', made.directory]).catch(() => 'none')
  expect(left).toBe('none')
  expect(existsSync(made.path('factory_ca.key'))).toBe(true)
  expect(existsSync(made.path('site-b.pem'))).toBe(true)
  expect(await exported(made, { moveKey: true })).toEqual(first)
  expect(await readFile(join(first.kit, 'site-b.key'), 'utf8')).toBe(key)
  expect(await problemsOf(made.directory)).not.toContain('files.missing')
})

test('a folder in the place of an interrupted export is no kit without the key, and the key is not lost to it', async () => {
  const made = await pkiWithSite()
  const key = await made.text('site-b.key')
  const { kit } = await exported(made)
  const hash = createHash('sha256').update(made.directory).digest('hex').slice(0, 16)
  const staging = join(made.home.path, `.fpki-kit-kit-${hash}`)
  await rename(kit, staging)
  await rm(join(staging, 'site-b.key'))
  const record = JSON.parse(await readFile(join(staging, 'kit.json'), 'utf8'))
  record.files = record.files.filter(({ name }: { name: string }) => name !== 'site-b.key')
  await rm(join(staging, 'kit.json'))
  await writeFile(join(staging, 'kit.json'), JSON.stringify(record))
  await exported(made, { moveKey: true })
  expect(await readFile(join(kit, 'site-b.key'), 'utf8')).toBe(key)
  await mkdir(staging)
  await chmod(staging, 0o777)
  await expect(exported(made, { ca: 'local-ca', kit })).rejects.toMatchObject({ code: 'ERR_EXISTS' })
  await rm(kit, { recursive: true })
  await expect(exported(made, { ca: 'local-ca' })).rejects.toMatchObject({ code: 'ERR_PERMISSIONS' })
})

test('what is there is never overwritten, and a wrong key is not exported', async () => {
  const made = await pkiWithSite()
  const kit = join(made.home.path, 'taken')
  await mkdir(kit)
  await writeFile(join(kit, 'file'), 'mine')
  await expect(exported(made, { kit })).rejects.toMatchObject({ code: 'ERR_EXISTS' })
  const link = join(made.home.path, 'link')
  await symlink(made.directory, link)
  for (const inside of [made.path('kit'), join(link, 'kit'), link])
    await expect(exported(made, { kit: inside })).rejects.toMatchObject({ code: 'ERR_USAGE' })
  await expect(exported(made, { ca: 'site-c' })).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
  await output('cp', ['-f', made.path('local-ca.key'), made.path('site-b.key')])
  await expect(exported(made)).rejects.toMatchObject({ code: 'ERR_BAD_KEY' })
  expect(existsSync(join(made.home.path, 'kit'))).toBe(false)
})

test('an encrypted key stays encrypted', async () => {
  const made = await pkiWithSite()
  const [plain, encrypted] = [made.path('site-b.key'), join(made.home.path, 'encrypted')]
  await output('openssl', ['pkcs8', '-topk8', '-in', plain, '-out', encrypted, '-passout', 'pass:correct horse'])
  await output('cp', ['-f', encrypted, plain])
  const { kit } = await exported(made)
  expect(await readFile(join(kit, 'site-b.key'), 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
})

test('verify finds nothing wrong with a kit, and tells a changed one and a root key', async () => {
  const made = await pkiWithSite()
  await createLine(made.directory, 'line-1', { quota: 10 })
  const { kit } = await exported(made)
  await issueIn(kit, 'line-1', 2)
  expect(await problemsOf(kit)).toEqual([])
  await output('cp', ['-f', made.path('local-ca.key'), join(kit, 'site-b.key')])
  await output('cp', [made.path('factory_ca.key'), kit])
  expect(await problemsOf(kit)).toEqual(['keys.mismatch', 'kit.root-key', 'kit.changed'])
})
