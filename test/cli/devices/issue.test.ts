import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { output } from '../../support/cli.js'
import { deviceCsr, deviceCsrs, requestFolder } from '../../support/device-requests.js'
import { copiedPki, type Made } from '../made.js'
import { issueScene } from './scene.js'

/** A PKI with requests in a folder beside it. */
async function scene(count: number) {
  const pki = await copiedPki()
  const requests = deviceCsrs(count)
  const from = await requestFolder(join(pki.home.path, 'csrs'), requests)
  const out = join(pki.home.path, 'devices')
  return {
    ...pki,
    ...{ requests, from, out },
    issue: (...words: string[]) => pki.home.fpki(['devices', 'issue', pki.directory, '--from', from, ...words]),
  }
}

/** What OpenSSL says of a device's certificate, with local-ca under the root alone. */
function verified({ path }: Made, certificate: string): Promise<string> {
  const trust = ['-CAfile', path('factory_ca.pem'), '-untrusted', path('local-ca.pem')]
  return output('openssl', ['verify', '-x509_strict', '-purpose', 'sslclient', ...trust, certificate])
}

test('a folder of requests becomes a folder of devices, each ready for /var/sota', async () => {
  const pki = await scene(3)
  const ended = await pki.issue('--out', pki.out)
  expect(ended).toMatchObject({ status: 0, stdout: '' })
  expect(ended.stderr).toContain('3 issued')
  expect((await readdir(pki.out)).sort()).toEqual(pki.requests.map(({ uuid }) => uuid).sort())
  for (const { uuid } of pki.requests) {
    const at = (name: string) => join(pki.out, uuid, name)
    expect((await readdir(join(pki.out, uuid))).sort()).toEqual([
      'client.chained',
      'client.pem',
      'root.crt',
      'sota.toml',
    ])
    expect(await verified(pki, at('client.pem'))).toBe(`${at('client.pem')}: OK\n`)
    expect((await readFile(at('root.crt'), 'utf8')).trim()).toBe((await pki.text('factory_ca.pem')).trim())
  }
  expect((await stat(pki.path('devices.sqlite'))).mode & 0o777).toBe(0o600)
})

test('the second run signs nothing, and gives the same certificates', async () => {
  const pki = await scene(3)
  await pki.issue('--out', pki.out)
  const first = await readFile(join(pki.out, pki.requests[0]?.uuid ?? '', 'client.pem'), 'utf8')
  const again = await pki.issue('--out', join(pki.home.path, 'again'))
  expect(again).toMatchObject({ status: 0 })
  expect(again.stderr).toContain('3 reused')
  expect(await readFile(join(pki.home.path, 'again', pki.requests[0]?.uuid ?? '', 'client.pem'), 'utf8')).toBe(first)
})

test('a device that keeps its certificate of another CA gets that CA in its chain, in folders and archives', async () => {
  const pki = await scene(2)
  const [old = '', other = ''] = pki.requests.map(({ uuid }) => uuid)
  await pki.home.fpki(['devices', 'issue', pki.directory, '--from', join(pki.from, `${old}.csr`), '--out', pki.out])
  const words = ['ca', 'add-device-ca', pki.directory, '--local-ca', '--local-ca-filename', 'site-b', '--quiet']
  expect(await pki.home.fpki(words, { env: { FPKI_STATE_DIR: pki.home.state } })).toMatchObject({ status: 0 })
  const [folders, archive] = [join(pki.home.path, 'site-b'), join(pki.home.path, 'site-b.tar')]
  for (const out of [folders, archive])
    expect(await pki.issue('--ca', 'site-b', '--out', out)).toMatchObject({ status: 0 })
  const unpacked = join(pki.home.path, 'unpacked')
  await mkdir(unpacked)
  await output('tar', ['-xf', archive, '-C', unpacked])
  for (const [uuid, ca] of [
    [old, 'local-ca.pem'],
    [other, 'site-b.pem'],
  ] as const)
    for (const place of [folders, unpacked]) {
      const chained = await readFile(join(place, uuid, 'client.chained'), 'utf8')
      expect(chained.slice(chained.lastIndexOf('-----BEGIN')).trim()).toBe((await pki.text(ca)).trim())
    }
})

test('certificates go to stdout as JSON lines, and the summary to stderr', async () => {
  const pki = await scene(2)
  const ended = await pki.issue('--out', '-')
  expect(ended.status).toBe(0)
  const rows = ended.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(rows.map(({ uuid }) => uuid).sort()).toEqual(pki.requests.map(({ uuid }) => uuid).sort())
  expect(ended.stderr).toContain('2 issued')
})

test('a refused row is written down with its place, code and reason, and the others are issued', async () => {
  const pki = await scene(2)
  await writeFile(join(pki.from, 'bad.csr'), deviceCsr({ uuid: 'not-a-uuid' }).pem)
  const refused = join(pki.home.path, 'refused.csv')
  const ended = await pki.issue('--out', pki.out, '--refused', refused)
  expect(ended).toMatchObject({ status: 12 })
  expect(ended.stderr).toContain('2 issued')
  expect(ended.stderr).toContain('1 refused')
  expect(await readFile(refused, 'utf8')).toMatch(/bad\.csr.*csr-common-name/)
})

