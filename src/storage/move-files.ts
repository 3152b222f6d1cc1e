import { basename, dirname, join } from 'node:path'
import { FpkiError, systemErrorCode } from '../errors.js'
import type { FileSystem } from '../ports.js'
import type { SyncName } from './folders.js'

/** Large enough for any file of fpki. */
const MAX_BYTES = 1024 * 1024

/** See {@link DurableFiles.place}. Idempotent. */
export async function place(fs: FileSystem, from: string, to: string, syncName: SyncName): Promise<void> {
  if (!(await haveSameContent(fs, from, to))) await linkNew(fs, from, to)
  // The new name is durable before the old one is removed.
  await fs.syncDirectory(dirname(to))
  await fs.remove(from)
  await syncName(from)
}

/** See {@link DurableFiles.move}. */
export async function move(fs: FileSystem, from: string, to: string, syncName: SyncName): Promise<void> {
  // rename(2) does nothing for two names of the same file.
  if (await haveSameContent(fs, from, to)) await fs.remove(from)
  else await fs.rename(from, to)
  // The new name is durable before the old one is lost.
  await fs.syncDirectory(dirname(to))
  await syncName(from)
}

/** See {@link DurableFiles.keep}. */
export async function keep(fs: FileSystem, path: string): Promise<string> {
  const folder = dirname(path)
  const newest = newestBackup(basename(path), (await fs.list(folder)) ?? [])
  if (newest !== null && (await haveSameContent(fs, path, join(folder, newest.name)))) return join(folder, newest.name)
  const backup = newest === null ? `${path}.bak` : `${path}.bak.${newest.number + 1}`
  await fs.link(path, backup)
  await fs.syncDirectory(folder)
  return backup
}

/** The backup of `name` with the highest number; `.bak` alone has the number 0. */
function newestBackup(name: string, names: readonly string[]) {
  const numbered = names.flatMap((candidate) => {
    const suffix = candidate.startsWith(`${name}.bak`) ? candidate.slice(name.length + '.bak'.length) : null
    const [, digits] = /^\.(\d{1,9})$/.exec(suffix ?? '-') ?? []
    return suffix === '' || digits !== undefined ? [{ name: candidate, number: Number(digits ?? 0) }] : []
  })
  return numbered.sort((a, b) => a.number - b.number).at(-1) ?? null
}

/** False when either is not a readable file; the next step then reports why. */
async function haveSameContent(fs: FileSystem, a: string, b: string): Promise<boolean> {
  const [one, other] = [await textOf(fs, a), await textOf(fs, b)]
  return one !== null && other !== null && Buffer.from(one).equals(other)
}

function textOf(fs: FileSystem, path: string): Promise<Uint8Array | null> {
  return fs.read(path, MAX_BYTES).catch(() => null)
}

/** link(2) never overwrites, even if another program ignores our lock. */
export async function linkNew(fs: FileSystem, from: string, to: string): Promise<void> {
  try {
    await fs.link(from, to)
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error
    throw fileExists(to)
  }
}

/** The error for a file that would have to be overwritten. */
export function fileExists(path: string): FpkiError {
  return new FpkiError('ERR_EXISTS', `${path} already exists.`, 'fpki never overwrites files. Choose another path.')
}
