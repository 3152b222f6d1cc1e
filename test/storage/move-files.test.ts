import { link, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { DurableFiles } from '../../src/ports.js'
import { durableFiles } from '../../src/storage/files.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'
import { temporaryDirectory } from '../support/cli.js'
import { Stopped, stopAt } from '../support/disturb.js'
import { type MemoryDisk, memoryDisk } from '../support/memory-disk.js'

const files = durableFiles(nodeFileSystem())

/** A directory with these files, and the path of each name in it. */
async function directoryWith(content: Readonly<Record<string, string>>) {
  const directory = await temporaryDirectory()
  const path = (name: string) => join(directory, name)
  for (const [name, text] of Object.entries(content)) await writeFile(path(name), text, { mode: 0o400 })
  const textOf = async (name: string) => [name, await readFile(path(name), 'utf8')] as const
  return { path, all: async () => Object.fromEntries(await Promise.all((await readdir(directory)).map(textOf))) }
}

describe('place', () => {
  test('moves a file to its name, with its mode', async () => {
    const { path, all } = await directoryWith({ new: 'text' })
    await files.place(path('new'), path('name'))
    expect(await all()).toEqual({ name: 'text' })
    expect((await stat(path('name'))).mode & 0o7777).toBe(0o400)
    expect((await stat(path('name'))).nlink).toBe(1)
  })

  test('succeeds when the name already has the same content', async () => {
    const one = await directoryWith({ new: 'text', name: 'text' })
    await files.place(one.path('new'), one.path('name'))
    expect(await one.all()).toEqual({ name: 'text' })
    const other = await directoryWith({ new: 'text' })
    await link(other.path('new'), other.path('name'))
    await files.place(other.path('new'), other.path('name'))
    expect(await other.all()).toEqual({ name: 'text' })
  })

  test.each<[string, (path: string) => Promise<unknown>]>([
    ['another file', (path) => writeFile(path, 'mine')],
    ['a link that leads nowhere', (path) => symlink('/nowhere/at/all', path)],
    ['a directory', (path) => mkdir(path)],
  ])('refuses a name taken by %s, and keeps both', async (_, make) => {
    const { path } = await directoryWith({ new: 'text' })
    await make(path('name'))
    const before = await lstat(path('name'))
    await expect(files.place(path('new'), path('name'))).rejects.toMatchObject({
      code: 'ERR_EXISTS',
      message: expect.stringContaining(path('name')),
    })
    expect((await lstat(path('name'))).ino).toBe(before.ino)
    expect(await readFile(path('new'), 'utf8')).toBe('text')
  })
})

describe('move', () => {
  test('replaces a file, whose open descriptors and other links stay valid', async () => {
    const { path, all } = await directoryWith({ new: 'two', name: 'one' })
    await link(path('name'), path('kept'))
    await files.move(path('new'), path('name'))
    expect(await all()).toEqual({ name: 'two', kept: 'one' })
  })

  test('leaves one name when both are links to one file', async () => {
    const { path, all } = await directoryWith({ new: 'two' })
    await link(path('new'), path('name'))
    await files.move(path('new'), path('name'))
    expect(await all()).toEqual({ name: 'two' })
  })

  test('replaces a link, and keeps its target', async () => {
    const { path, all } = await directoryWith({ new: 'two', elsewhere: 'one' })
    await symlink(path('elsewhere'), path('name'))
    await files.move(path('new'), path('name'))
    expect(await all()).toEqual({ name: 'two', elsewhere: 'one' })
    expect((await lstat(path('name'))).isFile()).toBe(true)
  })

  test('does not replace a directory', async () => {
    const { path } = await directoryWith({ new: 'two' })
    await mkdir(path('name'))
    await expect(files.move(path('new'), path('name'))).rejects.toMatchObject({ code: 'ERR_STORAGE' })
    expect(await readFile(path('new'), 'utf8')).toBe('two')
  })
})

describe('keep', () => {
  test.each<[string, Readonly<Record<string, string>>, string]>([
    ['the first', {}, 'a.bak'],
    ['the second', { 'a.bak': '1' }, 'a.bak.1'],
    ['the third', { 'a.bak': '1', 'a.bak.1': '2' }, 'a.bak.2'],
    ['the twelfth, in the order of numbers', { 'a.bak': '1', 'a.bak.9': '2', 'a.bak.10': '3' }, 'a.bak.11'],
    ['one after a gap', { 'a.bak.3': '1' }, 'a.bak.4'],
    ['one beside files that only look alike', { 'a.bak.x': '1', 'a.bak2': '2', 'b.bak': '3', 'a.bak.': '4' }, 'a.bak'],
    ['one whose text an older one has', { 'a.bak': 'text', 'a.bak.1': '2' }, 'a.bak.2'],
  ])('links the file to a backup name: %s', async (_, others, name) => {
    const { path, all } = await directoryWith({ a: 'text', ...others })
    expect(await files.keep(path('a'))).toBe(path(name))
    expect(await all()).toEqual({ a: 'text', ...others, [name]: 'text' })
    expect((await stat(path(name))).ino).toBe((await stat(path('a'))).ino)
  })

  test('keeps the newest backup when it has the same content', async () => {
    const { path, all } = await directoryWith({ a: 'text', 'a.bak': '1', 'a.bak.4': 'text' })
    expect(await files.keep(path('a'))).toBe(path('a.bak.4'))
    expect(await all()).toEqual({ a: 'text', 'a.bak': '1', 'a.bak.4': 'text' })
  })

  test.each<[string, (path: string) => Promise<unknown>]>([
    ['a directory', (path) => mkdir(path)],
    ['a link that leads nowhere', (path) => symlink('/nowhere/at/all', path)],
  ])('skips %s with the name of a backup', async (_, make) => {
    const { path } = await directoryWith({ a: 'text' })
    await make(path('a.bak'))
    expect(await files.keep(path('a'))).toBe(path('a.bak.1'))
    expect(await readFile(path('a.bak.1'), 'utf8')).toBe('text')
  })

  test('a hundred times, each followed by a move, loses no version', async () => {
    const { path, all } = await directoryWith({ a: '0' })
    for (let version = 1; version <= 100; version++) {
      await writeFile(path('new'), `${version}`)
      await files.keep(path('a'))
      await files.move(path('new'), path('a'))
    }
    const texts = Object.values(await all()).map(Number)
    expect(texts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 101 }, (_, version) => version))
    expect(await readFile(path('a.bak'), 'utf8')).toBe('0')
    expect(await readFile(path('a.bak.99'), 'utf8')).toBe('99')
  })
})