test('the list of refused rows never takes the place of a file of the PKI, not even by way of a link', async () => {
  const pki = await scene(1)
  await symlink(pki.directory, join(pki.home.path, 'link'))
  const key = await pki.text('local-ca.key')
  for (const place of [pki.directory, join(pki.home.path, 'link')])
    for (const flag of ['--refused', '--out']) {
      const ended = await pki.issue(flag, join(place, flag === '--refused' ? 'local-ca.key' : 'devices'))
      expect(ended).toMatchObject({ status: 2, stderr: expect.stringContaining('it is in the PKI directory') })
    }
  expect(await pki.text('local-ca.key')).toBe(key)
  expect((await readdir(pki.directory)).filter((name) => /bak|devices/.test(name))).toEqual([])
})

test('keys are made for a list of UUIDs, and go beside the certificates only', async () => {
  const pki = await copiedPki()
  const [from, out] = [join(pki.home.path, 'uuids.txt'), join(pki.home.path, 'devices')]
  const uuid = '0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001'
  await writeFile(from, `${uuid}\n`)
  const ended = await pki.home.fpki(['devices', 'issue', pki.directory, '--from', from, '--make-keys', '--out', out])
  expect(ended).toMatchObject({ status: 0, stdout: '' })
  const [key, certificate] = [join(out, uuid, 'pkey.pem'), join(out, uuid, 'client.pem')]
  expect((await stat(key)).mode & 0o777).toBe(0o600)
  const ofKey = await output('openssl', ['pkey', '-in', key, '-pubout'])
  expect(await output('openssl', ['x509', '-in', certificate, '-pubkey', '-noout'])).toBe(ofKey)
})

test('a rehearsal changes nothing', async () => {
  const pki = await scene(2)
  const ended = await pki.issue('--out', pki.out, '--dry-run')
  expect(ended.status).toBe(0)
  expect(ended.stderr).toContain('2 would be issued')
  expect(await readdir(pki.home.path)).not.toContain('devices')
  expect(await readdir(pki.directory)).not.toContain('devices.sqlite')
})

test('of refused rows an example for each reason is shown, and how to list them all', async () => {
  const pki = await scene(1)
  for (const name of ['a', 'b', 'c'])
    await writeFile(join(pki.from, `${name}.csr`), deviceCsr({ uuid: `lamp-${name}` }).pem)
  const ended = await pki.issue('--out', pki.out)
  expect(ended.status).toBe(12)
  const example = 'refused: a.csr: the CN of its subject is not a UUID (csr-common-name; 2 more)\n'
  expect(ended.stderr).toContain(example)
  expect(ended.stderr).toContain('--refused refused.csv')
  const limited = await pki.issue('--max-refused', '1')
  expect(limited).toMatchObject({ status: 12, stderr: expect.stringContaining(example) })
  expect(limited.stderr).toContain('So far: 0 issued, 1 reused, 3 refused.')
  expect(limited.stderr).toContain('ERR_REFUSED')
})

test('without --out, the summary says where the certificates are', async () => {
  const pki = await scene(1)
  const said = 'Certificates: in the device register only.'
  expect((await pki.issue()).stderr).toContain(said)
  expect((await pki.issue('--out', '-')).stderr).not.toContain(said)
  expect((await pki.issue('--out', pki.out)).stderr).not.toContain(said)
})

test('a rehearsal counts what it plans against the quota of the line, also beyond a chunk', async () => {
  const pki = await copiedPki()
  const from = join(pki.home.path, 'uuids.txt')
  await writeFile(from, Array.from({ length: 600 }, () => `${randomUUID()}\n`).join(''))
  await pki.home.fpki(['lines', 'create', pki.directory, 'site-a', '--quota', '300'])
  const words = ['devices', 'issue', pki.directory, '--from', from, '--make-keys', '--line', 'site-a']
  const ended = await pki.home.fpki([...words, '--dry-run'])
  expect(ended).toMatchObject({ status: 3, stdout: '' })
  expect(ended.stderr).toContain('Dry run: 300 would be issued, 0 reused, 300 refused.')
})

test('a rehearsal counts devices and keys that are there twice as the batch itself does', async () => {
  const pki = await issueScene()
  const [first, other] = [deviceCsr(), deviceCsr()]
  const secondKey = deviceCsr({ uuid: first.uuid })
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const sameKey = [deviceCsr({ key }), deviceCsr({ key })]
  const rows = [first, other, first, secondKey, ...sameKey].map(({ pem }) => ({ csr: pem }))
  const dry = await pki.issue(rows, ['--dry-run'])
  const batch = await pki.issue(rows)
  expect(dry.stderr).toContain('Dry run: 3 would be issued, 1 reused, 2 refused.')
  expect(batch.stderr).toContain('Done: 3 issued, 1 reused, 2 refused')
  expect(dry.refused).toEqual(batch.refused)
  expect(dry.refused.map(({ code }) => code)).toEqual(['uuid-taken', 'key-reused'])
})

