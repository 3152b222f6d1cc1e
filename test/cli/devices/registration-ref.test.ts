import { createHash } from 'node:crypto'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { output } from '../../support/cli.js'
import { deviceCsr } from '../../support/device-requests.js'
import { replay } from '../../support/register-client.js'
import { clientOf, lineWithToken, serveDevices } from '../../support/served-devices.js'
import { copiedPki, type Made } from '../made.js'
import { expectWords } from '../refusal.js'

interface Recorded {
  readonly case: string
  readonly request: { readonly method: string; readonly path: string; readonly body: string }
  readonly response: { readonly status: number }
}

/** The registrations that the reference answered with a certificate. */
async function recorded(): Promise<readonly Recorded[]> {
  const text = await readFile(new URL('../../fixtures/devices/registration.jsonl', import.meta.url), 'utf8')
  const all: readonly Recorded[] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return all.filter(({ response }) => response.status === 201)
}

/** What the reference writes for a registration: the key as Python's cryptography, and OpenSSL, encode it. */
async function writeDevice(folder: string, { request }: Recorded): Promise<string> {
  const { uuid, csr } = JSON.parse(request.body)
  await writeFile(join(folder, 'csr.tmp'), csr)
  const key = await output('openssl', ['req', '-in', join(folder, 'csr.tmp'), '-pubkey', '-noout'])
  await writeFile(join(folder, 'devices', uuid), key)
  return uuid
}

interface Scene {
  readonly made: Made
  readonly folder: string
  readonly uuids: readonly string[]
}

async function scene(): Promise<Scene> {
  const made = await copiedPki()
  await mkdir(join(made.home.path, 'devices'))
  const uuids: string[] = []
  for (const one of await recorded()) uuids.push(await writeDevice(made.home.path, one))
  return { made, folder: join(made.home.path, 'devices'), uuids }
}

const importing = ({ made, folder }: Scene, ...words: readonly string[]) =>
  made.home.fpki(['devices', 'import', made.directory, '--registration-ref', folder, ...words])

test('what the reference registered is recognised: the same key gets a certificate, another key 409', async () => {
  const all = await scene()
  const { made, folder, uuids } = all
  const token = await lineWithToken(made.directory, 'line-1', { quota: 0, allowsProduction: true })
  const first = await importing(all, '--json')
  expect({ status: first.status, stderr: first.stderr }).toEqual({
    status: 0,
    stderr: 'note: Imported 3 devices; 0 existed, 0 were refused.\n',
  })
  expect(JSON.parse(first.stdout)).toMatchObject({ file: folder, imported: 3, existing: 0, refused: 0, refusals: [] })
  expect(JSON.parse((await importing(all, '--json')).stdout)).toMatchObject({ imported: 0, existing: 3, refused: 0 })
  const list = await made.home.fpki(['devices', 'list', made.directory, '--state', 'external', '--json'])
  expect(list.stdout).toContain(uuids[0])
  const words = ['serve', made.directory, '--register', '127.0.0.1:0', '--no-tls']
  const servers = ['--gateway', 'https://gw.acme.example:8443', '--ostree', 'https://ostree.acme.example:8443']
  const served = await serveDevices([...words, ...servers], { HOME: made.home.path })
  const options = await clientOf(served, { token })
  const other = deviceCsr({ uuid: uuids[0] ?? '' })
  const taken = await replay(options, { path: '/sign', body: JSON.stringify({ uuid: uuids[0], csr: other.pem }) })
  expect({ status: taken.status, ...JSON.parse(taken.text) }).toMatchObject({
    status: 409,
    message: expect.stringContaining('has a certificate for another key'),
  })
  for (const { request } of await recorded()) {
    const answer = await replay(options, request)
    expect({ status: answer.status, text: answer.status === 201 ? '' : answer.text }).toEqual({ status: 201, text: '' })
    const pem = join(made.home.path, 'client.pem')
    await writeFile(pem, JSON.parse(answer.text)['client.pem'])
    const key = await output('openssl', ['x509', '-in', pem, '-pubkey', '-noout'])
    expect(key).toBe(await readFile(join(folder, JSON.parse(request.body).uuid), 'utf8'))
  }
  const count = await made.home.fpki(['devices', 'count', made.directory, '--state', 'active', '--json'])
  expect(JSON.parse(count.stdout)).toMatchObject({ devices: 3 })
  // They took nothing of the quota, which a new device needs.
  const { uuid, pem } = deviceCsr()
  expect((await replay(options, { path: '/sign', body: JSON.stringify({ uuid, csr: pem }) })).status).toBe(403)
})

