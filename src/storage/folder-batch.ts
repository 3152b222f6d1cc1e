import { join } from 'node:path'
import { systemErrorCode } from '../errors.js'
import type { FileSystem, NewFile } from '../ports.js'
import type { BatchFile, FileBatch } from './batch-ports.js'
import { fileExists } from './move-files.js'
import type { Staging } from './staging.js'
import { explainSystemErrors } from './system-errors.js'

/** More than libuv has threads, so that none waits, and far fewer than a process may have open files. */
const AT_ONCE = 16

/** See {@link FileBatch}. */
export function folderBatch(fs: FileSystem, directory: string, staging: Staging): FileBatch {
  const changed = new Set<string>()
  const at = (...names: readonly string[]) => join(directory, ...names)
  const explain = <T>(path: string, work: () => Promise<T>) => explainSystemErrors(path, work)
  return {
    createFolders: async (folders, existing) => {
      const staged = folders.map(({ name, files }) => ({
        name,
        files,
        path: join(staging.path, name),
        final: at(name),
      }))
      for (const { path, final } of staged) await explain(final, () => fs.makeDirectory(path, 0o700))
      const inFolder = ({ path, final, files }: (typeof staged)[number]) =>
        files.map((file) => ({ ...file, path: join(path, file.name), final }))
      await writeAll(fs, staged.flatMap(inFolder))
      await together(staged, ({ path, final }) => explain(final, () => fs.syncDirectory(path)))
      const taken = new Set<string>()
      const rename = existing === 'keep' ? renameKept : renameNew
      for (const { name, path, final } of staged)
        if (!(await explain(final, () => rename(fs, path, final)))) taken.add(name)
      changed.add(directory)
      return taken
    },
    putFiles: async (files) => {
      const staged = files.map((file) => ({
        ...file,
        path: join(staging.path, `${file.folder}.${file.name}`),
        final: at(file.folder, file.name),
      }))
      await writeAll(fs, staged)
      for (const { path, final, folder } of staged) {
        await explain(final, () => fs.rename(path, final))
        changed.add(at(folder))
      }
    },
    list: (folder) => explain(at(folder), () => fs.list(at(folder))),
    read: (folder, file, maxBytes) => explain(at(folder, file), () => fs.read(at(folder, file), maxBytes)),
    flush: async () => {
      const paths = [...changed]
      await together(paths, (path) => explain(path, () => fs.syncDirectory(path)))
      for (const path of paths) changed.delete(path)
    },
    close: () => explain(directory, () => staging.close()),
  }
}

interface StagedFile extends BatchFile {
  readonly path: string
  /** Where it goes, for errors. */
  readonly final: string
}

/** Far fewer than a process may have open files, and enough that syncing the first of them syncs most of the others. */
const OPEN_AT_ONCE = 128

/**
 * Creates files, and then syncs them together: creating a file takes several times as long while another one is being synced.
 * Each is open from before its first octet until it is synced, so that no error is missed.
 */
async function writeAll(fs: FileSystem, files: readonly StagedFile[]): Promise<void> {
  for (let start = 0; start < files.length; start += OPEN_AT_ONCE) {
    const open: OpenFile[] = []
    try {
      for (const file of files.slice(start, start + OPEN_AT_ONCE)) await writeOne(fs, file, open)
      await together(open, ({ file, final }) => explainSystemErrors(final, () => file.sync()))
    } finally {
      for (const { file, final } of open) await explainSystemErrors(final, () => file.close())
    }
  }
}

interface OpenFile {
  readonly file: NewFile
  readonly final: string
}

async function writeOne(fs: FileSystem, { path, final, content, mode }: StagedFile, open: OpenFile[]): Promise<void> {
  await explainSystemErrors(final, async () => {
    const file = await createAnew(fs, path, mode)
    open.push({ file, final })
    await file.write(typeof content === 'string' ? Buffer.from(content) : content)
  })
}

/** Creates a file. One that is there is of the same run, which was asked for it twice. */
async function createAnew(fs: FileSystem, path: string, mode: number): Promise<NewFile> {
  try {
    return await fs.createFile(path, mode)
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error
    await fs.remove(path)
    return fs.createFile(path, mode)
  }
}

/** Does `work` for all, some at once. Nothing goes on after an error was reported. */
async function together<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = []
  const rest = all.values()
  const worker = async () => {
    for (const one of rest) {
      if (failures.length > 0) return
      await work(one).catch((error: unknown) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  if (failures.length > 0) throw failures[0]
}

/** rename(2) of a folder never replaces one that has files. False when there is something else of that name. */
async function renameNew(fs: FileSystem, from: string, to: string): Promise<boolean> {
  try {
    await fs.rename(from, to)
    return true
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw error
    return false
  }
}

/** Another process may make the folder again and again, but not for ever. */
const ATTEMPTS = 8

async function renameKept(fs: FileSystem, from: string, to: string): Promise<true> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await renameNew(fs, from, to)) return true
    await fs.rename(to, await freeName(fs, to))
  }
  throw fileExists(to)
}

async function freeName(fs: FileSystem, path: string): Promise<string> {
  let kept = `${path}.bak`
  for (let number = 1; (await fs.stat(kept)) !== null; number++) kept = `${path}.bak.${number}`
  return kept
}
