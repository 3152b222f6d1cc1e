import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { type Headers, pack } from 'tar-stream'
import { describe, expect, test } from 'vitest'
import type { DeviceInputFormat } from '../../../../src/operations/devices/input/open.js'
import { temporaryDirectory } from '../../../support/cli.js'
import { device, readInput, someDer, somePem, UUID } from '../../../support/device-input.js'
import { ALL_POINTS } from '../../../support/points.js'

const PEM = somePem()
const PRIVATE_KEY = 'it is a private key, not a certificate request; it belongs on its device only'

/** The rows of an input, each as its place and what is wrong with it. */
async function outcomes(from: string | Uint8Array, format: DeviceInputFormat | 'auto' = 'auto') {
  const { rows, error } = await readInput(from, format)
  const lines = rows.map((row) => `${row.at}: ${'problem' in row ? row.problem : 'a request'}`)
  return error === null ? lines : [...lines, error]
}

describe('a folder', () => {
  test('has its requests in the order of their names, and reasons for what is not read', async () => {
    const folder = await temporaryDirectory()
    const outside = join(await temporaryDirectory(), 'outside.csr')
    writeFileSync(outside, PEM)
    writeFileSync(join(folder, 'c.csr'), PEM)
    writeFileSync(join(folder, 'b.DER'), someDer())
    writeFileSync(join(folder, 'a.pem'), `Certificate Request:\n${PEM}`)
    writeFileSync(join(folder, 'd-\u202e.csr'), '')
    writeFileSync(join(folder, 'e.csr'), Buffer.alloc(10_000_000, 'A'))
    writeFileSync(join(folder, 'f.pem'), somePem('EC PRIVATE KEY'))
    writeFileSync(join(folder, 'g.pem'), PEM + PEM)
    writeFileSync(join(folder, 'h.csr'), Buffer.from(PEM, 'utf16le'))
    writeFileSync(join(folder, 'i.csr'), Buffer.alloc(100))
    symlinkSync(outside, join(folder, 'j.csr'))
    execFileSync('mkfifo', [join(folder, 'k.csr')])
    const socket = createServer().listen(join(folder, 'l.csr'))
    mkdirSync(join(folder, 'm.csr'))
    mkdirSync(join(folder, 'more'))
    writeFileSync(join(folder, '.hidden.csr'), PEM)
    writeFileSync(join(folder, 'notes.txt'), '')
    const { format, rows, notes, error } = await readInput(`${folder}/`)
    socket.close()
    expect({ format, notes, error }).toEqual({
      format: 'dir',
      notes: [`Ignoring 2 other files or folders in ${folder}/`],
      error: null,
    })
    expect(rows).toEqual([
      device('a.pem', { csr: `Certificate Request:\n${PEM}` }),
      device('b.DER', { csr: someDer() }),
      device('c.csr', { csr: PEM }),
      { at: 'd-\\u202e.csr', problem: 'it is empty' },
      { at: 'e.csr', problem: 'it is larger than 65536 bytes' },
      { at: 'f.pem', problem: PRIVATE_KEY },
      { at: 'g.pem', problem: 'it has more than one PEM block; a file or cell has one request' },
      { at: 'h.csr', problem: 'it is UTF-16 (PowerShell redirection writes that); save it as UTF-8 or ASCII' },
      { at: 'i.csr', problem: 'it is neither PEM nor DER' },
      { at: 'j.csr', problem: 'it is a symbolic link' },
      { at: 'k.csr', problem: 'it is not a regular file' },
      { at: 'l.csr', problem: 'it is not a regular file' },
      { at: 'm.csr', problem: 'it is a folder' },
    ])
  })

  test('without requests is an error', async () => {
    const folder = await temporaryDirectory()
    expect(await outcomes(folder)).toEqual([`Cannot read ${folder}: it has no file *.csr, *.pem or *.der.`])
    writeFileSync(join(folder, 'devices.csv'), `uuid\n${UUID}\n`)
    expect(await outcomes(folder)).toEqual([`Cannot read ${folder}: it has no file *.csr, *.pem or *.der.`])
  })

  test('may have many files', async () => {
    const [folder, count] = [await temporaryDirectory(), ALL_POINTS ? 100_000 : 2000]
    for (let at = 0; at < count; at++) writeFileSync(join(folder, `unit-${at}.csr`), PEM)
    const { rows } = await readInput(folder)
    expect(new Set(rows.map(({ at }) => at)).size).toBe(count)
    expect(rows.filter((row) => 'problem' in row)).toEqual([])
  })
})

