import { systemErrorCode } from '../errors.js'
import type { FileSystem, FileSystemSync, NewFile } from '../ports.js'
import type { BatchFile } from './batch-ports.js'
import { explainSystemErrors } from './system-errors.js'

/** A file of a batch. */
export interface BatchWrite extends BatchFile {
  /** Where it is written before it is renamed. */
  readonly staged: string
  /** Where it goes, and what errors name. */
  readonly final: string
  /** Whether it may be written at its final place, if that is free: nobody takes it for complete yet. */
  readonly inPlace: boolean
}

/** Writes below one directory. */
export interface DurableWrites {
  /**
   * Creates files, and resolves when they and the names in `directories` are on the disk: to the files that are still to be
   * renamed.
   */
  write(files: readonly BatchWrite[], directories: readonly string[]): Promise<readonly BatchWrite[]>
  close(): Promise<void>
}

/** From so many files and directories on, one sync of all is faster than one of each. */
export const MANY = 64

/** More than libuv has threads, so that none waits, and far fewer than a process may have open files. */
const AT_ONCE = 16

/** Far fewer than a process may have open files, and enough that syncing the first of them syncs most of the others. */
const OPEN_AT_ONCE = 128

/**
 * Syncs many files with one sync of their file system, in a tenth of the time; a few, and all where that is not possible, one
 * by one: a file system may have much more to write for other processes.
 */
export function durableWrites(fs: FileSystem, directory: string, many: number): DurableWrites {
  let whole: Promise<FileSystemSync | null> | null = null
  const openWhole = () => {
    whole ??= explainSystemErrors(directory, () => fs.openSync(directory))
    return whole
  }
  return {
    write: async (files, directories) => {
      const all = files.length + directories.length < many ? null : await openWhole()
      if (all === null) {
        const staged = await createAndSync(fs, files)
        await together(directories, (path) => explainSystemErrors(path, () => fs.syncDirectory(path)))
        return staged
      }
      const staged = await createAll(fs, files)
      await explainSystemErrors(directory, all.sync)
      return staged
    },
    close: async () => (await whole?.catch(() => null))?.close(),
  }
}

async function createAll(fs: FileSystem, files: readonly BatchWrite[]): Promise<readonly BatchWrite[]> {
  const staged: BatchWrite[] = []
  for (const write of files) {
    const { file, isStaged } = await create(fs, write)
    if (isStaged) staged.push(write)
    await explainSystemErrors(write.final, async () => {
      try {
        await file.write(octetsOf(write))
      } finally {
        await file.close()
      }
    })
  }
  return staged
}

/**
 * Creates files, and then syncs them together: creating a file takes several times as long while another one is being synced.
 * Each is open from before its first octet until it is synced, so that no error is missed.
 */
async function createAndSync(fs: FileSystem, files: readonly BatchWrite[]): Promise<readonly BatchWrite[]> {
  const staged: BatchWrite[] = []
  for (let start = 0; start < files.length; start += OPEN_AT_ONCE) {
    const open: { readonly file: NewFile; readonly final: string }[] = []
    try {
      for (const write of files.slice(start, start + OPEN_AT_ONCE)) {
        const { final } = write
        const { file, isStaged } = await create(fs, write)
        open.push({ file, final })
        if (isStaged) staged.push(write)
        await explainSystemErrors(final, () => file.write(octetsOf(write)))
      }
      await together(open, ({ file, final }) => explainSystemErrors(final, () => file.sync()))
    } finally {
      for (const { file, final } of open) await explainSystemErrors(final, () => file.close())
    }
  }
  return staged
}

function octetsOf({ content }: BatchFile): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content
}

function create(
  fs: FileSystem,
  { staged, final, inPlace, mode }: BatchWrite,
): Promise<{ readonly file: NewFile; readonly isStaged: boolean }> {
  return explainSystemErrors(final, async () => {
    // A file that is there may be torn, or of another process that is writing it: it is replaced whole.
    const file = inPlace ? await createNew(fs, final, mode) : null
    if (file !== null) return { file, isStaged: false }
    return { file: await createAnew(fs, staged, mode), isStaged: true }
  })
}

/** null when there is something of that name. */
async function createNew(fs: FileSystem, path: string, mode: number): Promise<NewFile | null> {
  try {
    return await fs.createFile(path, mode)
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error
    return null
  }
}

/** Creates a file. One that is there is of the same run, which was asked for it twice. */
async function createAnew(fs: FileSystem, path: string, mode: number): Promise<NewFile> {
  const file = await createNew(fs, path, mode)
  if (file !== null) return file
  await fs.remove(path)
  return fs.createFile(path, mode)
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
