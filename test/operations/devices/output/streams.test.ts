import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { parse } from 'csv-parse/sync'
import { beforeEach, describe, expect, test } from 'vitest'
import type { OutputFormat } from '../../../../src/operations/devices/output/settings.js'
import { streamSink } from '../../../../src/storage/sinks.js'
import { ANSWERS, DEVICES, device, openOn, SETTINGS } from './support/scene.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'outputs-'))
})

async function written(format: OutputFormat, devices = DEVICES): Promise<string> {
  const path = join(folder, `devices.${format}`)
  const output = await openOn({ target: { kind: 'file', path }, format })
  // Two chunks.
  await output.write(devices.slice(0, 1))
  await output.write(devices.slice(1))
  await output.finish()
  expect((await stat(path)).mode & 0o777).toBe(0o644)
  expect(await readdir(folder)).toEqual([`devices.${format}`])
  return path
}

const pemOf = (uuid: string) => ANSWERS.find((one) => one.uuid === uuid)?.answer['client.pem']

/** What a maker may write, and what a spreadsheet or a terminal would make of it. */
const HOSTILE = { name: '=cmd|"/c calc"!A1', group: '+1', hardwareId: '@SUM(1)', serialNumber: '-7\u001b[2J,"x"' }

describe('files of devices', () => {
  test('JSON lines have the members of the input and the certificate', async () => {
    const [one, ...others] = DEVICES
    const path = await written('jsonl', [device(0, { ...HOSTILE, kind: 'reused' }), ...others])
    const rows = (await readFile(path, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(rows.map(({ uuid, certificate }) => [uuid, certificate])).toEqual(
      DEVICES.map(({ uuid }) => [uuid, pemOf(uuid)]),
    )
    expect(rows[0]).toMatchObject({
      ...{ name: HOSTILE.name, group: '+1', 'hardware-id': '@SUM(1)', serial: HOSTILE.serialNumber },
      ...{ state: 'reused', production: false, 'certificate-serial': one?.serial },
      'not-after': new Date(one?.notAfter ?? 0).toISOString(),
    })
  })

  test('CSV has the same columns, and no cell of a maker is a formula', async () => {
    const path = await written('csv', [device(0, HOSTILE), ...DEVICES.slice(1)])
    const rows: Record<string, string>[] = parse(await readFile(path), {
      columns: true,
      relaxColumnCount: false,
    } as never)
    expect(rows.map((row) => [row['uuid'], row['certificate']])).toEqual(DEVICES.map(({ uuid }) => [uuid, pemOf(uuid)]))
    expect(rows[0]).toMatchObject({
      ...{ name: `'${HOSTILE.name}`, group: "'+1", 'hardware-id': "'@SUM(1)", serial: '\'-7\\u001b[2J,"x"' },
    })
  })

  test('python reads the CSV too', async () => {
    const program =
      'import csv,sys,json; print(json.dumps([r["certificate"] for r in csv.DictReader(open(sys.argv[1], newline=""))]))'
    const read = execFileSync('python3', ['-c', program, await written('csv')], { encoding: 'utf8' })
    expect(JSON.parse(read)).toEqual(DEVICES.map(({ uuid }) => pemOf(uuid)))
  })

  test('PEM is read by OpenSSL', async () => {
    const path = await written('pem')
    const text = execFileSync('openssl', ['storeutl', '-certs', '-noout', '-text', path], { encoding: 'utf8' })
    expect(text).toContain(`Total found: ${DEVICES.length}`)
    for (const { uuid } of DEVICES) expect(text).toContain(uuid)
  })

  test('tar has the folders, as the reference answers', async () => {
    const path = await written('tar')
    execFileSync('tar', ['-xpf', path, '-C', folder])
    for (const { uuid, answer } of ANSWERS) {
      const files = (await readdir(join(folder, uuid))).sort()
      expect(files).toEqual(['client.chained', 'client.pem', 'root.crt', 'sota.toml'])
      for (const name of ['client.chained', 'client.pem', 'root.crt'] as const)
        expect(await readFile(join(folder, uuid, name), 'utf8')).toBe(answer[name])
      expect((await stat(join(folder, uuid))).mode & 0o777).toBe(0o700)
    }
    expect(execFileSync('tar', ['-tvf', path], { encoding: 'utf8' }).split('\n')).toHaveLength(5 * DEVICES.length + 1)
  })

  test('an empty batch is an empty archive, and a CSV with a header', async () => {
    expect(execFileSync('tar', ['-tf', await written('tar', [])], { encoding: 'utf8' })).toBe('')
    folder = await mkdtemp(join(tmpdir(), 'outputs-'))
    expect(await readFile(await written('csv', []), 'utf8')).toMatch(/^uuid,name,.*,certificate\r\n$/)
  })

  test('an existing file is refused before anything is issued', async () => {
    const path = join(folder, 'devices.csv')
    await writeFile(path, 'mine')
    const opened = openOn({ target: { kind: 'file', path }, format: 'csv' })
    await expect(opened).rejects.toMatchObject({ code: 'ERR_EXISTS' })
    expect(await readdir(folder)).toEqual(['devices.csv'])
  })

  test('a file that another program made meanwhile is not overwritten', async () => {
    const path = join(folder, 'devices.pem')
    const output = await openOn({ target: { kind: 'file', path }, format: 'pem' })
    await output.write(DEVICES)
    await writeFile(path, 'mine')
    await expect(output.finish()).rejects.toMatchObject({ code: 'ERR_EXISTS' })
    await output.stop()
    expect(await readFile(path, 'utf8')).toBe('mine')
    expect(await readdir(folder)).toEqual(['devices.pem'])
  })

  test('stopping leaves nothing', async () => {
    const output = await openOn({ target: { kind: 'file', path: join(folder, 'a.jsonl') }, format: 'jsonl' })
    await output.write(DEVICES)
    await output.stop()
    expect(await readdir(folder)).toEqual([])
  })

  test.each(['pem', 'tar'] as const)('keys have no place in %s', async (format) => {
    const opened = openOn({ target: { kind: 'file', path: join(folder, 'a') }, format, makesKeys: true })
    await expect(opened).rejects.toMatchObject({ code: 'ERR_USAGE' })
  })
})

describe('stdout', () => {
  test('gets the data and nothing else, as fast as its reader takes it', async () => {
    const pipe = new PassThrough({ highWaterMark: 1 })
    const output = await openOn({ target: { kind: 'stdout' }, format: 'jsonl' }, { stdout: streamSink(pipe) })
    let isTaken = false
    const writing = output.write(DEVICES).then(() => {
      isTaken = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(isTaken).toBe(false)
    const read = buffer(pipe)
    await writing
    await output.finish()
    pipe.end()
    expect((await read).toString().trimEnd().split('\n')).toHaveLength(DEVICES.length)
  })

  test('whose reader went away is an error', async () => {
    const closed = new Writable({
      write: (_octets, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    })
    closed.on('error', () => undefined)
    const output = await openOn({ target: { kind: 'stdout' }, format: 'pem' }, { stdout: streamSink(closed) })
    await expect(output.write(DEVICES)).rejects.toMatchObject({
      code: 'ERR_STORAGE',
      message: expect.stringContaining('EPIPE'),
    })
    await expect(output.write(DEVICES)).rejects.toMatchObject({ code: 'ERR_STORAGE' })
  })

  test('takes no folders', async () => {
    const opened = openOn({ target: { kind: 'stdout' }, format: 'sota', device: SETTINGS })
    await expect(opened).rejects.toMatchObject({ code: 'ERR_USAGE' })
  })
})