describe('the csr-file of a row', () => {
  test('is below the folder of the input, without a symbolic link', async () => {
    const folder = await temporaryDirectory()
    const inner = join(folder, 'batch')
    mkdirSync(join(inner, 'csrs'), { recursive: true })
    writeFileSync(join(folder, 'above.csr'), PEM)
    writeFileSync(join(inner, 'csrs', 'a.csr'), PEM)
    writeFileSync(join(inner, 'key.pem'), somePem('PRIVATE KEY'))
    symlinkSync('..', join(inner, 'up'))
    symlinkSync('csrs/a.csr', join(inner, 'link.csr'))
    const names = ['csrs/a.csr', '../above.csr', join(folder, 'above.csr'), 'up/above.csr', 'link.csr', 'csrs', 'x.csr']
    const odd = ['csrs//a.csr', './csrs/a.csr', 'a\0b', 'key.pem', 'n'.repeat(255)]
    writeFileSync(join(inner, 'a.csv'), `csr-file\n${names.join('\n')}\n`)
    writeFileSync(join(inner, 'a.jsonl'), odd.map((name) => JSON.stringify({ 'csr-file': name })).join('\n'))
    const below = 'it must be a path below the folder of the input'
    expect(await outcomes(join(inner, 'a.csv'))).toEqual([
      'line 2: a request',
      `line 3: its csr-file "../above.csr": ${below}`,
      `line 4: its csr-file "${join(folder, 'above.csr')}": an absolute path is not allowed`,
      'line 5: its csr-file "up/above.csr": its path has a symbolic link',
      'line 6: its csr-file "link.csr": it is a symbolic link',
      'line 7: its csr-file "csrs": it is a folder',
      'line 8: its csr-file "x.csr": there is no such file',
    ])
    expect(await outcomes(join(inner, 'a.jsonl'))).toEqual([
      `line 1: its csr-file "csrs//a.csr": ${below}`,
      `line 2: its csr-file "./csrs/a.csr": ${below}`,
      `line 3: its csr-file "a\\\\u0000b": ${below}`,
      `line 4: ${PRIVATE_KEY}`,
      `line 5: its csr-file "${'n'.repeat(255)}": there is no such file`,
    ])
  })
})

/** A tar archive; an entry without content has the size of its header. */
async function archive(entries: readonly (readonly [Headers, string])[]): Promise<Buffer> {
  const tar = pack()
  for (const [header, content] of entries) tar.entry(header, content)
  tar.finalize()
  return buffer(tar)
}

/** Changes the type of the first entry, and the sum of its header. */
function withType(tar: Buffer, type: string): Buffer {
  tar.write(type, 156)
  tar.write('        ', 148)
  const sum = tar.subarray(0, 512).reduce((total, octet) => total + octet, 0)
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return tar
}

async function* inPieces(octets: Buffer): AsyncGenerator<Buffer> {
  for (let start = 0; start < octets.length; start += 65_536) yield octets.subarray(start, start + 65_536)
}

