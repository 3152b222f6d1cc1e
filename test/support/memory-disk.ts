import { createHash } from 'node:crypto'
import { basename, dirname } from 'node:path'
import type { FileStatus, FileSystem } from '../../src/ports.js'
import { octetsAsFile } from '../../src/storage/readable-file.js'

/** A disk in memory that knows what would be left of it after a loss of power. */
export interface MemoryDisk {
  /** The disk as a file system; `before` runs before each single step and may throw instead of it. */
  mount(hooks?: StepHooks): FileSystem
  /** The process died: its locks are gone, and all that it wrote is there. */
  loseProcess(): void
  /** The power failed: of content and names, only what was synced is there; other new files are torn. */
  losePower(): void
  /** As {@link losePower}, but any of the names that were not synced may be on the disk, in whatever order they were made. */
  losePowerInAnyOrder(seed: string): void
  /** Another disk with the same on it, also as to what is synced; it goes its own way from then on. */
  copy(): MemoryDisk
  /** Gives what is at `path` to another user, with a mode. */
  give(path: string, owner: { readonly uid: number; readonly gid?: number; readonly mode: number }): void
  /** Path -> octal mode and, for files, text. */
  contents(): ReadonlyMap<string, { readonly mode: number; readonly text: string | null }>
}

/** What happens around each step that changes something. */
export interface StepHooks {
  before?(operation: string, path: string): void
  after?(operation: string, path: string): void
}

interface Inode {
  readonly kind: 'file' | 'directory'
  mode: number
  uid: number
  gid: number
  content: Buffer
  synced: Buffer | null
  names: Map<string, Inode>
  syncedNames: Map<string, Inode>
}

const UID = 1000

/** An empty disk with a root directory. */
export function memoryDisk(): MemoryDisk {
  return diskOn(inode('directory', 0o755))
}

function diskOn(root: Inode): MemoryDisk {
  const locks = new Set<string>()
  return {
    mount: (hooks = {}) => fileSystem(root, locks, hooks),
    loseProcess: () => locks.clear(),
    losePower: () => {
      locks.clear()
      forget(root)
    },
    losePowerInAnyOrder: (seed) => {
      locks.clear()
      keepSome(root, seed)
      forget(root)
    },
    copy: () => diskOn(copied(root, new Map())),
    give: (path, { uid, gid = uid, mode }) => {
      Object.assign(findIn(root, path) ?? fail('ENOENT', path), { uid, gid, mode })
    },
    contents: () => new Map(walk(root, '')),
  }
}

function inode(kind: Inode['kind'], mode: number): Inode {
  return {
    kind,
    mode,
    uid: UID,
    gid: UID,
    content: Buffer.alloc(0),
    synced: null,
    names: new Map(),
    syncedNames: new Map(),
  }
}

function findIn(root: Inode, path: string): Inode | undefined {
  const names = path.split('/').filter(Boolean)
  return names.reduce<Inode | undefined>((at, name) => at?.names.get(name), root)
}

/** A copy of a tree in which two names of one file stay that. */
function copied(node: Inode, done: Map<Inode, Inode>): Inode {
  const known = done.get(node)
  if (known !== undefined) return known
  const copy = { ...node }
  done.set(node, copy)
  const namesOf = (names: Inode['names']) => new Map([...names].map(([name, child]) => [name, copied(child, done)]))
  copy.names = namesOf(node.names)
  copy.syncedNames = namesOf(node.syncedNames)
  return copy
}

function forget(node: Inode): void {
  node.content = tornContent(node)
  node.names = new Map(node.syncedNames)
  for (const child of node.names.values()) forget(child)
}

/** Writes about half of the changes of names that were not synced. A name goes only after the file has another: rename(2) is atomic. */
function keepSome(root: Inode, seed: string): void {
  const isKept = (path: string) => createHash('sha256').update(`${seed} ${path}`).digest().readUInt8() < 128
  const named = (node: Inode): readonly Inode[] => [...node.syncedNames.values()].flatMap((at) => [at, ...named(at)])
  const all = (node: Inode): readonly Inode[] => [...node.names.values()].flatMap((at) => [at, ...all(at)])
  const add = (node: Inode, path: string): void => {
    for (const [name, child] of node.names) {
      if (isKept(`${path}/${name}`)) node.syncedNames.set(name, child)
      add(child, `${path}/${name}`)
    }
  }
  const remove = (node: Inode, path: string): void => {
    for (const [name, child] of node.syncedNames) {
      remove(child, `${path}/${name}`)
      if (node.names.has(name) || !isKept(`${path}/${name}`)) continue
      const places = named(root).filter((at) => at === child).length
      if (places > 1 || !all(root).includes(child)) node.syncedNames.delete(name)
    }
  }
  add(root, '')
  remove(root, '')
}

function forgetName(node: Inode, directory: Inode): void {
  for (const [name, child] of node.syncedNames) {
    if (child === directory) node.syncedNames.delete(name)
    else forgetName(child, directory)
  }
}

