import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loggedRegister } from '../../../../src/audit-log/logged-register.js'
import { ALL_DEVICES } from '../../../../src/devices/register.js'
import { thisMachine } from '../../../../src/machine/index.js'
import { exportDevices } from '../../../../src/operations/devices/transfer/export-devices.js'
import { importDevices } from '../../../../src/operations/devices/transfer/import-devices.js'
import { checkAuditLog } from '../../../../src/operations/history/check-audit-log.js'
import { exportKit } from '../../../../src/operations/kit/export-kit.js'
import { batchFiles } from '../../../../src/storage/batch-files.js'
import { nodeInputFiles } from '../../../../src/storage/input-files.js'
import { nodeFileSystem } from '../../../../src/storage/node-file-system.js'
import { copiedPki, type Made, madePki } from '../../../cli/made.js'
import { output } from '../../../support/cli.js'
import { createLine, issueIn, pkiWithSite, signedIn, withRegister } from '../../../support/site.js'

const PROGRESS = { step: () => undefined, note: () => undefined, warn: () => undefined }
const signal = new AbortController().signal

function ports() {
  const machine = thisMachine()
  return {
    ...machine,
    progress: PROGRESS,
    signal,
    inputs: nodeInputFiles(),
    batches: batchFiles(nodeFileSystem(), machine.random),
  }
}

/** A PKI whose line-1 (10 devices) is in a kit, which has issued 5 devices, one of them twice. */
async function madeWithKit(): Promise<Made> {
  const made = await pkiWithSite()
  await createLine(made.directory, 'line-1', { quota: 10 })
  const kit = join(made.home.path, 'kit')
  const options = { directory: made.directory, factory: null, ca: 'site-b', lines: null, store: null, moveKey: false }
  await exportKit({ ...options, kit }, ports())
  const [first] = await issueIn(kit, 'line-1', 5)
  await issueIn(kit, 'line-1', 1, { uuids: [first?.uuid ?? ''] })
  return made
}

interface Scene extends Made {
  readonly kit: string
  readonly file: string
}

async function scene(): Promise<Scene> {
  const made = await copiedPki(madeWithKit)
  return { ...made, kit: join(made.home.path, 'kit'), file: join(made.home.path, 'issued.jsonl') }
}

const exported = ({ kit, file }: Scene, since: number | null = null) =>
  exportDevices({ directory: kit, factory: null, out: file, since, store: null }, ports())

const imported = ({ directory, file }: { directory: string; file: string }) =>
  importDevices({ directory, factory: null, file, store: null }, ports())

test('is not written into a PKI directory or kit', async () => {
  const all = await scene()
  const file = join(all.kit, 'issued.jsonl')
  await expect(exported({ ...all, file })).rejects.toMatchObject({ code: 'ERR_USAGE', option: 'out' })
})

async function devicesIn(directory: string) {
  return withRegister(directory, async (register) => {
    const all = []
    for await (const { uuid } of register.devices(ALL_DEVICES)) all.push(await register.device(uuid))
    return all
  })
}

/** Rewrites the rows of a file; its header and its sum stay right. */
async function rewrite(file: string, change: (rows: string[]) => readonly string[]): Promise<void> {
  const [header = '', ...rest] = (await readFile(file, 'utf8')).trimEnd().split('\n')
  const rows = change(rest.slice(0, -1))
  const content = [header, ...rows].map((line) => `${line}\n`).join('')
  const sha256 = createHash('sha256').update(content).digest('hex')
  await writeFile(file, `${content}${JSON.stringify({ certificates: rows.length, sha256 })}\n`)
}

const edited = (row: string, change: object) => JSON.stringify({ ...JSON.parse(row), ...change })

test('what a kit has issued is in the register of the headquarters after an import, and the import can be repeated', async () => {
  const made = await scene()
  expect(await exported(made)).toMatchObject({ devices: 5, certificates: 6, since: null })
  expect(await imported(made)).toMatchObject({ imported: 6, existing: 0, refused: 0, overQuota: [], newLines: [] })
  expect(await devicesIn(made.directory)).toEqual(await devicesIn(made.kit))
  const line = await withRegister(made.directory, ({ lines }) => lines.get('line-1'))
  expect(line).toMatchObject({ issued: 5, quota: 10, state: 'paused' })
  expect(await imported(made)).toMatchObject({ imported: 0, existing: 6, refused: 0 })
  expect(await withRegister(made.directory, ({ lines }) => lines.get('line-1'))).toEqual(line)
})

