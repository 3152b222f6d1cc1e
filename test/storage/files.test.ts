import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, chown, link, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { FpkiCode } from '../../src/errors.js'
import { durableFiles } from '../../src/storage/files.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'
import { temporaryDirectory } from '../support/cli.js'
import { pieces } from '../support/envelopes.js'

const files = durableFiles(nodeFileSystem())

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o7777
}

/** An FpkiError of this code that names the path. */
function refusal(code: FpkiCode, path: string) {
  return expect.objectContaining({ name: 'FpkiError', code, message: expect.stringContaining(path) })
}

describe('create', () => {
  test.each([0o400, 0o600, 0o644])(
    'writes a new file with its final mode (decimal %i), and leaves nothing else',
    async (mode) => {
      const directory = await temporaryDirectory()
      await files.create(join(directory, 'a'), 'content ✓\n', mode)
      expect(await readFile(join(directory, 'a'), 'utf8')).toBe('content ✓\n')
      expect(await modeOf(join(directory, 'a'))).toBe(mode)
      expect(await readdir(directory)).toEqual(['a'])
      expect((await stat(join(directory, 'a'))).nlink).toBe(1)
    },
  )

  test.each<[string, (path: string) => Promise<unknown>]>([
    ['a file', (path) => writeFile(path, 'mine')],
    ['a directory', (path) => mkdir(path)],
    ['a link that leads nowhere', (path) => symlink('/nowhere/at/all', path)],
  ])('never overwrites %s', async (_, make) => {
    const directory = await temporaryDirectory()
    const path = join(directory, 'a')
    await make(path)
    await expect(files.create(path, 'theirs', 0o400)).rejects.toEqual(refusal('ERR_EXISTS', path))
    expect(await readdir(directory)).toEqual(['a'])
    expect(await readFile(path, 'utf8').catch(() => 'mine')).toBe('mine')
  })

  test('overwrites leftovers of an interrupted run', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'a.fpki-unfinished'), 'half', { mode: 0o400 })
    await files.create(join(directory, 'a'), 'whole', 0o400)
    expect(await readdir(directory)).toEqual(['a'])
    expect(await readFile(join(directory, 'a'), 'utf8')).toBe('whole')
  })

  test('does not write through a link', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'precious'), 'mine')
    await symlink(join(directory, 'precious'), join(directory, 'a.fpki-unfinished'))
    await files.create(join(directory, 'a'), 'theirs', 0o400)
    expect(await readFile(join(directory, 'precious'), 'utf8')).toBe('mine')
  })
})

describe('create, from a stream', () => {
  test('writes all of it', async () => {
    const directory = await temporaryDirectory()
    const content = randomBytes(100_000)
    await files.create(join(directory, 'a'), pieces(content), 0o400)
    expect((await readFile(join(directory, 'a'))).equals(content)).toBe(true)
    expect(await readdir(directory)).toEqual(['a'])
  })

  test('leaves nothing, and reports the error, when the stream fails', async () => {
    const directory = await temporaryDirectory()
    async function* broken() {
      yield Buffer.from('half')
      throw new TypeError('it is damaged')
    }
    await expect(files.create(join(directory, 'a'), broken(), 0o400)).rejects.toThrow('it is damaged')
    expect(await readdir(directory)).toEqual([])
  })
})

describe('openToRead', () => {
  test('reads a file in pieces, which are shorter at its end', async () => {
    const path = join(await temporaryDirectory(), 'a')
    await writeFile(path, 'octets')
    const file = await files.openToRead(path, 6)
    const read = async (...where: [number, number]) => Buffer.from((await file?.read(...where)) ?? []).toString()
    expect(file?.size).toBe(6)
    expect([await read(2, 3), await read(4, 100), await read(6, 1), await read(100, 1)]).toEqual(['tet', 'ts', '', ''])
    await file?.close()
    await expect(file?.read(0, 1)).rejects.toMatchObject({ name: 'FpkiError', code: 'ERR_STORAGE' })
  })

  test('refuses a file above the limit, and what is not a file', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'a'), 'octets')
    expect(await files.openToRead(join(directory, 'b'), 10)).toBeNull()
    for (const [path, code] of [
      [join(directory, 'a'), 'ERR_BAD_FILE'],
      ['/dev/zero', 'ERR_BAD_FILE'],
      [directory, 'ERR_STORAGE'],
    ] as const)
      await expect(files.openToRead(path, 5)).rejects.toEqual(refusal(code, path))
  })
})

