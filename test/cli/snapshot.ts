import { createHash } from 'node:crypto'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/** Paths below a directory, each with what is there. */
export type Snapshot = Readonly<Record<string, string>>

/** Everything at and below `path`: kind, mode, owner and bytes. What Node keeps of compiled code is left out. */
export async function snapshot(path: string): Promise<Snapshot> {
  const names = ['.', ...(await allBelow(path))]
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await describeFile(join(path, name))])))
}

/** As {@link snapshot}, without what withAuditLog a signature or a refusal changes. */
export async function snapshotButAuditLog(path: string): Promise<Snapshot> {
  const all = Object.entries(await snapshot(path))
  return Object.fromEntries(all.filter(([name]) => !/(^|\/)\.fpki(\/(log\.(jsonl|head)|lock))?$/.test(name)))
}

/** As {@link snapshot}, without the bytes, and without audit log and history. */
export async function modes(path: string): Promise<Snapshot> {
  const all = Object.entries(await snapshot(path)).filter(([name]) => !isRecord(name))
  return Object.fromEntries(all.map(([name, text]) => [name, text.split(' ').slice(0, 2).join(' ')]))
}

/** Is it of the audit log or the history, which have tests of their own (log.test.ts)? */
function isRecord(name: string): boolean {
  return /(^|\/)\.fpki\/(log\.(jsonl|head)$|history(\/|$))/.test(name)
}

/** The paths of everything below a directory but audit log and history, sorted. */
export async function namesBelow(path: string): Promise<readonly string[]> {
  return (await allBelow(path)).filter((name) => !isRecord(name))
}

async function allBelow(path: string): Promise<readonly string[]> {
  const names = await readdir(path, { recursive: true }).catch(() => [])
  return names.filter((name) => name !== '.cache' && !name.startsWith('.cache/') && !OF_SQLITE.test(name)).sort()
}

/** What SQLite makes beside a database that is open, and removes at a time of its own: after a change, all is in the database. */
const OF_SQLITE = /(^|\/)devices\.sqlite-(wal|shm)$/

async function describeFile(path: string): Promise<string> {
  const status = await lstat(path)
  const what = `${status.isDirectory() ? 'directory' : 'file'} ${(status.mode & 0o7777).toString(8)} ${status.uid}`
  if (status.isSymbolicLink()) return `link 777 ${await readlink(path)}`
  return status.isFile()
    ? `${what} ${createHash('sha256')
        .update(await readFile(path))
        .digest('hex')}`
    : what
}