describe('a tar archive', () => {
  test('of GNU tar has the requests of all its folders, also when it is compressed', async () => {
    const folder = await temporaryDirectory()
    const long = 'n'.repeat(120)
    mkdirSync(join(folder, 'csrs', long), { recursive: true })
    for (const name of ['a.csr', `${long}/${long}.pem`, 'notes.txt', '.b.csr'])
      writeFileSync(join(folder, 'csrs', name), PEM)
    for (const kind of ['gnu', 'pax']) {
      const tar = execFileSync('tar', [`--format=${kind}`, '--sort=name', '-c', '-C', folder, 'csrs'])
      for (const octets of [tar, gzipSync(tar)]) {
        const { format, rows, notes, error } = await readInput(octets)
        expect({ format, notes, error }).toEqual({
          format: 'tar',
          notes: ['Ignoring 2 other files or folders in stdin'],
          error: null,
        })
        expect(rows).toEqual([device('csrs/a.csr', { csr: PEM }), device(`csrs/${long}/${long}.pem`, { csr: PEM })])
      }
    }
  })

  test('has reasons for what is not read', async () => {
    const tar = await archive([
      [{ name: '../a.csr' }, PEM],
      [{ name: 'x/../b.csr' }, PEM],
      [{ name: '/etc/c.csr' }, PEM],
      [{ name: 'd.csr', type: 'symlink', linkname: '/etc/passwd' }, ''],
      [{ name: 'e.csr', type: 'link', linkname: 'f.csr' }, ''],
      [{ name: 'f.csr', type: 'character-device' }, ''],
      [{ name: 'g.csr' }, 'A'.repeat(100_000)],
      [{ name: 'h.pem' }, somePem('PRIVATE KEY')],
      [{ name: 'i\u001b[2J.csr' }, PEM],
      [{ name: 'j.csr', type: 'fifo' }, ''],
      [{ name: 'list.csv' }, `uuid\n${UUID}\n`],
    ])
    expect(await outcomes(tar)).toEqual([
      '../a.csr: its name has ".." in it',
      'x/../b.csr: its name has ".." in it',
      '/etc/c.csr: its name is absolute',
      'd.csr: it is not a regular file (symlink)',
      'e.csr: it is not a regular file (link)',
      'f.csr: it is not a regular file (character-device)',
      'g.csr: it is larger than 65536 bytes',
      `h.pem: ${PRIVATE_KEY}`,
      'i\\u001b[2J.csr: a request',
      'j.csr: it is not a regular file (fifo)',
    ])
  })

  test('that is truncated or damaged has the rows before that', async () => {
    const tar = await archive([1, 2, 3].map((at) => [{ name: `${at}.csr` }, PEM] as const))
    const each = 512 + Math.ceil(PEM.length / 512) * 512
    const broken = (rows: number) => [
      ...Array.from({ length: rows }, (_, at) => `${at + 1}.csr: a request`),
      `Cannot read stdin: the tar archive is truncated or damaged, after ${rows} request${rows === 1 ? '' : 's'}.`,
    ]
    for (const [size, rows] of [
      [2 * each + 100, 2],
      [each + 600, 1],
      [2 * each, 2],
      [3 * each, 3],
      [600, 0],
    ] as const)
      expect(await outcomes(tar.subarray(0, size), 'tar')).toEqual(broken(rows))
    const damaged = Buffer.from(tar)
    damaged[each + 5] = 0x41
    expect(await outcomes(damaged)).toEqual(broken(1))
    expect(await outcomes(gzipSync(tar).subarray(0, -30))).toContain(
      'Cannot read stdin: its gzip compression is damaged or truncated.',
    )
  })

  test.each([
    ['a folder with content', async () => withType(await archive([[{ name: 'x.csr' }, PEM]]), '5')],
    ['a size that is no number', () => archive([[{ name: 'x.csr', pax: { size: 'x' } } as Headers, PEM]])],
    ['a negative size', () => archive([[{ name: 'x.csr', pax: { size: '-512' } } as Headers, PEM]])],
    // tar-stream would hold all of it in memory.
    [
      'an extended header of 5 MB',
      () => archive([[{ name: 'x.csr', pax: { comment: 'x'.repeat(5e6) } } as Headers, PEM]]),
    ],
  ])('with %s is damaged', async (_, make) => {
    const { error } = await readInput(inPieces(await make()))
    expect(error).toBe('Cannot read stdin: the tar archive is truncated or damaged, after 0 requests.')
  })

  test('without requests is an error', async () => {
    expect(await outcomes(await archive([[{ name: 'a.txt' }, 'a']]))).toEqual([
      'Cannot read stdin: it has no file *.csr, *.pem or *.der.',
    ])
  })
})

test('a single file has one request, of which OpenSSL prints the text first', async () => {
  const folder = await temporaryDirectory()
  const [pem, der] = [join(folder, 'unit.csr'), join(folder, 'unit.der')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(folder, 'key.pem')]
  execFileSync('openssl', ['req', '-new', ...key, '-subj', `/CN=${UUID}`, '-text', '-out', pem], { stdio: 'ignore' })
  execFileSync('openssl', ['req', '-in', pem, '-outform', 'DER', '-out', der])
  for (const [path, at] of [
    [pem, /^line \d+$/],
    [der, /^unit.der$/],
  ] as const) {
    const { format, rows } = await readInput(path)
    expect(format).toBe('pem')
    expect(rows).toEqual([device(expect.stringMatching(at), { csr: expect.anything() })])
    const [row] = rows
    const csr = row !== undefined && 'csr' in row ? (row.csr ?? '') : ''
    const form = typeof csr === 'string' ? 'PEM' : 'DER'
    const words = ['req', '-noout', '-verify', '-subject', '-inform', form]
    expect(execFileSync('openssl', words, { input: csr, stdio: ['pipe', 'pipe', 'ignore'] }).toString()).toContain(UUID)
  }
})

