import { readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { pack } from 'tar-stream'
import { describe, expect, test } from 'vitest'
import { openDeviceInput } from '../../../../src/operations/devices/input/open.js'
import { nodeInputFiles } from '../../../../src/storage/input-files.js'
import { temporaryDirectory } from '../../../support/cli.js'
import { inChunks, readInput, someDer, somePem, UUID } from '../../../support/device-input.js'
import { ALL_POINTS } from '../../../support/points.js'

const PEM = somePem()
const ports = {
  files: nodeInputFiles(),
  stdin: inChunks(Buffer.alloc(0)),
  isStdinTerminal: false,
  progress: { note() {} },
}

async function tarOf(count: number): Promise<Buffer> {
  const tar = pack()
  for (let at = 0; at < count; at++)
    tar.entry({ name: `${at}.csr`, ...(at % 2 ? { pax: { path: `p${at}.csr` } } : {}) }, PEM)
  tar.finalize()
  return buffer(tar)
}

/** Each with good rows, bad rows, and some with an error at the end. */
const INPUTS: Readonly<Record<string, () => Buffer | Promise<Buffer>>> = {
  csv: () =>
    Buffer.from(`\ufeffuuid;name;csr\r\n${UUID};"a ""b"";\n c";"${PEM}"\r\n\r\n;x\r\n${UUID};\xfc;\r\n${UUID};y;"`),
  'csv in Latin-1': () => Buffer.from(`uuid,name\n${UUID},\xfc\n${UUID},b\n`, 'latin1'),
  jsonl: () =>
    Buffer.from(
      `\ufeff{"uuid":"${UUID}","name":"\u00fc\u20ac\u{1f600}"}\r\n\n{"csr":7}\nx\n${JSON.stringify({ csr: PEM })}`,
    ),
  pem: () =>
    Buffer.from(`\ufefftext \xfc\n${PEM}${somePem('PRIVATE KEY')}${PEM.replaceAll('\n', '\r\n')}${PEM.slice(0, 99)}`),
  uuids: () => Buffer.from(`# a\n${UUID}\n\n${'7'.repeat(300)}\r\n${UUID}`),
  tar: () => tarOf(3),
  'a truncated tar': async () => (await tarOf(3)).subarray(0, 3000),
  'a compressed tar': async () => gzipSync(await tarOf(3)),
  der: () => someDer(),
}

describe('any cut of the octets into chunks gives the same rows', () => {
  test.each(Object.entries(INPUTS))('of %s', async (_, make) => {
    const octets = await make()
    const whole = await readInput(octets)
    expect(whole.rows.length).toBeGreaterThan(0)
    const each = await readInput(inChunks(octets, [...octets.keys()].slice(1)))
    expect(each).toEqual(whole)
    const cuts = fc.array(fc.integer({ min: 0, max: octets.length }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(cuts, async (places) => {
        expect(
          await readInput(
            inChunks(
              octets,
              places.sort((a, b) => a - b),
            ),
          ),
        ).toEqual(whole)
      }),
      { numRuns: 40 },
    )
  })
})

describe('whatever the octets are, there are rows, unreadable rows, or ERR_BAD_FILE', () => {
  const formats = fc.constantFrom('auto', 'csv', 'jsonl', 'pem', 'tar', 'uuids')

  test('of random octets', async () => {
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    )
    await fc.assert(
      fc.asyncProperty(octets, formats, async (input, format) => checkRows(await readInput(input, format))),
      {
        numRuns: ALL_POINTS ? 10_000 : 400,
      },
    )
  })

  test('of damaged inputs', async () => {
    const inputs = await Promise.all(Object.values(INPUTS).map(async (make) => make()))
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...inputs), damage, formats, async (input, places, format) => {
        const damaged = Buffer.from(input)
        for (const [at, octet] of places) damaged[at % damaged.length] = octet
        checkRows(await readInput(damaged, format))
      }),
      { numRuns: ALL_POINTS ? 10_000 : 400 },
    )
  })

  /** What is shown of an input has no control characters. */
  function checkRows({ rows, error }: Awaited<ReturnType<typeof readInput>>): void {
    for (const row of rows) expect(`${row.at} ${'problem' in row ? row.problem : ''}`).toMatch(/^\P{Cc}*$/u)
    expect(error ?? '').toMatch(/^\P{Cc}*$/u)
  }
})

