import { join } from 'node:path'
import type { FileStatus, FileSystem } from '../ports.js'
import type { ArchiveEntry } from './archive.js'
import { octetsAsFile } from './readable-file.js'

/**
 * A read-only file system in memory with the entries of an archive below `root`, so that a backup can be inspected like a
 * directory, without writing to the disk.
 */
export function archiveFileSystem(entries: readonly ArchiveEntry[], root: string): FileSystem {
  const at = new Map(entries.map((entry) => [join(root, entry.path), entry]))
  const statusOf = (path: string): FileStatus | null => {
    const entry = at.get(path)
    if (entry !== undefined) return { kind: entry.kind, mode: entry.mode, uid: 0, gid: 0 }
    // The directories above are reported as safe.
    return join(root, '/').startsWith(join(path, '/')) ? { kind: 'directory', mode: 0o700, uid: 0, gid: 0 } : null
  }
  const namesIn = (path: string) => {
    const inside = join(path, '/')
    const below = [...at.keys()].filter((one) => one.startsWith(inside) && one !== path)
    return [...new Set(below.map((one) => one.slice(inside.length).split('/')[0] ?? ''))].sort()
  }
  return {
    uid: 0,
    person: () => ({ uid: 0, privateGroup: null }),
    mountinfo: () => '',
    linkAt: async () => null,
    stat: async (path) => statusOf(path),
    realPath: async (path) => path,
    list: async (path) => (statusOf(path)?.kind === 'directory' ? namesIn(path) : null),
    read: async (path) => at.get(path)?.content ?? null,
    openToRead: async (path) => {
      const entry = at.get(path)
      return entry === undefined ? null : octetsAsFile(entry.content)
    },
    isLocked: async () => false,
    makeDirectory: readOnly,
    setMode: readOnly,
    createFile: readOnly,
    openToAppend: readOnly,
    link: readOnly,
    rename: readOnly,
    remove: readOnly,
    removeDirectory: readOnly,
    syncDirectory: readOnly,
    openSync: async () => null,
    lock: readOnly,
  }
}

async function readOnly(path: string): Promise<never> {
  throw Object.assign(new Error(`EROFS, '${path}'`), { code: 'EROFS' })
}