describe('replace', () => {
  test('replaces the file', async () => {
    const directory = await temporaryDirectory()
    const path = join(directory, 'a')
    await files.replace(path, 'one', 0o600)
    await link(path, join(directory, 'before'))
    await files.replace(path, 'two', 0o640)
    expect(await readFile(path, 'utf8')).toBe('two')
    expect(await readFile(join(directory, 'before'), 'utf8')).toBe('one')
    expect(await modeOf(path)).toBe(0o640)
    expect(await readdir(directory)).toEqual(['a', 'before'])
  })

  test('shows readers either the old or the new content', async () => {
    const path = join(await temporaryDirectory(), 'a')
    const contents = ['a', 'b'].map((letter) => letter.repeat(100_000))
    await files.replace(path, contents[0] ?? '', 0o600)
    let writing = true
    const reader = (async () => {
      const seen = new Set<string>()
      while (writing) seen.add(await readFile(path, 'utf8'))
      return seen
    })()
    for (let round = 0; round < 60; round++) await files.replace(path, contents[round % 2] ?? '', 0o600)
    writing = false
    for (const content of await reader) expect(contents).toContain(content)
  })
})

describe('read', () => {
  test('accepts a file up to the size limit', async () => {
    const path = join(await temporaryDirectory(), 'a')
    await writeFile(path, 'x'.repeat(100))
    expect(await files.read(path, 100)).toBe('x'.repeat(100))
    await expect(files.read(path, 99)).rejects.toEqual(refusal('ERR_BAD_FILE', path))
  })

  test('accepts an empty file', async () => {
    const path = join(await temporaryDirectory(), 'a')
    await writeFile(path, '')
    expect(await files.read(path, 0)).toBe('')
  })

  test('does not read endlessly from a special file', async () => {
    await expect(files.read('/dev/zero', 1000)).rejects.toEqual(refusal('ERR_BAD_FILE', '/dev/zero'))
  })

  test('returns null for a missing file', async () => {
    const directory = await temporaryDirectory()
    expect(await files.read(join(directory, 'a'), 10)).toBeNull()
    expect(await files.read(join(directory, 'b', 'a'), 10)).toBeNull()
  })
})

describe('list and sweep', () => {
  test('leftovers of interrupted writes are not listed, and are swept', async () => {
    const directory = await temporaryDirectory()
    for (const name of ['b', 'a', 'a.fpki-unfinished', 'c.fpki-unfinished']) await writeFile(join(directory, name), '')
    expect(await files.list(directory)).toEqual(['a', 'b'])
    await files.sweep(directory)
    expect(await readdir(directory)).toEqual(['a', 'b'])
  })

  test('a missing directory has no list, and nothing to sweep', async () => {
    const path = join(await temporaryDirectory(), 'none')
    expect(await files.list(path)).toBeNull()
    await files.sweep(path)
  })
})

describe('makeDirectory', () => {
  test('creates what is missing with mode 0700, and keeps what exists', async () => {
    const directory = await temporaryDirectory()
    await mkdir(join(directory, 'a'))
    await chmod(join(directory, 'a'), 0o755)
    await files.makeDirectory(join(directory, 'a', 'b', 'c'))
    const names = ['a', 'a/b', 'a/b/c'].map((name) => join(directory, name))
    expect(await Promise.all(names.map(modeOf))).toEqual([0o755, 0o700, 0o700])
    await files.makeDirectory(join(directory, 'a', 'b', 'c'))
  })

  test('works concurrently', async () => {
    const path = join(await temporaryDirectory(), 'a', 'b', 'c', 'd')
    await Promise.all(Array.from({ length: 20 }, () => files.makeDirectory(path)))
    expect(await modeOf(path)).toBe(0o700)
  })
})

