import { basename, dirname, join } from 'node:path'
import { systemErrorCode } from '../errors.js'
import type { FileLock, FileSystem, Random } from '../ports.js'
import { isLink, UNFINISHED } from './folders.js'
import { removeTree } from './tree.js'

/** A folder of one process, for what is not complete yet. */
export interface Staging {
  readonly path: string
  /** Removes it with all that is in it, and syncs the directory that it was in. */
  close(): Promise<void>
}

const LOCK = 'lock'
const ATTEMPTS = 8

/**
 * Creates a folder `place.RANDOM.fpki-unfinished` (0700), and removes those that killed processes left. A lock in the folder
 * tells a running process from a killed one, so several may use the same place.
 */
export async function openStaging(fs: FileSystem, place: string, random: Pick<Random, 'bytes'>): Promise<Staging> {
  await sweep(fs, place)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const path = `${place}.${Buffer.from(random.bytes(4)).toString('hex')}${UNFINISHED}`
    if (!(await fs.makeDirectory(path, 0o700))) continue
    const lock = await lockOrNull(fs, join(path, LOCK))
    if (lock === null) continue
    // Another process may have swept the folder before it was locked.
    if ((await fs.stat(join(path, LOCK))) !== null)
      return {
        path,
        close: async () => {
          await removeAndRelease(fs, path, lock)
          await fs.syncDirectory(dirname(path))
        },
      }
    await lock.release()
  }
  throw Object.assign(new Error(`EEXIST, '${place}'`), { code: 'EEXIST', path: place })
}

async function sweep(fs: FileSystem, place: string): Promise<void> {
  const prefix = `${basename(place)}.`
  const names = (await fs.list(dirname(place))) ?? []
  for (const name of names) {
    if (!name.startsWith(prefix) || !/^[0-9a-f]{8}\.fpki-unfinished$/.test(name.slice(prefix.length))) continue
    const path = join(dirname(place), name)
    if (!(await isOwn(fs, path))) continue
    const lock = await lockOrNull(fs, join(path, LOCK))
    if (lock !== null) await removeAndRelease(fs, path, lock)
  }
}

/**
 * Whether it is a folder as fpki makes it. The directory may be one where others write, such as /tmp: what they put there
 * under such a name must lead to nothing of ours.
 */
async function isOwn(fs: FileSystem, path: string): Promise<boolean> {
  const status = await fs.stat(path)
  if (status?.kind !== 'directory' || status.uid !== fs.uid || (status.mode & 0o077) !== 0) return false
  try {
    return !(await isLink(fs, path))
  } catch (error) {
    // Another process has just removed it.
    if (systemErrorCode(error) === 'ENOENT') return false
    throw error
  }
}

/** The lock is released last: until then, nobody else removes the folder. */
async function removeAndRelease(fs: FileSystem, path: string, lock: FileLock): Promise<void> {
  try {
    await removeTree(fs, path)
  } finally {
    await lock.release()
  }
}

/** null when another process holds it, or has just removed its folder. */
async function lockOrNull(fs: FileSystem, path: string) {
  try {
    return await fs.lock(path)
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null
    throw error
  }
}
