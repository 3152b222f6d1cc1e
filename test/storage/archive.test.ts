import { randomBytes } from 'node:crypto'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { partOf } from '../../src/pieces.js'
import { sha256 } from '../../src/sha256.js'
import { type ArchiveEntry, type LargeEntry, largeHeader, newArchive, writeArchive } from '../../src/storage/archive.js'
import { type LocatedFile, readArchive } from '../../src/storage/read-archive.js'
import { output, temporaryDirectory } from '../support/cli.js'
import { entriesOf, pieces } from '../support/envelopes.js'

const TIME = new Date('2026-07-01T12:00:00Z')
const FOLDER: ArchiveEntry = { path: 'pki', kind: 'directory', mode: 0o700, content: new Uint8Array() }

function file(path: string, text = 'text', mode = 0o400): ArchiveEntry {
  return { path, kind: 'file', mode, content: Buffer.from(text) }
}

const SIZES = [0, 1, 511, 512, 513, 70_000]
const ENTRIES = [
  FOLDER,
  ...SIZES.map((size) => file(`pki/${size}`, 'x'.repeat(size), size % 2 ? 0o600 : 0o400)),
  { ...FOLDER, path: `pki/${'folder'.repeat(15)}` },
  file(`pki/${'folder'.repeat(15)}/a name with blanks and ü ${'n'.repeat(50)}`),
  file(`pki/${'n'.repeat(250)}`),
]

/** What becomes of an archive. */
async function codeOf(tar: Uint8Array): Promise<string> {
  try {
    return `${(await entriesOf(tar)).length} entries`
  } catch (error) {
    if (error instanceof FpkiError) return `${error.code}: ${error.message}`
    throw error
  }
}

/** An archive with one file, in whose header `text` stands at `at`; the sum fits. */
async function forged(at: number, text: string, content = ''): Promise<Buffer> {
  const tar = await writeArchive([file('a', content)], TIME)
  tar.write(text, at)
  return withSum(tar)
}

/** `tar` with the right sum in its first header. */
function withSum(tar: Buffer): Buffer {
  tar.write('        ', 148)
  const sum = tar.subarray(0, 512).reduce((total, octet) => total + octet, 0)
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return tar
}

test.each(['2026-07-01T12:00:00Z', '2045-07-01T12:00:00Z'])(
  'an archive written at %s is read back unchanged',
  async (time) => {
    const read = await entriesOf(await writeArchive(ENTRIES, new Date(time)))
    const plain = (entry: ArchiveEntry) => ({ ...entry, content: Buffer.from(entry.content).toString() })
    expect(read.map(plain)).toEqual(ENTRIES.map(plain))
  },
)

test('GNU tar extracts it, with modes and times', async () => {
  const folder = await temporaryDirectory()
  await writeFile(join(folder, 'a.tar'), await writeArchive(ENTRIES, TIME))
  await output('tar', ['-xpf', 'a.tar'], { cwd: folder })
  for (const { path, kind, content } of ENTRIES.filter((entry) => entry.kind === 'file')) {
    expect({ path, kind, text: await readFile(join(folder, path), 'latin1') }).toEqual({
      path,
      kind,
      text: Buffer.from(content).toString('latin1'),
    })
  }
  const listed = await output('tar', ['--utc', '-tvf', join(folder, 'a.tar')])
  expect(listed).toContain('drwx------ 0/0               0 2026-07-01 12:00 pki/\n')
  expect(listed).toContain('-r-------- 0/0           70000 2026-07-01 12:00 pki/70000\n')
})

