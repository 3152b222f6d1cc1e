import { dirname, join } from 'node:path'
import type { DurableFiles, FileSystem } from '../ports.js'
import { append, createFolder, removeFolder, type SyncNames, UNFINISHED } from './folders.js'
import { checkDirectory, checkOwnDirectory, ownership } from './ownership.js'
import { explained } from './system-errors.js'
import { keep, linkNew, move, place } from './take-places.js'
import { removeTree, writeTree } from './tree.js'

type Content = string | Uint8Array

/** Durable files on top of a file system's single steps. Every failure of the system becomes an {@link FpkiError}. */
export function durableFiles(fs: FileSystem): DurableFiles {
  return filesOn(fs, null)
}

/** @param waiting the directories whose names are still to be synced; null: each is synced at once */
function filesOn(fs: FileSystem, waiting: Set<string> | null): DurableFiles {
  const syncNames: SyncNames = async (directory) => {
    if (waiting === null) await fs.syncDirectory(directory)
    else waiting.add(directory)
  }
  return {
    deferring: () => filesOn(fs, new Set()),
    flush: async () => {
      for (const directory of waiting ?? []) {
        await explained(directory, () => fs.syncDirectory(directory))
        waiting?.delete(directory)
      }
    },
    makeDirectory: (path) => explained(path, () => makeDirectory(fs, path, syncNames)),
    checkDirectory: (path) => explained(path, () => checkDirectory(fs, path)),
    checkOwnDirectory: (path) => explained(path, () => checkOwnDirectory(fs, path)),
    ...ownership(fs),
    create: (path, content, mode) => explained(path, () => create(fs, path, { content, mode, syncNames })),
    append: (path, text, mode) => explained(path, () => append(fs, path, { text, mode, syncNames })),
    createFolder: (path, entries) => explained(path, () => createFolder(fs, path, entries, syncNames)),
    removeFolder: (path) => explained(path, () => removeFolder(fs, path)),
    place: (from, to) => explained(to, () => place(fs, from, to, syncNames)),
    move: (from, to) => explained(to, () => move(fs, from, to, syncNames)),
    keep: (path) => explained(path, () => keep(fs, path)),
    remove: (path) => explained(path, () => remove(fs, path, syncNames)),
    replace: (path, content, mode) => explained(path, () => replace(fs, path, { content, mode, syncNames })),
    read: (path, maxBytes) => explained(path, () => readText(fs, path, maxBytes)),
    readOctets: (path, maxBytes) => explained(path, () => fs.read(path, maxBytes)),
    kindOf: (path) => explained(path, async () => (await fs.stat(path))?.kind ?? null),
    realPath: (path) => explained(path, async () => ((await fs.stat(path)) === null ? null : fs.realPath(path))),
    list: (path) => explained(path, () => list(fs, path)),
    sweep: (path) => explained(path, () => sweep(fs, path)),
    lock: (path, seconds) => explained(path, () => fs.lock(path, seconds)),
    isLocked: (path) => explained(path, () => fs.isLocked(path)),
    status: (path) => explained(path, () => fs.stat(path)),
    writeTree: (path, entries) => explained(path, () => writeTree(fs, path, entries)),
    removeTree: (path) => explained(path, () => removeTree(fs, path)),
    unfinished: (path) => explained(path, () => unfinished(fs, path)),
  }
}

/** What a file is to be, and how its name becomes durable. */
interface Writing<Text extends Content> {
  readonly content: Text
  readonly mode: number
  readonly syncNames: SyncNames
}

async function makeDirectory(fs: FileSystem, path: string, syncNames: SyncNames): Promise<void> {
  const parent = dirname(path)
  if ((await fs.stat(path)) !== null) return
  if (parent !== path) await makeDirectory(fs, parent, syncNames)
  if (await fs.makeDirectory(path, 0o700)) await syncNames(parent)
}

/**
 * The content gets its name by link(2), which refuses a name that is taken, and only when it is on the disk: the file
 * is whole or absent, and nothing is overwritten even by a program that does not know of our lock.
 */
async function create(
  fs: FileSystem,
  path: string,
  { content, mode, syncNames }: Writing<Content>,
): Promise<void> {
  const unfinished = await writeUnfinished(fs, path, content, mode)
  try {
    await linkNew(fs, unfinished, path)
  } catch (error) {
    await fs.remove(unfinished).catch(() => undefined)
    throw error
  }
  try {
    await fs.remove(unfinished)
    await syncNames(dirname(path))
  } catch (error) {
    // The caller takes it for absent: left there, it would be in the way of the next try.
    for (const name of [path, unfinished]) await fs.remove(name).catch(() => undefined)
    throw error
  }
}

async function remove(fs: FileSystem, path: string, syncNames: SyncNames): Promise<void> {
  await fs.remove(path)
  await syncNames(dirname(path))
}

async function replace(
  fs: FileSystem,
  path: string,
  { content, mode, syncNames }: Writing<string>,
): Promise<void> {
  const unfinished = await writeUnfinished(fs, path, content, mode)
  try {
    await fs.rename(unfinished, path)
  } catch (error) {
    await fs.remove(unfinished).catch(() => undefined)
    throw error
  }
  await syncNames(dirname(path))
}

async function writeUnfinished(fs: FileSystem, path: string, content: Content, mode: number): Promise<string> {
  const unfinished = `${path}${UNFINISHED}`
  await fs.remove(unfinished)
  const file = await fs.createFile(unfinished, mode)
  try {
    await file.write(typeof content === 'string' ? Buffer.from(content) : content)
    await file.sync()
  } catch (error) {
    // A full disk must not stay fuller than it was. What went wrong first is what is told.
    await file.close().catch(() => undefined)
    await fs.remove(unfinished).catch(() => undefined)
    throw error
  }
  await file.close()
  return unfinished
}

async function readText(fs: FileSystem, path: string, maxBytes: number): Promise<string | null> {
  const content = await fs.read(path, maxBytes)
  return content === null ? null : Buffer.from(content).toString()
}

async function list(fs: FileSystem, path: string): Promise<readonly string[] | null> {
  return (await fs.list(path))?.filter((name) => !name.endsWith(UNFINISHED)) ?? null
}

async function unfinished(fs: FileSystem, path: string): Promise<readonly string[]> {
  return ((await fs.list(path)) ?? []).filter((name) => name.endsWith(UNFINISHED))
}

async function sweep(fs: FileSystem, path: string): Promise<void> {
  for (const name of await unfinished(fs, path)) {
    const left = join(path, name)
    await explained(left, () => removeTree(fs, left))
  }
}