describe('an endless input', () => {
  const BEGINNINGS: Readonly<Record<string, readonly [start: string, more: string, ahead: number]>> = {
    jsonl: ['', `${JSON.stringify({ csr: PEM })}\n`, 64],
    pem: ['', PEM, 64],
    csv: ['uuid,csr\n', `${UUID},"${PEM}"\n`, 64],
    uuids: ['', `${UUID}\n`, 512],
  }

  test.each(Object.entries(BEGINNINGS))(
    'of %s is read as far as its rows are taken',
    async (format, [start, more, ahead]) => {
      let made = 0
      async function* stdin() {
        yield Buffer.from(start)
        for (; ; made++) yield Buffer.from(more)
      }
      const input = await openDeviceInput({ path: null, format: 'auto' }, { ...ports, stdin: stdin() })
      expect(input.format).toBe(format)
      let taken = 0
      for await (const rows of input.rows) {
        taken += rows.length
        expect(rows.length).toBeLessThanOrEqual(256)
        expect(made - taken).toBeLessThanOrEqual(ahead)
        if (taken >= 2000) break
      }
    },
  )

  test('of a tar archive is read as far as its rows are taken, and the source is closed', async () => {
    const one = (await tarOf(1)).subarray(0, 512 + 1024)
    let [made, isClosed, taken] = [0, false, 0]
    async function* stdin() {
      try {
        for (; ; made++) yield Buffer.from(one)
      } finally {
        isClosed = true
      }
    }
    const { rows } = await openDeviceInput({ path: null, format: 'auto' }, { ...ports, stdin: stdin() })
    for await (const some of rows) {
      taken += some.length
      // tar-stream and Node's streams read a few chunks ahead.
      expect(made - taken).toBeLessThanOrEqual(64)
      if (taken >= 2000) break
    }
    await expect.poll(() => isClosed).toBe(true)
  })

  test.each(['jsonl', 'csv', 'pem', 'uuids'] as const)('line of %s is not held in memory', async (format) => {
    const start = { jsonl: '{"csr":"', csv: 'uuid\n', pem: '-----BEGIN CERTIFICATE REQUEST-----\n', uuids: '7' }[format]
    let made = 0
    async function* stdin() {
      yield Buffer.from(start)
      for (; made < 400; made++) yield Buffer.alloc(256 * 1024, 'A')
    }
    const before = process.memoryUsage().arrayBuffers
    let [highest, rows] = [0, 0]
    async function* watched() {
      for await (const chunk of stdin()) {
        highest = Math.max(highest, process.memoryUsage().arrayBuffers - before)
        yield chunk
      }
    }
    const input = await openDeviceInput({ path: null, format }, { ...ports, stdin: watched() })
    for await (const some of input.rows) rows += some.filter((row) => 'problem' in row).length
    expect({ made, rows }).toEqual({ made: 400, rows: 1 })
    // 100 MB went through; the collector is lazy.
    expect(highest).toBeLessThan(80_000_000)
  })
})

/** The file descriptors of this process at a path. */
function openAt(path: string): number {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return targets.filter((target) => target === path).length
}

describe('the file of an input is closed', () => {
  const LONG = `${JSON.stringify({ csr: PEM })}\n`.repeat(3000)
  const CONTENTS = {
    'devices.jsonl': () => LONG,
    'devices.jsonl.gz': () => gzipSync(LONG),
    'devices.tar': () => tarOf(1000),
    'devices.txt': () => 'Dear all,\n',
  }
  const files = Object.entries(CONTENTS)

  test.each(files)('of %s, at its end, after an early stop, and after an abort', async (name, content) => {
    const path = join(await temporaryDirectory(), name)
    writeFileSync(path, await content())
    await readInput(path)
    await expect.poll(() => openAt(path)).toBe(0)
    if (name === 'devices.txt') return
    const source = { path, format: 'auto' } as const
    for await (const rows of (await openDeviceInput(source, ports)).rows) {
      // A compressed file may have been read to its end.
      if (name !== 'devices.jsonl.gz') expect(openAt(path)).toBe(1)
      if (rows.length > 0) break
    }
    await expect.poll(() => openAt(path)).toBe(0)
    await (await openDeviceInput(source, ports)).close()
    await expect.poll(() => openAt(path)).toBe(0)
    const abort = new AbortController()
    const { rows } = await openDeviceInput(source, { ...ports, signal: abort.signal })
    const reading = (async () => {
      for await (const some of rows) if (some.length > 0) abort.abort(new Error('stopped'))
    })()
    await expect(reading).rejects.toThrow('stopped')
    await expect.poll(() => openAt(path)).toBe(0)
  })
})

describe('a signal', () => {
  test('stops to wait for stdin', async () => {
    const abort = new AbortController()
    async function* stdin() {
      yield Buffer.from(`${UUID}\n`.repeat(500))
      await new Promise(() => {})
    }
    const input = await openDeviceInput(
      { path: null, format: 'auto' },
      { ...ports, stdin: stdin(), signal: abort.signal },
    )
    let taken = 0
    const reading = (async () => {
      for await (const rows of input.rows) {
        taken += rows.length
        if (taken === 500) setImmediate(() => abort.abort(new Error('stopped')))
      }
    })()
    await expect(reading).rejects.toThrow('stopped')
    expect(taken).toBe(500)
  })

  test('stops a folder between its rows', async () => {
    const folder = await temporaryDirectory()
    for (let at = 0; at < 600; at++) writeFileSync(join(folder, `${at}.csr`), PEM)
    const abort = new AbortController()
    const { rows } = await openDeviceInput({ path: folder, format: 'dir' }, { ...ports, signal: abort.signal })
    const sizes: number[] = []
    const reading = (async () => {
      for await (const some of rows) {
        sizes.push(some.length)
        abort.abort(new Error('stopped'))
      }
    })()
    await expect(reading).rejects.toThrow('stopped')
    expect(sizes).toEqual([256])
  })
})

test('stdin that is a terminal is refused, with what to do', async () => {
  const opened = openDeviceInput({ path: null, format: 'auto' }, { ...ports, isStdinTerminal: true })
  await expect(opened).rejects.toMatchObject({
    code: 'ERR_USAGE',
    message: 'No requests on stdin: it is a terminal.',
    hint: 'Name a file or a folder, or pipe the requests in, such as with < requests.pem',
  })
})
