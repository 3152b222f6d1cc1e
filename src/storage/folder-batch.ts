import { dirname, join } from 'node:path'
import { systemErrorCode } from '../errors.js'
import type { FileSystem } from '../ports.js'
import type { BatchFile, FileBatch } from './batch-ports.js'
import { type BatchWrite, durableWrites } from './batch-writes.js'
import { fileExists } from './move-files.js'
import type { Staging } from './staging.js'
import { explainSystemErrors } from './system-errors.js'

/** See {@link FileBatch}; `many` is that of {@link durableWrites}. */
export function folderBatch(fs: FileSystem, directory: string, staging: Staging, many: number): FileBatch {
  const at = (...names: readonly string[]) => join(directory, ...names)
  const explain = explainSystemErrors
  const { write, close } = durableWrites(fs, directory, many)
  const toPut = (folder: string, { name, content, mode }: BatchFile, inPlace: boolean): BatchWrite => ({
    name,
    content,
    mode,
    staged: `${staging.path}/${folder}.${name}`,
    final: at(folder, name),
    inPlace,
  })
  /** Gives files their names; resolves when those are on the disk. */
  const rename = async (files: readonly BatchWrite[]) => {
    for (const { staged, final } of files) await explain(final, () => fs.rename(staged, final))
    await write([], [...new Set(files.map(({ final }) => dirname(final)))])
  }
  return {
    createFolders: async (folders, existing) => {
      const taken = new Set<string>()
      if (folders.length === 0) return taken
      const staged = folders.map(({ name, files }) => ({
        name,
        files,
        path: join(staging.path, name),
        final: at(name),
      }))
      for (const { path, final } of staged) await explain(final, () => fs.makeDirectory(path, 0o700))
      await write(
        staged.flatMap(({ path, final, files }) =>
          files.map((file) => ({ ...file, staged: join(path, file.name), final, inPlace: false })),
        ),
        staged.map(({ path }) => path),
      )
      const move = existing === 'keep' ? renameKept : renameNew
      for (const { name, path, final } of staged)
        if (!(await explain(final, () => move(fs, path, final)))) taken.add(name)
      await write([], [directory])
      return taken
    },
    completeFolders: async (folders, last) => {
      const files = folders.flatMap(({ name, files }) => files.map((file) => toPut(name, file, file.name !== last)))
      const staged = await write(
        files,
        folders.map(({ name }) => at(name)),
      )
      await rename(staged.filter(({ name }) => name !== last))
      await rename(staged.filter(({ name }) => name === last))
    },
    putFiles: async (files) =>
      rename(
        await write(
          files.map((file) => toPut(file.folder, file, false)),
          [],
        ),
      ),
    list: (folder) => explain(at(folder), () => fs.list(at(folder))),
    read: (folder, file, maxBytes) => explain(at(folder, file), () => fs.read(at(folder, file), maxBytes)),
    close: async () => {
      await close()
      await explain(directory, () => staging.close())
    },
  }
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