test('a rehearsal counts UUIDs that are there twice as the batch itself does, also in a later chunk', async () => {
  const pki = await copiedPki()
  const [from, out] = [join(pki.home.path, 'uuids.txt'), join(pki.home.path, 'devices')]
  const uuids = Array.from({ length: 260 }, () => randomUUID())
  await writeFile(from, [...uuids, uuids[0], uuids[259]].join('\n'))
  const words = ['devices', 'issue', pki.directory, '--from', from, '--make-keys', '--out', out]
  const dry = await pki.home.fpki([...words, '--dry-run'])
  expect(dry).toMatchObject({ status: 0, stderr: expect.stringContaining('260 would be issued, 2 reused, 0 refused') })
  expect((await pki.home.fpki(words)).stderr).toContain('260 issued, 2 reused, 0 refused')
})

test('a rehearsal finds the keys that an earlier run made, and leaves their folder as it is', async () => {
  const pki = await copiedPki()
  const [from, out] = [join(pki.home.path, 'uuids.txt'), join(pki.home.path, 'devices')]
  await writeFile(from, `${randomUUID()}\n${randomUUID()}\n`)
  const words = ['devices', 'issue', pki.directory, '--from', from, '--make-keys', '--out', out]
  expect((await pki.home.fpki([...words, '--dry-run'])).stderr).toContain('2 would be issued')
  expect(await readdir(pki.home.path)).not.toContain('devices')
  expect((await pki.home.fpki(words)).status).toBe(0)
  const before = (await readdir(out, { recursive: true })).sort()
  const again = await pki.home.fpki([...words, '--dry-run'])
  expect(again).toMatchObject({ status: 0, stderr: expect.stringContaining('0 would be issued, 2 reused, 0 refused') })
  expect((await readdir(out, { recursive: true })).sort()).toEqual(before)
})

test('an input that does not fit --make-keys is refused before anything is made', async () => {
  const pki = await scene(1)
  const list = join(pki.home.path, 'uuids.txt')
  await writeFile(list, '0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001\n')
  const withoutKeys = await pki.home.fpki(['devices', 'issue', pki.directory, '--from', list, '--out', pki.out])
  const withRequests = await pki.issue('--make-keys', '--out', pki.out)
  for (const ended of [withoutKeys, withRequests]) {
    expect(ended).toMatchObject({ status: 2, stderr: expect.stringContaining('(--make-keys)') })
  }
  expect(withoutKeys.stderr).toContain('uuids.txt is a list of UUIDs')
  expect(await readdir(pki.home.path)).not.toContain('devices')
})

test('an input without devices is not passed over in silence', async () => {
  const pki = await scene(1)
  const table = join(pki.home.path, 'devices.csv')
  await writeFile(table, 'uuid,csr\n')
  const ended = await pki.home.fpki(['devices', 'issue', pki.directory, '--from', table])
  expect(ended).toMatchObject({ status: 6, stderr: expect.stringContaining(`There are no devices in ${table}.`) })
})

test.each(['.', 'devices', 'devices.jsonl'])('%s in the PKI directory is no place for device files', async (name) => {
  const pki = await scene(1)
  const before = await readdir(pki.directory)
  const ended = await pki.issue('--out', join(pki.directory, name))
  expect(ended).toMatchObject({ status: 2, stderr: expect.stringContaining('Refusing to write device files') })
  expect(await readdir(pki.directory)).toEqual(before)
})

test.each([
  ['--passphrase-file', 'the passphrase'],
  ['--hsm-pin-file', 'the PIN'],
])('requests and the secret of %s cannot both be on stdin', async (flag, secret) => {
  const { home, directory } = await copiedPki()
  const ended = await home.fpki(['devices', 'issue', directory, '--from', '-', flag, '-'], { stdin: 'secret\n' })
  const text = `Cannot read both the requests and ${secret} from stdin.`
  expect(ended).toMatchObject({ status: 2, stderr: expect.stringContaining(text) })
})

test('a list of refused rows replaces neither the input nor the output', async () => {
  const pki = await scene(1)
  const request = join(pki.from, `${pki.requests[0]?.uuid}.csr`)
  const out = join(pki.home.path, 'devices.csv')
  const words = ['devices', 'issue', pki.directory, '--from', request, '--out', out, '--refused']
  for (const file of [request, out]) {
    const ended = await pki.home.fpki([...words, file])
    expect(ended).toMatchObject({ status: 2, stderr: expect.stringContaining('it is the input or the output') })
  }
  expect(await readFile(request, 'utf8')).toBe(pki.requests[0]?.pem)
})

test('rows beyond the quota of a line are refused, with the command that shows the line', async () => {
  const pki = await scene(2)
  await pki.home.fpki(['lines', 'create', pki.directory, 'site-a', '--quota', '1'])
  const ended = await pki.issue('--line', 'site-a')
  expect(ended.status).toBe(3)
  expect(ended.stderr).toContain('1 issued, 0 reused, 1 refused, by line site-a')
  expect(ended.stderr).toContain(`fpki lines show ${pki.directory} site-a`)
})
