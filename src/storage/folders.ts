import { basename, dirname, join } from 'node:path'
import { systemErrorCode } from '../errors.js'
import type { FileSystem, FolderEntry, NewFile } from '../ports.js'
import { removeTree } from './tree.js'

/** The suffix of files and folders left by interrupted writes, which nothing uses. */
export const UNFINISHED = '.fpki-unfinished'

/** Larger than any file in a folder of fpki. */
const MAX_BYTES = 1024 * 1024

/** Errors when hard links are not possible. */
const NO_LINK = ['EPERM', 'EMLINK', 'EXDEV', 'EOPNOTSUPP', 'ENOTSUP']

/**
 * Makes the name at `path`, or its removal, durable: now, or later with others. `wanted` is named when that
 * fails; `path` when absent.
 */
export type SyncName = (path: string, wanted?: string) => Promise<void>

/** See {@link DurableFiles.append}. What is appended is durable at once, and so is the name of a new file with content. */
export async function append(
  fs: FileSystem,
  path: string,
  { text, mode, syncName }: { readonly text: string; readonly mode: number; readonly syncName: SyncName },
): Promise<void> {
  const isNew = (await fs.stat(path)) === null
  const file = await fs.openToAppend(path, mode)
  if (text === '') await file.close()
  else await writeThrough(file, Buffer.from(text))
  if (isNew) await (text === '' ? syncName(path) : fs.syncDirectory(dirname(path)))
}

/** See {@link DurableFiles.createFolder}. Nobody reads the folder before the rename, so its files are written directly. */
export async function createFolder(
  fs: FileSystem,
  path: string,
  entries: readonly FolderEntry[],
  syncName: SyncName,
): Promise<void> {
  const unfinished = `${path}${UNFINISHED}`
  await removeTree(fs, unfinished)
  await fs.makeDirectory(unfinished, 0o700)
  try {
    for (const entry of entries) await writeEntry(fs, join(unfinished, entry.name), entry)
    await fs.syncDirectory(unfinished)
    await fs.rename(unfinished, path)
  } catch (error) {
    // Report the first error.
    await removeTree(fs, unfinished).catch(() => undefined)
    throw error
  }
  await syncName(path)
}

async function writeEntry(fs: FileSystem, path: string, entry: FolderEntry): Promise<void> {
  if ('text' in entry) return writeThrough(await fs.createFile(path, entry.mode), Buffer.from(entry.text))
  if (await isLink(fs, entry.from)) {
    // A key behind a symbolic link, such as on a USB stick, must not be copied elsewhere.
    if (entry.textBehindLink === undefined) return
    return writeThrough(await fs.createFile(path, entry.mode), Buffer.from(entry.textBehindLink))
  }
  try {
    await fs.link(entry.from, path)
  } catch (error) {
    if (!NO_LINK.includes(systemErrorCode(error) ?? '')) throw error
    const content = (await fs.read(entry.from, MAX_BYTES)) ?? new Uint8Array()
    await writeThrough(await fs.createFile(path, entry.mode), content)
  }
}

/** Whether `path` itself is a symbolic link. */
export async function isLink(fs: FileSystem, path: string): Promise<boolean> {
  return (await fs.realPath(path)) !== join(await fs.realPath(dirname(path)), basename(path))
}

async function writeThrough(file: NewFile, content: Uint8Array): Promise<void> {
  try {
    await file.write(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** See {@link DurableFiles.removeFolder}. Renames the folder first, so that nobody sees part of it. */
export async function removeFolder(fs: FileSystem, path: string): Promise<void> {
  const unfinished = `${path}${UNFINISHED}`
  await removeTree(fs, unfinished)
  await fs.rename(path, unfinished)
  await fs.syncDirectory(dirname(path))
  await removeTree(fs, unfinished)
}