describe('a large file', () => {
  const content = randomBytes(1_234_567)
  const large = (path: string, octets: Uint8Array = content): LargeEntry => ({
    ...{ path, kind: 'file', mode: 0o600, size: octets.length, sha256: sha256(octets) },
    read: () => pieces(octets),
  })

  test.each(['pki/devices', `pki/${'long'.repeat(50)}`])('is written like any other file: %s', async (path) => {
    const inMemory = { path, kind: 'file', mode: 0o600, content } as const
    const archive = await newArchive([FOLDER, file('pki/a'), large(path), file('pki/b')], TIME)
    const written = await buffer(archive.read())
    expect(written.equals(await writeArchive([FOLDER, file('pki/a'), inMemory, file('pki/b')], TIME))).toBe(true)
    expect(archive.size).toBe(written.length)
  })

  test('is hashed and located, not kept', async () => {
    const entries = [FOLDER, file('pki/a'), large('pki/devices'), file('pki/b')]
    const tar = await buffer((await newArchive(entries, TIME)).read())
    const [, a, found, b] = await readArchive(pieces(tar), { large: 'pki/devices', maxBytes: 8 })
    expect([a, b]).toEqual([file('pki/a'), file('pki/b')])
    const { read: _, ...expected } = large('pki/devices')
    expect(found).toEqual({ ...expected, offset: expect.any(Number) })
    const { offset } = found as LocatedFile
    expect(tar.subarray(offset, offset + content.length).equals(content)).toBe(true)
    const part = await buffer(partOf(pieces(tar), offset, offset + content.length))
    expect(part.equals(content)).toBe(true)
  })

  test.each([
    ['a hidden octet after it', (tar: Buffer) => tar.write('x', tar.indexOf('pki/b') - 1), 'differs from what fpki'],
    ['another owner', (tar: Buffer) => tar.write('1', tar.indexOf('pki/devices') + 113), 'invalid header'],
  ])('with %s is refused', async (_, change, reason) => {
    const tar = await buffer((await newArchive([FOLDER, large('pki/devices'), file('pki/b')], TIME)).read())
    change(tar)
    const read = readArchive(pieces(tar), { large: 'pki/devices', maxBytes: 1000 })
    await expect(read).rejects.toMatchObject({ code: 'ERR_BAD_FILE', message: expect.stringContaining(reason) })
  })

  test('twice is refused', async () => {
    const twice = [FOLDER, large('pki/devices'), large('pki/devices')]
    const read = readArchive((await newArchive(twice, TIME)).read(), { large: 'pki/devices', maxBytes: 1000 })
    await expect(read).rejects.toMatchObject({ message: expect.stringContaining('twice') })
  })
})

test('an archive with more content than fits into memory is refused before that is read', async () => {
  const tar = await writeArchive([FOLDER, file('pki/a', 'x'.repeat(600)), file('pki/b', 'x'.repeat(600))], TIME)
  expect(await entriesOf(tar, 1200)).toHaveLength(3)
  await expect(entriesOf(tar, 1199)).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
})

test('an error of the source is reported as it is', async () => {
  const tar = await writeArchive([FOLDER, file('pki/a', 'x'.repeat(100_000))], TIME)
  async function* broken() {
    yield tar.subarray(0, 50_000)
    throw new TypeError('the disk is gone')
  }
  await expect(readArchive(broken(), { large: '', maxBytes: 1e6 })).rejects.toThrow('the disk is gone')
})