/** Keeps what is in the place of `a`, and moves the new one there; once the new one is there, there is nothing to do. */
async function exchange(durable: DurableFiles): Promise<void> {
  if ((await durable.read('/d/.p/a', 100)) === null) return
  if ((await durable.read('/d/a', 100)) !== 'new') await durable.keep('/d/a')
  await durable.move('/d/.p/a', '/d/a')
}

function textsOn(disk: MemoryDisk): Readonly<Record<string, string | null>> {
  const found = [...disk.contents()].filter(([, { text }]) => text !== null)
  return Object.fromEntries(found.map(([path, { text }]) => [path, text]))
}

/** The texts on a disk after a cut, and when the work is done again behind it. */
interface Cut {
  readonly found: ReturnType<typeof textsOn>
  readonly end: ReturnType<typeof textsOn>
}

async function cutAtEachStep(
  loss: 'loseProcess' | 'losePower',
  content: Readonly<Record<string, string>>,
  work: (durable: DurableFiles) => Promise<void>,
): Promise<readonly Cut[]> {
  const original = memoryDisk()
  const durable = durableFiles(original.mount())
  await durable.makeDirectory('/d/.p')
  for (const [path, text] of Object.entries(content)) await durable.create(path, text, 0o400)
  const cuts: Cut[] = []
  for (;;) {
    const disk = original.copy()
    const hooks = stopAt(cuts.length + 1).disturbance.disk
    const outcome = await work(durableFiles(disk.mount(hooks))).catch((error: unknown) => error)
    if (outcome === undefined) return cuts
    expect(outcome).toBeInstanceOf(Stopped)
    disk[loss]()
    const found = textsOn(disk)
    await work(durableFiles(disk.mount()))
    cuts.push({ found, end: textsOn(disk) })
  }
}

describe.each(['loseProcess', 'losePower'] as const)('interrupted at any step (%s)', (loss) => {
  test('keep and move lose neither version, and can be repeated', async () => {
    const cuts = await cutAtEachStep(loss, { '/d/a': 'old', '/d/a.bak': 'older', '/d/.p/a': 'new' }, exchange)
    expect(cuts.length).toBeGreaterThanOrEqual(4)
    for (const { found, end } of cuts) {
      expect(Object.values(found)).toEqual(expect.arrayContaining(['older', 'old', 'new']))
      expect(['old', 'new']).toContain(found['/d/a'])
      expect(end).toEqual({ '/d/a': 'new', '/d/a.bak': 'older', '/d/a.bak.1': 'old' })
    }
  })

  test('place loses nothing either', async () => {
    const cuts = await cutAtEachStep(loss, { '/d/.p/a': 'new' }, async (durable) => {
      if ((await durable.read('/d/.p/a', 100)) !== null) await durable.place('/d/.p/a', '/d/a')
    })
    expect(cuts.length).toBeGreaterThanOrEqual(3)
    for (const { found, end } of cuts) {
      expect(Object.values(found)).toContain('new')
      expect(end).toEqual({ '/d/a': 'new' })
    }
  })
})