test('a private key in DER is named as such', async () => {
  for (const words of [
    ['genrsa', '-traditional', '1024'],
    ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'group:P-256'],
  ]) {
    const pem = execFileSync('openssl', words, { stdio: ['ignore', 'pipe', 'ignore'] })
    const form = words[0] === 'genrsa' ? ['rsa', '-traditional'] : ['pkey']
    const der = execFileSync('openssl', [...form, '-outform', 'DER'], { input: pem, stdio: ['pipe', 'pipe', 'ignore'] })
    expect(await outcomes(der)).toEqual([`stdin: ${PRIVATE_KEY}`])
  }
})

test('a named pipe is read like stdin', async () => {
  const pipe = join(await temporaryDirectory(), 'pipe')
  execFileSync('mkfifo', [pipe])
  const text = `csr,csr-file\n"${PEM}",\n,a.csr\n`
  const written = once(spawn('sh', ['-c', 'printf "%s" "$1" > "$2"', 'sh', text, pipe]), 'exit')
  expect(await outcomes(pipe)).toEqual([
    'line 2: a request',
    'line 14: its csr-file "a.csr": only an input in a file can name others; this one is read from a pipe',
  ])
  await written
})

describe('an input of another kind', () => {
  test.each([
    ['nothing', '', 'it is empty'],
    [
      'UTF-16 with a byte order mark',
      Buffer.from(`\ufeffuuid\n${UUID}`, 'utf16le'),
      'it is UTF-16 (PowerShell redirection writes that)',
    ],
    [
      'UTF-16 without one',
      Buffer.from(`uuid\n${UUID}`, 'utf16le'),
      'it is UTF-16 (PowerShell redirection writes that)',
    ],
    ['a spreadsheet', 'PK\x03\x04\0\0', 'it is a spreadsheet or a ZIP archive'],
    ['binary', Buffer.from([1, 2, 3, 0, 5]), 'it is binary, and neither DER nor a tar archive'],
    [
      'base64 without BEGIN',
      someDer().toString('base64').replace(/^..../, 'MIIB'),
      'it is base64 without the BEGIN and END lines of PEM',
    ],
    ['prose', 'Dear all,\n', 'its format is unknown'],
    ['white space', ' \n\n', 'it contains only white space'],
    ['gzip of nothing', gzipSync(''), 'it is empty'],
    ['a large DER', Buffer.concat([someDer(), Buffer.alloc(100_000)]), 'it is DER, and larger than 65536 bytes'],
  ] as const)('%s', async (_, content, reason) => {
    expect(await outcomes(Buffer.from(content as string))).toEqual([`Cannot read stdin: ${reason}.`])
  })

  test('a path that does not fit the format', async () => {
    const folder = await temporaryDirectory()
    const file = join(folder, 'a.csv')
    writeFileSync(file, 'name\n')
    expect(await outcomes(folder, 'csv')).toEqual([`Cannot read ${folder}: it is a folder, not csv.`])
    expect(await outcomes(file, 'dir')).toEqual([`Cannot read ${file}: it is not a folder.`])
    expect(await outcomes('/dev/null')).toEqual(['Cannot read /dev/null: it is a device or a socket.'])
    expect(await outcomes(join(folder, 'x'))).toEqual([
      `Cannot read ${join(folder, 'x')}: there is no such file or folder.`,
    ])
    expect(await outcomes(`${file}/x`)).toEqual([`Cannot read ${file}/x: there is no such file or folder.`])
    expect(await outcomes(file)).toEqual([`Cannot read ${file}: its header has no column csr, csr-file or uuid.`])
    expect(await outcomes(await archive([]), 'csv')).toEqual([
      'Cannot read stdin: it is binary, and neither DER nor a tar archive.',
    ])
    expect(await outcomes(await archive([[{ name: 'a.csr' }, PEM]]), 'csv')).toEqual([
      'Cannot read stdin: it is a tar archive.',
    ])
  })
})
