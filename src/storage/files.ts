import { dirname, join } from 'node:path'
import type { DurableFiles, FileSystem, ReadableFile } from '../ports.js'
import { append, createFolder, removeFolder, type SyncName, UNFINISHED } from './folders.js'
import { keep, linkNew, move, place } from './move-files.js'
import { checkDirectory, checkOwnDirectory, ownership } from './ownership.js'
import { explainedFile } from './readable-file.js'
import { explainSystemErrors } from './system-errors.js'
import { removeTree, writeTree } from './tree.js'

type Content = string | Uint8Array | AsyncIterable<Uint8Array>

/** Durable files on top of the primitive operations of a file system. System errors become {@link FpkiError}s. */
export function durableFiles(fs: FileSystem): DurableFiles {
  return filesOn(fs, null)
}

/** @param waiting the directories still to sync, each with a path in it; null: each is synced immediately */
function filesOn(fs: FileSystem, waiting: Map<string, string> | null): DurableFiles {
  const syncFolder = async (folder: string, wanted: string) => {
    if (waiting === null) await fs.syncDirectory(folder)
    else if (!waiting.has(folder)) waiting.set(folder, wanted)
  }
  const syncName: SyncName = (path, wanted = path) => syncFolder(dirname(path), wanted)
  return {
    deferring: () => filesOn(fs, new Map()),
    flush: async () => {
      // Each directory before those above it, whose paths are shorter: a name is durable after what it leads to.
      for (const [directory, path] of [...(waiting ?? [])].sort(([a], [b]) => b.length - a.length)) {
        await explainSystemErrors(path, () => fs.syncDirectory(directory))
        waiting?.delete(directory)
      }
    },
    syncAgain: (folder) => explainSystemErrors(folder, () => syncFolder(folder, folder)),
    makeDirectory: (path) => explainSystemErrors(path, () => makeDirectory(fs, path, (made) => syncName(made, path))),
    checkDirectory: (path) => explainSystemErrors(path, () => checkDirectory(fs, path)),
    checkOwnDirectory: (path) => explainSystemErrors(path, () => checkOwnDirectory(fs, path)),
    ...ownership(fs),
    create: (path, content, mode) => explainSystemErrors(path, () => create(fs, path, { content, mode, syncName })),
    append: (path, text, mode) => explainSystemErrors(path, () => append(fs, path, { text, mode, syncName })),
    createFolder: (path, entries) => explainSystemErrors(path, () => createFolder(fs, path, entries, syncName)),
    removeFolder: (path) => explainSystemErrors(path, () => removeFolder(fs, path)),
    place: (from, to) => explainSystemErrors(to, () => place(fs, from, to, syncName)),
    move: (from, to) => explainSystemErrors(to, () => move(fs, from, to, syncName)),
    keep: (path) => explainSystemErrors(path, () => keep(fs, path)),
    remove: (path) => explainSystemErrors(path, () => remove(fs, path, syncName)),
    replace: (path, content, mode) => explainSystemErrors(path, () => replace(fs, path, { content, mode, syncName })),
    read: (path, maxBytes) => explainSystemErrors(path, () => readText(fs, path, maxBytes)),
    readOctets: (path, maxBytes) => explainSystemErrors(path, () => fs.read(path, maxBytes)),
    openToRead: (path, maxBytes) => explainSystemErrors(path, () => openToRead(fs, path, maxBytes)),
    kindOf: (path) => explainSystemErrors(path, async () => (await fs.stat(path))?.kind ?? null),
    realPath: (path) =>
      explainSystemErrors(path, async () => ((await fs.stat(path)) === null ? null : fs.realPath(path))),
    list: (path) => explainSystemErrors(path, () => list(fs, path)),
    sweep: (path) => explainSystemErrors(path, () => sweep(fs, path)),
    lock: (path, seconds) => explainSystemErrors(path, () => fs.lock(path, seconds)),
    isLocked: (path) => explainSystemErrors(path, () => fs.isLocked(path)),
    status: (path) => explainSystemErrors(path, () => fs.stat(path)),
    writeTree: (path, entries) => explainSystemErrors(path, () => writeTree(fs, path, entries)),
    removeTree: (path) => explainSystemErrors(path, () => removeTree(fs, path)),
    unfinished: (path) => explainSystemErrors(path, () => unfinished(fs, path)),
  }
}

/** The properties of a new file, and how its name becomes durable. */
interface Writing<Text extends Content> {
  readonly content: Text
  readonly mode: number
  readonly syncName: SyncName
}

async function makeDirectory(fs: FileSystem, path: string, syncName: SyncName): Promise<void> {
  const parent = dirname(path)
  if ((await fs.stat(path)) !== null) return
  // At once: whoever finds a directory in another later does not ask whether the name of the other is on the disk.
  if (parent !== path) await makeDirectory(fs, parent, (made) => fs.syncDirectory(dirname(made)))
  if (await fs.makeDirectory(path, 0o700)) await syncName(path)
}

/**
 * Links the synced file to its name with link(2), which never overwrites: the file is complete or absent, even if another
 * program ignores our lock.
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
    // The caller sees an error, so the file must not be in the way of the next attempt.
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
    for await (const octets of piecesIn(content)) await file.write(octets)
    await file.sync()
  } catch (error) {
    // Free the space on a full disk, and report the first error.
    await file.close().catch(() => undefined)
    await fs.remove(unfinished).catch(() => undefined)
    throw error
  }
  await file.close()
  return unfinished
}

function piecesIn(content: Content): AsyncIterable<Uint8Array> | readonly Uint8Array[] {
  if (typeof content === 'string') return [Buffer.from(content)]
  return content instanceof Uint8Array ? [content] : content
}

async function openToRead(fs: FileSystem, path: string, maxBytes: number): Promise<ReadableFile | null> {
  const file = await fs.openToRead(path, maxBytes)
  return file === null ? null : explainedFile(path, file)
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
    await explainSystemErrors(left, () => removeTree(fs, left))
  }
}