/** What was not synced is there by half: of a new file, and of what was written behind an old one. */
function tornContent({ content, synced }: Inode): Buffer {
  const kept = synced?.length ?? 0
  const isAppended = synced === null || content.subarray(0, kept).equals(synced)
  return isAppended ? content.subarray(0, kept + ((content.length - kept) >> 1)) : synced
}

function* walk(node: Inode, path: string): Generator<[string, { mode: number; text: string | null }]> {
  for (const [name, child] of [...node.names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const isFile = child.kind === 'file'
    yield [`${path}/${name}`, { mode: child.mode, text: isFile ? child.content.toString() : null }]
    yield* walk(child, `${path}/${name}`)
  }
}

function syncAll(node: Inode): void {
  node.synced = node.content
  node.syncedNames = new Map(node.names)
  for (const child of node.names.values()) syncAll(child)
}

function fileSystem(root: Inode, locks: Set<string>, { before, after }: StepHooks): FileSystem {
  const find = (path: string) => findIn(root, path)
  const at = (path: string): Inode => find(path) ?? fail('ENOENT', path)
  const step = <T>(operation: string, path: string, change: () => T): T => {
    before?.(operation, path)
    const result = change()
    after?.(operation, path)
    return result
  }
  const put = (path: string, node: Inode) => at(dirname(path)).names.set(basename(path), node)
  return {
    uid: UID,
    person: () => ({ uid: UID, privateGroup: UID }),
    mountinfo: () => '',
    linkAt: async () => null,
    realPath: async (path) => path,
    stat: async (path): Promise<FileStatus | null> => {
      const node = find(path)
      return node === undefined ? null : { kind: node.kind, mode: node.mode, uid: node.uid, gid: node.gid }
    },
    list: async (path) => {
      const node = find(path)
      return node === undefined ? null : [...node.names.keys()].sort()
    },
    read: async (path) => find(path)?.content ?? null,
    openToRead: async (path) => {
      const node = find(path)
      return node === undefined ? null : octetsAsFile(node.content)
    },
    makeDirectory: async (path, mode) =>
      step('mkdir', path, () => {
        if (find(path) !== undefined) return false
        put(path, inode('directory', mode))
        return true
      }),
    setMode: async (path, mode) =>
      step('chmod', path, () => {
        at(path).mode = mode
      }),
    createFile: async (path, mode) => {
      const node = step('create', path, () => {
        if (find(path) !== undefined) fail('EEXIST', path)
        const made = inode('file', mode)
        put(path, made)
        return made
      })
      return {
        write: async (content) =>
          step('write', path, () => {
            node.content = Buffer.concat([node.content, content])
          }),
        sync: async () =>
          step('fsync', path, () => {
            node.synced = node.content
          }),
        close: async () => undefined,
      }
    },
    openToAppend: async (path, mode) => {
      const node =
        find(path) ??
        step('create', path, () => {
          const made = inode('file', mode)
          put(path, made)
          return made
        })
      return {
        write: async (content) =>
          step('append', path, () => {
            node.content = Buffer.concat([node.content, content])
          }),
        sync: async () =>
          step('fsync', path, () => {
            node.synced = node.content
          }),
        close: async () => undefined,
      }
    },
    link: async (existingPath, newPath) =>
      step('link', newPath, () => {
        if (find(newPath) !== undefined) fail('EEXIST', newPath)
        put(newPath, at(existingPath))
      }),
    rename: async (oldPath, newPath) =>
      step('rename', newPath, () => {
        // Two names of one file: rename(2) does nothing.
        if (find(newPath) === at(oldPath)) return
        if (find(newPath)?.names.size) fail('ENOTEMPTY', newPath)
        put(newPath, at(oldPath))
        at(dirname(oldPath)).names.delete(basename(oldPath))
      }),
    remove: async (path) => {
      const node = find(path)
      if (node === undefined) return
      if (node.kind === 'directory') fail('EISDIR', path)
      step('unlink', path, () => at(dirname(path)).names.delete(basename(path)))
    },
    removeDirectory: async (path) => {
      if (find(path) === undefined) return
      step('rmdir', path, () => {
        if (at(path).names.size > 0) fail('ENOTEMPTY', path)
        at(dirname(path)).names.delete(basename(path))
      })
    },
    syncDirectory: async (path) =>
      step('fsync', path, () => {
        const node = at(path)
        // A directory has one name: where the new one is on the disk, the old one is gone.
        for (const child of node.names.values()) if (child.kind === 'directory') forgetName(root, child)
        node.syncedNames = new Map(node.names)
      }),
    openSync: async (directory) => ({
      sync: async () => step('syncfs', directory, () => syncAll(root)),
      close: async () => undefined,
    }),
    isLocked: async (path) => locks.has(path),
    lock: async (path) => {
      if (find(path) === undefined) step('create', path, () => put(path, inode('file', 0o600)))
      if (locks.has(path)) return null
      locks.add(path)
      return {
        release: async () => {
          locks.delete(path)
        },
      }
    },
  }
}

function fail(code: string, path: string): never {
  throw Object.assign(new Error(`${code}, '${path}'`), { code, path })
}