describe('an archive not written by fpki is refused', () => {
  test.each([
    ['..', [file('../out')]],
    ['.. below', [FOLDER, file('pki/../../out')]],
    ['an absolute path', [file('/etc/passwd')]],
    ['.', [FOLDER, file('pki/./x')]],
    ['an empty part', [FOLDER, file('pki//x')]],
    ['an empty path', [file('')]],
    ['a control character', [FOLDER, file('pki/a\nb')]],
    ['a NUL', [FOLDER, file('pki/a\0b')]],
    ['a path twice', [FOLDER, file('pki/a'), file('pki/a')]],
    ['a folder twice', [FOLDER, FOLDER]],
    ['a file in no folder', [file('pki/a')]],
    ['a file in a file', [file('pki'), file('pki/a')]],
    ['setuid', [FOLDER, file('pki/a', '', 0o4755)]],
  ])('%s', async (_, entries) => {
    expect(await codeOf(await writeArchive(entries, TIME))).toMatch(/^ERR_BAD_FILE: /)
  })

  test('a folder with content', async () => {
    expect(await codeOf(await forged(156, '5', 'x'.repeat(512)))).toMatch(/^ERR_BAD_FILE: /)
  })

  test('links, pipes and devices written by GNU tar', async () => {
    const folder = await temporaryDirectory()
    await mkdir(join(folder, 'pki'))
    await writeFile(join(folder, 'pki', 'a'), 'a')
    await output('ln', [join(folder, 'pki', 'a'), join(folder, 'pki', 'hard')])
    await symlink('/etc/passwd', join(folder, 'pki', 'soft'))
    await output('mkfifo', [join(folder, 'pki', 'pipe')])
    const tarOf = async (...names: readonly string[]) => {
      const words = ['--format=ustar', '--no-recursion', '-b1', '-cf', join(folder, 'it.tar'), '-C', folder]
      await output('tar', [...words, 'pki', ...names])
      return codeOf(await readFile(join(folder, 'it.tar')))
    }
    // Owners have names in it: not even its plain files are taken.
    for (const names of [['pki/a'], ['pki/soft'], ['pki/pipe'], ['pki/a', 'pki/hard']]) {
      expect(await tarOf(...names)).toMatch(/^ERR_BAD_FILE/)
    }
  })

  test('other forms of tar', async () => {
    const folder = await temporaryDirectory()
    await writeFile(join(folder, 'a'), 'a')
    for (const format of ['gnu', 'v7', 'pax']) {
      const tar = join(folder, `${format}.tar`)
      await output('tar', [`--format=${format}`, '-b1', '-cf', tar, '-C', folder, 'a'])
      expect(await codeOf(await readFile(tar)), format).toMatch(/^ERR_BAD_FILE/)
    }
  })

  test.each([...'123467SV'])('an entry of type %s, with a valid checksum', async (type) => {
    expect(await codeOf(await forged(156, type))).toContain('not a regular file or folder')
  })

  test.each([...'xgLK'])('an extension header of type %s that fpki does not write', async (type) => {
    expect(await codeOf(await forged(156, type))).toContain('differs from what fpki writes')
  })

  test('a regular file with a link name', async () => {
    expect(await codeOf(await forged(157, '/etc/passwd'))).toContain('differs from what fpki writes')
  })

  test('an extension header that would fill the memory', async () => {
    const header = Buffer.from(await largeHeader({ ...file('a'), kind: 'file', size: 2 ** 31, sha256: '' }, TIME))
    header.write('x', 156)
    let fed = 0
    async function* endless() {
      yield withSum(header)
      for (const octets = Buffer.alloc(2 ** 20); ; fed += octets.length) yield octets
    }
    const read = readArchive(endless(), { large: '', maxBytes: 1000 })
    await expect(read).rejects.toMatchObject({ message: expect.stringContaining('a header that is too long') })
    expect(fed).toBeLessThan(100 * 2 ** 20)
  })

  test('a file whose header claims a huge size', async () => {
    expect(await codeOf(await forged(124, '77777777777'))).toContain('is truncated')
  })

  test('one that is truncated anywhere, or has trailing data', async () => {
    const tar = await writeArchive([FOLDER, file('pki/a', 'x'.repeat(600))], TIME)
    for (let size = 0; size < tar.length; size += 37) {
      expect(await codeOf(tar.subarray(0, size))).toMatch(/^ERR_BAD_FILE/)
    }
    expect(await codeOf(Buffer.concat([tar, Buffer.alloc(512)]))).toMatch(/^ERR_BAD_FILE/)
  })

  test.each([
    ['in the sum', 148, '        '],
    ['in the owner', 265, 'root'],
    ['in octets that no header uses', 500, 'hidden'],
  ])('one with other octets %s', async (_, at, text) => {
    const tar = await writeArchive([file('a', '')], TIME)
    tar.write(text, at)
    expect(await codeOf(tar)).toMatch(/^ERR_BAD_FILE/)
    if (at !== 148) expect(await codeOf(await forged(at, text))).toContain('differs from what fpki writes')
  })

  test('any header with a valid checksum is read or refused without hanging', async () => {
    const octets = fc.uint8Array({ minLength: 1, maxLength: 12 })
    const type = fc.constantFrom(...'05xgLK')
    const at = fc.oneof(fc.constantFrom(100, 108, 124, 125, 135, 136, 345), fc.nat(499))
    await fc.assert(
      fc.asyncProperty(
        at,
        octets,
        type,
        fc.constantFrom('', 'x', '12 size=abc\n', '10 size=-\n', '9 path=\n'),
        async (...all) => {
          const [where, some, kind, content] = all
          const tar = await writeArchive([file('a', content), file('b')], TIME)
          tar.write(kind, 156)
          tar.set(some, where)
          expect(await codeOf(withSum(tar))).toMatch(/^(ERR_BAD_FILE: |2 entries)/)
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('one with octets in the padding of a file', async () => {
    const tar = await writeArchive([file('a', 'x')], TIME)
    tar.write('hidden', 600)
    expect(await codeOf(tar)).toContain('differs from what fpki writes')
  })

  test('one with a flipped bit outside times and content', async () => {
    const tar = await writeArchive([file('a', 'x'.repeat(512))], TIME)
    const whole = await codeOf(tar)
    expect(whole).toBe('1 entries')
    const passed: number[] = []
    for (const at of tar.keys()) {
      const changed = Buffer.from(tar)
      changed[at] = (changed[at] ?? 0) ^ 1
      if ((await codeOf(changed)) === whole) passed.push(at)
    }
    expect(passed.every((at) => at >= 512 && at < 1024)).toBe(true)
  })
})
