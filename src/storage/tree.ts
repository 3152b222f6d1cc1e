import { join } from 'node:path'
import { FpkiError, systemErrorCode } from '../errors.js'
import type { DurableFiles, FileSystem } from '../ports.js'
import type { ArchiveEntry } from './archive.js'

/** The size limit for a backup: far more than any PKI, and small enough for memory. */
export const MAX_TREE_BYTES = 64 * 1024 * 1024

/** Anyone who can write to a folder could replace its keys. */
const NO_GROUP_OTHER_WRITE = 0o755
const OWNER_READ_EXECUTE = 0o500

/** More levels than any PKI has; stops at link loops. */
const MAX_DEPTH = 8

/**
 * Reads the directory `root` recursively as entries below `path`, without leftovers of interrupted writes.
 *
 * @param skip paths below `root` to leave out
 * @throws FpkiError ERR_BAD_FILE when it is too large or contains a special file; ERR_STORAGE
 */
export async function readTree(
  files: DurableFiles,
  root: string,
  path: string,
  skip: readonly string[] = [],
): Promise<readonly ArchiveEntry[]> {
  const walk = { root, path, skip, octetsLeft: MAX_TREE_BYTES }
  return entriesBelow(files, walk, '', 0)
}

interface Walk {
  readonly root: string
  readonly path: string
  readonly skip: readonly string[]
  octetsLeft: number
}

async function entriesBelow(
  files: DurableFiles,
  walk: Walk,
  below: string,
  depth: number,
): Promise<readonly ArchiveEntry[]> {
  const place = join(walk.root, below)
  const path = below === '' ? walk.path : `${walk.path}/${below}`
  const status = await statusOf(files, place)
  const { kind } = status
  const mode = status.mode & 0o777
  if (kind === 'other' || depth > MAX_DEPTH) throw notArchivable(place, 'is not a regular file or folder')
  if (kind === 'file') {
    const content = (await files.readOctets(place, walk.octetsLeft)) ?? new Uint8Array()
    walk.octetsLeft -= content.length
    return [{ path, kind, mode, content }]
  }
  const entries: ArchiveEntry[] = [{ path, kind, mode, content: new Uint8Array() }]
  const names = ((await files.list(place)) ?? []).map((name) => (below === '' ? name : `${below}/${name}`))
  for (const name of names.filter((candidate) => !walk.skip.includes(candidate)))
    entries.push(...(await entriesBelow(files, walk, name, depth + 1)))
  return entries
}

/** See {@link DurableFiles.writeTree}. Nobody uses the files yet, so they are written directly. */
export async function writeTree(fs: FileSystem, root: string, entries: readonly ArchiveEntry[]): Promise<void> {
  for (const { path, kind, mode, content } of entries) {
    const place = join(root, path)
    if (kind === 'directory') await fs.makeDirectory(place, 0o700)
    else await writeFile(fs, place, content, mode)
  }
  const folders = new Map(entries.flatMap(({ path, kind, mode }) => (kind === 'directory' ? [[path, mode]] : [])))
  // Deepest first: a folder may become read-only.
  for (const path of [...new Set(['', ...folders.keys()])].sort().reverse()) {
    const mode = folders.get(path)
    if (mode !== undefined) await fs.setMode(join(root, path), (mode & NO_GROUP_OTHER_WRITE) | OWNER_READ_EXECUTE)
    await fs.syncDirectory(join(root, path))
  }
}

/** See {@link DurableFiles.removeTree}. */
export async function removeTree(fs: FileSystem, path: string): Promise<void> {
  try {
    await fs.remove(path)
  } catch (error) {
    if (!['EISDIR', 'EPERM'].includes(systemErrorCode(error) ?? '')) throw error
    // One of somebody else in a folder like /tmp, which only its owner may remove.
    if ((await fs.linkAt(path)) !== null) throw error
    await fs.setMode(path, 0o700)
    for (const name of (await fs.list(path)) ?? []) await removeTree(fs, join(path, name))
    await fs.removeDirectory(path)
  }
}

async function writeFile(fs: FileSystem, path: string, content: Uint8Array, mode: number): Promise<void> {
  const file = await fs.createFile(path, mode)
  try {
    await file.write(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function statusOf(files: DurableFiles, place: string) {
  const status = await files.status(place)
  if (status === null) throw notArchivable(place, 'is a dangling symbolic link')
  return status
}

function notArchivable(place: string, reason: string): FpkiError {
  const hint = 'A backup must be complete. Move this file elsewhere, and run the command again.'
  return new FpkiError('ERR_BAD_FILE', `Cannot back up ${place}: it ${reason}.`, hint)
}