describe('checkDirectory', () => {
  test.each(['0700', '0500', '0755', '0711', '2750'])('accepts mode %s', async (mode) => {
    const directory = await temporaryDirectory()
    await chmod(directory, Number.parseInt(mode, 8))
    await files.checkDirectory(directory)
  })

  test.each(['0770', '0720', '0702', '0777', '1777'])('refuses mode %s, and names it', async (mode) => {
    const directory = await temporaryDirectory()
    await chmod(directory, Number.parseInt(mode, 8))
    await expect(files.checkDirectory(directory)).rejects.toEqual(refusal('ERR_PERMISSIONS', directory))
    await expect(files.checkDirectory(directory)).rejects.toThrow(`mode ${mode}`)
  })

  test('refuses a directory of another user', async () => {
    const other = process.geteuid?.() === 0 ? await temporaryDirectory() : '/usr'
    if (other !== '/usr') await chown(other, 12_345, 12_345)
    await expect(files.checkDirectory(other)).rejects.toEqual(refusal('ERR_PERMISSIONS', other))
    await expect(files.checkDirectory(other)).rejects.toThrow('owner')
  })

  test('refuses a missing path, and other files', async () => {
    const path = join(await temporaryDirectory(), 'a')
    await expect(files.checkDirectory(path)).rejects.toEqual(refusal('ERR_NOT_A_DIRECTORY', path))
    await writeFile(path, '')
    await expect(files.checkDirectory(path)).rejects.toEqual(refusal('ERR_NOT_A_DIRECTORY', path))
  })
})

describe('read', () => {
  // The kernel gives 0 as the size of this file: as if all of it had been appended after fstat(2).
  const GROWN = '/proc/self/status'

  test('returns what another process has appended meanwhile', async () => {
    expect(await files.read(GROWN, 64 * 1024)).toMatch(/^Name:\t.*\n(.*\n)*VmPeak:\t.*\n(.*\n)*$/)
  })

  test.each([1, 100])('refuses a file that has grown to more than %i bytes', async (maxBytes) => {
    await expect(files.read(GROWN, maxBytes)).rejects.toEqual(refusal('ERR_BAD_FILE', GROWN))
  })

  test('accepts exactly as many bytes as allowed', async () => {
    const path = join(await temporaryDirectory(), 'a')
    await writeFile(path, 'abc')
    expect(await files.read(path, 3)).toBe('abc')
    await expect(files.read(path, 2)).rejects.toEqual(refusal('ERR_BAD_FILE', path))
  })
})

describe('a system error', () => {
  /** Paths at which nothing can be read or written, by the system's name for why. */
  const PATHS = { ENOTDIR: 'file/a', ELOOP: 'loop/a', ENAMETOOLONG: 'n'.repeat(256) }
  const CALLS: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
    create: (path) => files.create(path, '', 0o600),
    replace: (path) => files.replace(path, '', 0o600),
    makeDirectory: (path) => files.makeDirectory(path),
    read: (path) => files.read(path, 10),
    list: (path) => files.list(path),
    lock: (path) => files.lock(path),
  }
  const rows = Object.entries(PATHS).flatMap(([code, name]) =>
    Object.entries(CALLS).map(([title, call]) => [code, title, name, call] as const),
  )

  test.each(rows)('%s in %s is reported with the path', async (code, _, name, call) => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'file'), '')
    await symlink('loop', join(directory, 'loop'))
    const path = join(directory, name)
    await expect(call(path)).rejects.toEqual(refusal('ERR_STORAGE', path))
    await expect(call(path)).rejects.toThrow(`(${code})`)
  })

  test('a directory in the place of a file is reported, and nothing is left behind', async () => {
    const directory = await temporaryDirectory()
    const path = join(directory, 'a')
    await mkdir(path)
    await expect(files.read(path, 10)).rejects.toEqual(refusal('ERR_STORAGE', path))
    await expect(files.replace(path, '', 0o600)).rejects.toEqual(refusal('ERR_STORAGE', path))
    expect(await readdir(directory)).toEqual(['a'])
  })

  test('keeps its cause for --verbose', async () => {
    const path = join(await temporaryDirectory(), 'n'.repeat(256))
    await expect(files.read(path, 10)).rejects.toHaveProperty('cause.code', 'ENAMETOOLONG')
  })
})

test('a file above ulimit -f is reported as a system error', async () => {
  const directory = await temporaryDirectory()
  const script = `import { durableFiles, nodeFileSystem } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
    const files = durableFiles(nodeFileSystem())
    await files.create(${JSON.stringify(join(directory, 'a'))}, 'x'.repeat(100_000), 0o600).catch((error) => console.log(error.code))`
  const words = ['-c', 'ulimit -f 8; exec "$0" --input-type=module -e "$1"', process.execPath, script]
  const { stdout } = await promisify(execFile)('sh', words)
  expect(stdout).toBe('ERR_STORAGE\n')
  expect(await readdir(directory)).toEqual([])
})