test('files that are not keys of devices are refused one by one, and the others are imported', async () => {
  const all = await scene()
  const { made, folder, uuids } = all
  await lineWithToken(made.directory, 'line-1')
  const name = (at: number) => `00000000-0000-4000-8000-00000000000${at}`
  const [key = ''] = await Promise.all([readFile(join(folder, uuids[0] ?? ''), 'utf8')])
  const rsa = await output('sh', ['-c', 'openssl genrsa 2048 2>/dev/null | openssl rsa -pubout 2>/dev/null'])
  const off = `-----BEGIN PUBLIC KEY-----\n${Buffer.concat([
    Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex'),
    createHash('sha512').update('no point of the curve').digest(),
  ]).toString('base64')}\n-----END PUBLIC KEY-----\n`
  const files: Readonly<Record<string, string>> = {
    [name(1)]: key,
    [name(2)]: '',
    [name(3)]: rsa,
    [name(4)]: off,
    [name(5)]: key + key,
    [name(6)]: 'x'.repeat(5000),
    'notes.txt': key,
    '.gitkeep': '',
  }
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text)
  await symlink(join(folder, uuids[0] ?? ''), join(folder, name(7)))
  await mkdir(join(folder, name(8)))
  await writeFile(join(folder, (uuids[1] ?? '').toUpperCase()), rsa)
  const { status, stdout, stderr } = await importing(all, '--json')
  expect(status).toBe(12)
  const result = JSON.parse(stdout)
  expect(result).toMatchObject({ imported: 3, existing: 0, refused: 10 })
  const reasons = Object.fromEntries(result.refusals.map((one: { name: string; reason: string }) => [one.name, one]))
  // The files are in the order of their names: the first with a key has it.
  const refused = [...[2, 3, 4, 5, 6, 7, 8].map(name), 'notes.txt', uuids[0], uuids[1]?.toUpperCase()]
  expect(Object.keys(reasons).toSorted()).toEqual(refused.toSorted())
  expect(reasons[uuids[0] ?? '']).toMatchObject({ line: null, uuid: uuids[0], code: 'key-reused' })
  expect(reasons['notes.txt']).toMatchObject({ uuid: null, code: 'input-unreadable', reason: 'its name is not a UUID' })
  for (const [at, reason] of [
    [2, 'it is not a public key in PEM'],
    [3, 'its key is not on P-256'],
    [4, 'it is not a public key in PEM'],
    [5, 'it is not a public key in PEM'],
    [6, 'it is larger than 4096 bytes'],
    [7, 'it is a symbolic link'],
    [8, 'it is a folder'],
  ] as const)
    expect(reasons[name(at)], reason).toMatchObject({ uuid: name(at), code: 'input-unreadable', reason })
  expect(stderr).toContain('notes.txt, refused: its name is not a UUID. [input-unreadable]')
})

test('the line must be clear, and the folder must be one', async () => {
  const all = await scene()
  const { made } = all
  expectWords(await importing(all), { status: 2, code: 'ERR_USAGE', names: ['none yet', 'fpki lines create'] })
  await lineWithToken(made.directory, 'line-1')
  await lineWithToken(made.directory, 'line-2')
  expectWords(await importing(all), { status: 2, code: 'ERR_USAGE', names: ['line-1, line-2', '--line'] })
  expectWords(await importing(all, '--line', 'line-3'), { status: 3, code: 'ERR_LINE', names: ['"line-3"'] })
  const missing = await importing({ ...all, folder: join(made.home.path, 'none') })
  expectWords(missing, { status: 6, code: 'ERR_BAD_FILE', names: ['there is no such folder', 'DEVICES_DIR'] })
  const words = ['devices', 'import', made.directory, 'file.jsonl', '--line', 'line-1']
  expectWords(await made.home.fpki(words), { status: 2, code: 'ERR_USAGE', names: ['--registration-ref'] })
  expect((await importing(all, '--line', 'line-2')).status).toBe(0)
})