test('a device that is denied in the kit is denied at the headquarters, with when its certificates end', async () => {
  const made = await scene()
  const uuid = await withRegister(made.kit, async (register) => {
    for await (const device of register.devices(ALL_DEVICES)) {
      const [stored] = (await register.device(device.uuid))?.certificates ?? []
      if (stored === undefined) continue
      await register.seen([{ serial: stored.serial, at: stored.issuedAt + 1000 }])
      await register.deny([device.uuid], { reason: 'keyCompromise', at: stored.issuedAt + 2000, announce: false })
      return device.uuid
    }
    throw new Error('the kit has no device')
  })
  await exported(made)
  expect(await imported(made)).toMatchObject({ imported: 6, refused: 0 })
  expect(await devicesIn(made.directory)).toEqual(await devicesIn(made.kit))
  const denied = { state: 'denied', denied: { reason: 'keyCompromise' } }
  expect(await withRegister(made.directory, (register) => register.device(uuid))).toMatchObject(denied)
})

test('the audit log has the state of the register after an import', async () => {
  const made = await scene()
  await exported(made)
  await imported(made)
  const head = await withRegister(made.directory, (register) => register.head())
  expect(head.certificates).toBe(6)
  expect(await loggedRegister({ files: thisMachine().files, path: made.directory })).toEqual(head)
  expect((await checkAuditLog({ directory: made.directory }, thisMachine())).problems).toEqual([])
})

