import { dirname, join } from 'node:path'
import type { DurableFiles, FileSystem } from '../ports.js'
import { append, createFolder, removeFolder, type SyncName, UNFINISHED } from './folders.js'
import { checkDirectory, checkOwnDirectory, ownership } from './ownership.js'
import { explained } from './system-errors.js'
import { keep, linkNew, move, place } from './take-places.js'
import { removeTree, writeTree } from './tree.js'

type Content = string | Uint8Array

/** Durable files on top of a file system's single steps. Every failure of the system becomes an {@link FpkiError}. */
export function durableFiles(fs: FileSystem): DurableFiles {
  return filesOn(fs, null)
}

/** @param waiting the directories to sync, each with a path in it that waits for that; null: each is synced at once */
function filesOn(fs: FileSystem, waiting: Map<string, string> | null): DurableFiles {
  const syncName: SyncName = async (path, wanted = path) => {
    if (waiting === null) await fs.syncDirectory(dirname(path))
    else if (!waiting.has(dirname(path))) waiting.set(dirname(path), wanted)
  }
  return {
    deferring: () => filesOn(fs, new Map()),
    flush: async () => {
      // Each directory before those above it, whose paths are shorter: a name is durable after what it leads to.
      for (const [directory, path] of [...(waiting ?? [])].sort(([a], [b]) => b.length - a.length)) {
        await explained(path, () => fs.syncDirectory(directory))
        waiting?.delete(directory)
      }
    },
    makeDirectory: (path) => explained(path, () => makeDirectory(fs, path, (made) => syncName(made, path))),
    checkDirectory: (path) => explained(path, () => checkDirectory(fs, path)),
    checkOwnDirectory: (path) => explained(path, () => checkOwnDirectory(fs, path)),
    ...ownership(fs),
    create: (path, content, mode) => explained(path, () => create(fs, path, { content, mode, syncName })),
    append: (path, text, mode) => explained(path, () => append(fs, path, { text, mode, syncName })),
    createFolder: (path, entries) => explained(path, () => createFolder(fs, path, entries, syncName)),
    removeFolder: (path) => explained(path, () => removeFolder(fs, path)),
    place: (from, to) => explained(to, () => place(fs, from, to, syncName)),
    move: (from, to) => explained(to, () => move(fs, from, to, syncName)),
    keep: (path) => explained(path, () => keep(fs, path)),
    remove: (path) => explained(path, () => remove(fs, path, syncName)),
    replace: (path, content, mode) => explained(path, () => replace(fs, path, { content, mode, syncName })),
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
  readonly syncName: SyncName
}

async function makeDirectory(fs: FileSystem, path: string, syncName: SyncName): Promise<void> {
  const parent = dirname(path)
  if ((await fs.stat(path)) !== null) return
  if (parent !== path) await makeDirectory(fs, parent, syncName)
  if (await fs.makeDirectory(path, 0o700)) await syncName(path)
}

/**
 * The content gets its name by link(2), which refuses a name that is taken, and only when it is on the disk: the file
 * is whole or absent, and nothing is overwritten even by a program that does not know of our lock.
 */
async function create(fs: FileSystem, path: string, { content, mode, syncName }: Writing<Content>): Promise<void> {
  const unfinished = await writeUnfinished(fs, path, content, mode)
  try {
    await linkNew(fs, unfinished, path)
  } catch (error) {
    await fs.remove(unfinished).catch(() => undefined)
    throw error
  }
  try {
    await fs.remove(unfinished)
    await syncName(path)
  } catch (error) {
    // The caller takes it for absent: left there, it would be in the way of the next try.
    for (const name of [path, unfinished]) await fs.remove(name).catch(() => undefined)
    throw error
  }
}

async function remove(fs: FileSystem, path: string, syncName: SyncName): Promise<void> {
  await fs.remove(path)
  await syncName(path)
}

async function replace(fs: FileSystem, path: string, { content, mode, syncName }: Writing<string>): Promise<void> {
  const unfinished = await writeUnfinished(fs, path, content, mode)
  try {
    await fs.rename(unfinished, path)
  } catch (error) {
    await fs.remove(unfinished).catch(() => undefined)
    throw error
  }
  await syncName(path)
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
