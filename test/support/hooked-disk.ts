import type { FileSystem, NewFile } from '../../src/storage/ports.js'
import type { StepHooks } from './memory-disk.js'

/** The disk of this machine with hooks around each step that changes something: for what SQLite takes part in. */
export function hookedDisk(fs: FileSystem, { before, after }: StepHooks): FileSystem {
  const step = async <T>(operation: string, path: string, change: () => Promise<T>): Promise<T> => {
    before?.(operation, path)
    const result = await change()
    after?.(operation, path)
    return result
  }
  const fileAt = (path: string, file: NewFile): NewFile => ({
    write: (content) => step('write', path, () => file.write(content)),
    sync: () => step('fsync', path, file.sync),
    close: file.close,
  })
  return {
    ...fs,
    setMode: (path, mode) => step('chmod', path, () => fs.setMode(path, mode)),
    makeDirectory: (path, mode) => step('mkdir', path, () => fs.makeDirectory(path, mode)),
    createFile: async (path, mode) => fileAt(path, await step('create', path, () => fs.createFile(path, mode))),
    openToAppend: async (path, mode) => fileAt(path, await step('append', path, () => fs.openToAppend(path, mode))),
    link: (from, to) => step('link', to, () => fs.link(from, to)),
    rename: (from, to) => step('rename', to, () => fs.rename(from, to)),
    remove: (path) => step('unlink', path, () => fs.remove(path)),
    removeDirectory: (path) => step('rmdir', path, () => fs.removeDirectory(path)),
    openSync: async (path) => {
      const all = await fs.openSync(path)
      return all && { ...all, sync: () => step('syncfs', path, all.sync) }
    },
    syncDirectory: (path) => step('fsync', path, () => fs.syncDirectory(path)),
  }
}
