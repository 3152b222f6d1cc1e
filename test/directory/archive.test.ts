import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type ArchiveEntry, readArchive, writeArchive } from '../../src/directory/archive.js'
import { FpkiError } from '../../src/errors.js'
import { output, temporaryDirectory } from '../support/cli.js'

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
]

/** What becomes of an archive. */
function codeOf(tar: Uint8Array): string {
  try {
    return `${readArchive(tar).length} entries`
  } catch (error) {
    if (error instanceof FpkiError) return `${error.code}: ${error.message}`
    throw error
  }
}

/** An archive with one file, in whose header `text` stands at `at`; the sum fits. */
function forged(at: number, text: string): Buffer {
  const tar = writeArchive([file('a', '')], TIME)
  tar.write(text, at)
  tar.write('        ', 148)
  const sum = tar.subarray(0, 512).reduce((total, octet) => total + octet, 0)
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return tar
}

test('what is written is read as it was', () => {
  const read = readArchive(writeArchive(ENTRIES, TIME))
  const plain = (entry: ArchiveEntry) => ({ ...entry, content: Buffer.from(entry.content).toString() })
  expect(read.map(plain)).toEqual(ENTRIES.map(plain))
})

test('GNU tar unpacks it, with modes and times', async () => {
  const folder = await temporaryDirectory()
  await writeFile(join(folder, 'a.tar'), writeArchive(ENTRIES, TIME))
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

test('a name that no tar of this kind holds is told of', () => {
  const long = () => writeArchive([FOLDER, file(`pki/${'n'.repeat(120)}`)], TIME)
  expect(long).toThrow(/is too long for a backup/)
})

describe('an archive that fpki has not made is refused', () => {
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
    ['a folder with content', [{ ...FOLDER, content: Buffer.from('x') }]],
  ])('%s', (_, entries) => {
    expect(codeOf(writeArchive(entries, TIME))).toMatch(/^ERR_BAD_FILE: /)
  })

  test('links, pipes and devices, as GNU tar writes them', async () => {
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
      expect(codeOf(await readFile(tar)), format).toMatch(/^ERR_BAD_FILE/)
    }
  })

  test.each([...'123467xgLKSV'])('an entry of type %s, with the right sum', (type) => {
    expect(codeOf(forged(156, type))).toContain('no plain file or folder')
  })

  test('a plain file with a link in it', () => {
    expect(codeOf(forged(157, '/etc/passwd'))).toContain('broken header')
  })

  test('a file that is said to be huge', () => {
    expect(codeOf(forged(124, '77777777777'))).toContain('is cut off')
  })

  test('one that is cut off anywhere, or goes on', () => {
    const tar = writeArchive([FOLDER, file('pki/a', 'x'.repeat(600))], TIME)
    for (let size = 0; size < tar.length; size += 37) expect(codeOf(tar.subarray(0, size))).toMatch(/^ERR_BAD_FILE/)
    expect(codeOf(Buffer.concat([tar, Buffer.alloc(512)]))).toMatch(/^ERR_BAD_FILE/)
  })

  test('one with a changed bit, but in a time or the content', () => {
    const tar = writeArchive([file('a', 'x'.repeat(512))], TIME)
    const whole = codeOf(tar)
    const passed = Array.from(tar.keys()).filter((at) => {
      const changed = Buffer.from(tar)
      changed[at] = (changed[at] ?? 0) ^ 1
      return codeOf(changed) === whole
    })
    expect(passed.every((at) => at >= 512 && at < 1024)).toBe(true)
  })
})
