import { lstat, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { editYaml, readYaml } from '../../src/config/yaml-file.js'
import { durableFiles } from '../../src/storage/files.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'
import { temporaryDirectory } from '../support/cli.js'

const files = durableFiles(nodeFileSystem())

async function fileWith(text: string): Promise<string> {
  const path = join(await temporaryDirectory(), 'some.yaml')
  await writeFile(path, text)
  return path
}

describe('reading', () => {
  test('parses every scalar as a string', async () => {
    const text = 'token: 0123456789\nfactory: 1e3\nserver: {insecure: yes}\nempty:\nquoted: "a\\tb"\n'
    expect(await readYaml(files, await fileWith(text))).toEqual({
      ...{ token: '0123456789', factory: '1e3', server: { insecure: 'yes' }, empty: '', quoted: 'a\tb' },
    })
  })

  test('returns null for a missing or empty file', async () => {
    expect(await readYaml(files, '/nowhere/some.yaml')).toBeNull()
    expect(await readYaml(files, await fileWith('\n'))).toBeNull()
  })

  test.each([
    ['a: [S3CRET\nb: 1\n', '(line '],
    ['a: 1\na: S3CRET\n', '(line 2)'],
    [`a: &x [S3CRET]\n${bomb()}`, 'is not a valid YAML configuration'],
  ])('%j is rejected without quoting it', async (text, reason) => {
    const path = await fileWith(text)
    const error = await readYaml(files, path).catch((caught: Error) => caught)
    expect(error).toMatchObject({ code: 'ERR_BAD_FILE', message: expect.stringContaining(reason) })
    expect(JSON.stringify([error, `${(error as Error).stack}`])).not.toContain('S3CRET')
    expect(error).toMatchObject({ message: expect.stringContaining(path) })
  })
})

/** Aliases of aliases: a few lines that would become gigabytes. */
function bomb(): string {
  const names = [...'bcdefghijk']
  return names.map((name, at) => `${name}: &${name} [${Array(9).fill(`*${names[at - 1] ?? 'x'}`)}]\n`).join('')
}

describe('changing', () => {
  const TEXT = '# mine\na: 1 # one\n\nb:\n  # deep\n  c: "2"\n  d: x\n'

  test('keeps comments, order and everything else', async () => {
    const path = await fileWith(TEXT)
    await editYaml(files, path, [
      [['b', 'c'], '3'],
      [['b', 'd'], null],
      [['b', 'e'], 4],
      [['missing', 'too'], null],
    ])
    expect(await readFile(path, 'utf8')).toBe('# mine\na: 1 # one\n\nb:\n  # deep\n  c: "3"\n  e: 4\n')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  test('keeps other scalars as written, and quotes strings that look like numbers', async () => {
    const others = 'factory: 007\ntoken: 12345678901234567890123\nb:\n  id: 12e4567 # mine\n  secret: +0x1F\n  empty:\n'
    const path = await fileWith(`${others}  new: old # kept\n  other: x\n  count: "1"\n`)
    await editYaml(files, path, [
      [['b', 'new'], '0012'],
      [['b', 'other'], '1e5'],
      [['b', 'count'], 3600],
    ])
    expect(await readFile(path, 'utf8')).toBe(`${others}  new: "0012" # kept\n  other: "1e5"\n  count: 3600\n`)
  })

  test('creates a missing file', async () => {
    const path = join(await temporaryDirectory(), 'new.yaml')
    const long = `${'x'.repeat(200)} ${'y'.repeat(200)}`
    await editYaml(files, path, [[['https://a.example:8443', 'token'], long]])
    expect(await readYaml(files, path)).toEqual({ 'https://a.example:8443': { token: long } })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  test('follows a symbolic link and keeps it', async () => {
    const path = await fileWith(TEXT)
    const link = join(await temporaryDirectory(), 'link.yaml')
    await symlink(path, link)
    await editYaml(files, link, [[['a'], '9']])
    expect((await lstat(link)).isSymbolicLink()).toBe(true)
    expect(await readFile(path, 'utf8')).toContain('a: "9" # one')
  })

  test.each(['a: [1\n', 'just text\n'])('does not change %j', async (text) => {
    const path = await fileWith(text)
    await expect(editYaml(files, path, [[['a', 'b'], '1']])).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
    expect(await readFile(path, 'utf8')).toBe(text)
  })
})

describe('an unreadable file', () => {
  test.each([
    ['an unresolved alias', 'a: *nowhere\n'],
    ['an alias before its anchor', 'a: *x\nb: &x 1\n'],
    ['an anchor without a name', 'a: & 1\n'],
  ])('is refused by edits, too: %s', async (_, text) => {
    const path = await fileWith(text)
    await expect(readYaml(files, path)).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
    for (const value of ['x', null]) {
      await expect(editYaml(files, path, [[['factory'], value]])).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
      await expect(editYaml(files, path, [[['a'], value]])).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
    }
    expect(await readFile(path, 'utf8')).toBe(text)
  })
})