test('a file has no key and its sum is that of sha256sum; since a time, it has what was issued later', async () => {
  const made = await scene()
  await issueIn(made.kit, 'line-1', 2, { at: new Date(Date.now() + 3_600_000) })
  expect(await exported(made, Date.now() + 60_000)).toMatchObject({ devices: 2, certificates: 2 })
  const text = await readFile(made.file, 'utf8')
  expect(text).not.toContain('PRIVATE')
  const sum = await output('sh', ['-c', `head -n -1 ${made.file} | sha256sum`])
  expect(JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')).toEqual({ certificates: 2, sha256: sum.split(' ')[0] })
  await expect(exported(made)).rejects.toMatchObject({ code: 'ERR_EXISTS' })
})

test('a truncated, changed or foreign file is refused before anything changes', async () => {
  const made = await scene()
  await exported(made)
  const text = await readFile(made.file, 'utf8')
  const lines = text.trimEnd().split('\n')
  const without = (at: number) => `${lines.toSpliced(at, 1).join('\n')}\n`
  for (const changed of [
    '',
    '{}\n',
    without(-1),
    without(3),
    text.replace('"pilot"', '"other"'),
    text.slice(0, -100),
  ]) {
    await writeFile(made.file, changed)
    await expect(imported(made), changed.slice(-80)).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
  }
  await writeFile(made.file, text)
  const other = await madePki()
  await expect(imported({ ...other, file: made.file })).rejects.toMatchObject({ code: 'ERR_OTHER_ROOT' })
  await expect(imported({ directory: made.kit, file: made.file })).rejects.toMatchObject({ code: 'ERR_KIT' })
  expect(await devicesIn(made.directory)).toEqual([])
})

test('a file that is missing, a folder, or cannot be read any more is said to be that', async () => {
  const made = await scene()
  const missing = imported({ ...made, file: `${made.file}.not` })
  await expect(missing).rejects.toMatchObject({
    code: 'ERR_BAD_FILE',
    message: expect.stringMatching(/: there is no such file\.$/),
  })
  const folder = imported({ ...made, file: made.directory })
  await expect(folder).rejects.toMatchObject({
    code: 'ERR_BAD_FILE',
    message: expect.stringMatching(/: it is not a regular file\.$/),
  })
  // Reading the memory of a process at 0 is an error of the disk (EIO).
  const removed = imported({ ...made, file: '/proc/self/mem' })
  await expect(removed).rejects.toMatchObject({
    code: 'ERR_BAD_FILE',
    message: expect.stringMatching(/^Cannot read \/proc\/self\/mem: /),
  })
})

test('certificates above the quota are imported nevertheless, and reported', async () => {
  const made = await scene()
  await exported(made)
  await withRegister(made.directory, ({ lines }) => lines.change('line-1', { quota: 3 }))
  const overQuota = [{ line: 'line-1', quota: 3, issued: 5 }]
  expect(await imported(made)).toMatchObject({ imported: 6, refused: 0, overQuota })
})

test('a line that only the kit has is created, paused', async () => {
  const made = await scene()
  await createLine(made.kit, 'night-shift')
  await issueIn(made.kit, 'night-shift', 1)
  await exported(made)
  expect(await imported(made)).toMatchObject({ imported: 7, newLines: ['night-shift'] })
  expect(await withRegister(made.directory, ({ lines }) => lines.get('night-shift'))).toMatchObject({
    state: 'paused',
    issued: 1,
  })
})

test('each forged row is refused with its line, and the others are imported', async () => {
  const made = await scene()
  await exported(made)
  const other = await pkiWithSite()
  const [foreign] = await signedIn(other.directory, 1, { file: 'local-ca.pem' })
  const wrong = Buffer.from(foreign?.der ?? []).toString('base64')
  await rewrite(made.file, (rows) => {
    const [a = '', b = '', c = ''] = rows
    const { uuid, certificate } = JSON.parse(b)
    const der = Buffer.from(certificate, 'base64')
    der[der.length - 1] = (der.at(-1) ?? 0) ^ 1
    return [
      a,
      edited(b, { uuid: JSON.parse(a).uuid === uuid ? JSON.parse(c).uuid : JSON.parse(a).uuid }),
      edited(b, { serial: '01' }),
      edited(b, { production: true }),
      edited(b, { notAfter: '2099-01-01T00:00:00.000Z' }),
      edited(b, { issuedAt: '2019-01-01T00:00:00.000Z' }),
      edited(b, { ca: 'cd'.repeat(32) }),
      edited(b, { certificate: wrong }),
      edited(b, { certificate: der.toString('base64') }),
      edited(b, { certificate: 'AAAA' }),
      edited(b, { extra: 1 }),
      edited(b, { name: 'x'.repeat(20_000) }),
      'not json',
      '',
      ...rows.slice(1),
    ]
  })
  const result = await imported(made)
  expect(result).toMatchObject({ imported: 6, existing: 0, refused: 13 })
  expect(result.refusals.map(({ line, code }) => [line, code])).toEqual([
    [3, 'uuid-mismatch'],
    [4, 'serial'],
    [5, 'production'],
    [6, 'not-after'],
    [7, 'path'],
    [8, 'unknown-ca'],
    [9, 'signature'],
    [10, 'signature'],
    [11, 'certificate-malformed'],
    [12, 'row-malformed'],
    [13, 'row-malformed'],
    [14, 'row-malformed'],
    [15, 'row-malformed'],
  ])
})

test('a key under two UUIDs is refused', async () => {
  const made = await scene()
  await exported(made)
  const [row = ''] = (await readFile(made.file, 'utf8')).split('\n').slice(1)
  const key = await withRegister(made.kit, (register) => register.device(JSON.parse(row).uuid))
  const [own] = await signedIn(made.directory, 1)
  await withRegister(made.directory, (register) => {
    const certificate = { ...own, keyHash: key?.certificates.at(-1)?.keyHash } as never
    return register.commit({
      line: 'default',
      ca: 'ab'.repeat(32),
      at: Date.now(),
      announce: false,
      certificates: [certificate],
    })
  })
  const { refusals, refused } = await imported(made)
  expect({ refused, refusals }).toMatchObject({ refused: 1, refusals: [{ code: 'key-reused' }] })
})

test('a row with impossible times, or a serial number in another form, changes nothing', async () => {
  const made = await scene()
  await exported(made)
  const denied = (at: string) => ({ denied: { at, reason: 'keyCompromise' } })
  await rewrite(made.file, (rows) => {
    const row = rows.find((one) => JSON.parse(one).state === 'active') ?? ''
    const { serial } = JSON.parse(row)
    return [
      edited(row, denied('1949-12-31T23:59:59.999Z')),
      edited(row, denied('2026-13-45T00:00:00.000Z')),
      edited(row, denied('9999-01-01T00:00:00.000Z')),
      edited(row, { seenAt: '0001-01-01T00:00:00.000Z' }),
      edited(row, { seenAt: '9999-01-01T00:00:00.000Z' }),
      edited(row, { state: 'superseded', endedAt: '2026-02-30T00:00:00.000Z' }),
      edited(row, { state: 'superseded' }),
      edited(row, { endedAt: JSON.parse(row).issuedAt }),
      edited(row, { serial: `0${serial}` }),
    ]
  })
  const { imported: count, refusals } = await imported(made)
  expect(refusals.map(({ line, code }) => [line, code])).toEqual([
    [2, 'row-malformed'],
    [3, 'row-malformed'],
    [4, 'clock'],
    [5, 'row-malformed'],
    [6, 'clock'],
    [7, 'row-malformed'],
    [8, 'row-malformed'],
    [9, 'row-malformed'],
    [10, 'row-malformed'],
  ])
  expect(count).toBe(0)
  expect(await devicesIn(made.directory)).toEqual([])
})
