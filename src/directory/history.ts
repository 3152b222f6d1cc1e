import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { FpkiError } from '../errors.js'
import { readPemCertificate } from '../pki/read-certificate.js'
import { sameRoot } from '../pki/same-root.js'
import type { DurableFiles, FolderEntry } from '../ports.js'
import { sha256 } from '../sha256.js'
import { readJsonFile } from '../storage/json-file.js'
import {
  ABANDONED_FOLDER,
  HISTORY_FOLDER,
  isCertificateFile,
  isEarlierCertificate,
  isKeyFile,
  OWN_FOLDER,
  PKI_FILE_MODE,
  PKI_FILES,
  ROOT_CSR,
} from './names.js'
import type { DirectoryState } from './records.js'
import { type SnapshotRecord, snapshotRecord } from './snapshot-record.js'
import { thinnedOut } from './thinning.js'

/** A stored snapshot. */
export interface Snapshot extends SnapshotRecord {
  /** The name of its folder in `.fpki/history/`. */
  readonly folder: string
}

/** The snapshots of a PKI directory. */
export interface HistoryFiles {
  /** All snapshots, oldest first. Other folders are ignored. */
  snapshots(): Promise<readonly Snapshot[]>
  /** Makes the folder of the snapshots, if it is missing. */
  makeHistory(): Promise<void>
  /** Takes a snapshot of the directory, unless the same run of a command has already done so. */
  takeSnapshot(of: {
    readonly command: string
    readonly time: string
    readonly state: DirectoryState | null
  }): Promise<void>
  /** The files that a snapshot taken now would contain. */
  filesNow(): Promise<SnapshotRecord['files']>
  /** A file of a snapshot; null when it no longer exists. */
  readInSnapshot(folder: string, name: string): Promise<string | null>
  /** Removes old snapshots, except any with the only copy of a key or certificate. Resolves to their names. */
  thinSnapshots(): Promise<readonly string[]>
  /**
   * Removes a key from all snapshots and abandoned files, once it has another place. `of-root`: whatever has its name beside
   * the same root certificate or one that it renews, such as factory_ca.key encrypted otherwise; `same`: only the content that it has now.
   */
  removeFromSnapshots(name: string, which: 'of-root' | 'same'): Promise<void>
}

/** Far more than a PEM file of fpki needs. */
const MAX_BYTES = 64 * 1024
const RECORD = 'snapshot.json'

/** A file of the directory, for a snapshot. */
type DirectoryFile = SnapshotRecord['files'][number] & { readonly text: string }

/** The snapshots of the PKI directory at `path`. */
export function historyFiles(files: DurableFiles, path: string): HistoryFiles {
  const history = join(path, OWN_FOLDER, HISTORY_FOLDER)
  const snapshots = async () => {
    const folders = (await files.list(history)) ?? []
    const read = folders.map((folder) => readSnapshot(files, history, folder))
    return (await Promise.all(read)).filter((one) => one !== null).sort((a, b) => a.number - b.number)
  }
  const readInSnapshot = (folder: string, name: string) => files.read(join(history, folder, name), MAX_BYTES)
  return {
    snapshots,
    readInSnapshot,
    filesNow: async () => (await directoryFiles(files, path)).map(({ name, sha256 }) => ({ name, sha256 })),
    makeHistory: () => files.makeDirectory(history),
    takeSnapshot: async (of) => {
      await files.makeDirectory(history)
      const newest = (await snapshots()).at(-1)
      const number = (newest?.number ?? 0) + 1
      const current = await directoryFiles(files, path)
      const listed = current.map(({ name, sha256 }) => ({ name, sha256 }))
      const record: SnapshotRecord = { version: 1, number, ...of, files: listed }
      if (newest !== undefined && isSameRun(newest, record)) return
      const entries = current.map((one) => entryOf(one, path))
      const text = `${JSON.stringify(record, null, 2)}\n`
      await files.createFolder(join(history, folderOf(record)), [
        ...entries,
        { name: RECORD, text, mode: PKI_FILE_MODE },
      ])
    },
    thinSnapshots: async () => {
      const all = await snapshots()
      const removable = new Set(thinnedOut(all))
      for (const one of all.filter((snapshot) => removable.has(snapshot))) {
        const others = all.filter((other) => other !== one && !removable.has(other))
        const isSafe = await isRedundant(files, { path, history }, one, others)
        if (isSafe) await files.removeFolder(join(history, one.folder))
        else removable.delete(one)
      }
      return [...removable].map(({ folder }) => folder)
    },
    removeFromSnapshots: async (name, which) => {
      const own = await readOrNull(files, path, name)
      const root = await readOrNull(files, path, PKI_FILES.rootCertificate)
      const kept = [history, join(path, OWN_FOLDER, ABANDONED_FOLDER)].map(async (folder) =>
        ((await files.list(folder)) ?? []).map((one) => join(folder, one)),
      )
      for (const place of (await Promise.all(kept)).flat()) {
        const isOfRoot =
          which === 'of-root' &&
          root !== null &&
          isSameRoot(await readOrNull(files, place, PKI_FILES.rootCertificate), root)
        const isSame = own !== null && (await readOrNull(files, place, name))?.sha256 === own.sha256
        if (isOfRoot || isSame) await files.remove(join(place, name))
      }
    },
  }
}

/** Whether a file has the root certificate, or one that it renews: they have one key. */
function isSameRoot(file: DirectoryFile | null, root: DirectoryFile): boolean {
  if (file === null || file.sha256 === root.sha256) return file !== null
  try {
    const [one, other] = [file, root].map(({ text }) => readPemCertificate(text, PKI_FILES.rootCertificate))
    return one !== undefined && other !== undefined && sameRoot(one, other)
  } catch (error) {
    if (error instanceof FpkiError) return false
    throw error
  }
}

/** Whether the same run took the snapshot. Two commands may start within one second, but leave different files. */
function isSameRun({ folder: _, ...newest }: Snapshot, record: SnapshotRecord): boolean {
  return isDeepStrictEqual(newest, { ...record, number: newest.number })
}

/** `0003-20260728T120000Z-ca-rotate-tls` */
function folderOf({ number, time, command }: SnapshotRecord): string {
  return [String(number).padStart(4, '0'), time.replace(/[-:]/g, ''), command.replace(/\W+/g, '-')].join('-')
}

async function readSnapshot(files: DurableFiles, history: string, folder: string): Promise<Snapshot | null> {
  try {
    const record = await readJsonFile(files, join(history, folder, RECORD), snapshotRecord)
    return record === null ? null : { ...record, folder }
  } catch (error) {
    if (error instanceof FpkiError) return null
    throw error
  }
}

/** Keys, current certificates, and the root's request. Earlier certificates stay in the directory. */
async function directoryFiles(files: DurableFiles, path: string): Promise<readonly DirectoryFile[]> {
  const names = (await files.list(path)) ?? []
  const copied = names.filter((name) => isKeyFile(name) || isCertificateFile(name) || name === ROOT_CSR)
  const contents = await Promise.all(copied.map((name) => readOrNull(files, path, name)))
  return contents.filter((one) => one !== null)
}

/** null for unreadable and special files, which are not fpki's. */
async function readOrNull(files: DurableFiles, path: string, name: string): Promise<DirectoryFile | null> {
  try {
    const text = await files.read(join(path, name), MAX_BYTES)
    return text === null ? null : { name, text, sha256: sha256(text) }
  } catch (error) {
    if (error instanceof FpkiError) return null
    throw error
  }
}

function entryOf({ name, text }: DirectoryFile, path: string): FolderEntry {
  const linked = { name, from: join(path, name), mode: PKI_FILE_MODE }
  return isKeyFile(name) ? linked : { ...linked, textBehindLink: text }
}

/** Whether each file of a snapshot also exists elsewhere. Re-hashed rather than taken from the record. */
async function isRedundant(
  files: DurableFiles,
  { path, history }: { readonly path: string; readonly history: string },
  snapshot: Snapshot,
  others: readonly Snapshot[],
): Promise<boolean> {
  const live = (await files.list(path)) ?? []
  for (const { name } of snapshot.files) {
    // An unreadable file is an error, so that nothing is removed.
    const own = await files.read(join(history, snapshot.folder, name), MAX_BYTES)
    if (own === null) continue
    const digest = sha256(own)
    const places = [
      ...live
        .filter((other) => other === name || (isEarlierCertificate(other) && other.startsWith(`${name}.bak`)))
        .sort(newestFirst)
        .map((other) => [path, other] as const),
      ...others
        .filter((other) => other.files.some((file) => file.sha256 === digest))
        .map(({ folder }) => [join(history, folder), name] as const),
    ]
    if (!(await existsInAny(files, places, digest))) return false
  }
  return true
}

/** `tls-crt`, then `tls-crt.bak.10` before `tls-crt.bak.9`: the newest match most often. */
function newestFirst(a: string, b: string): number {
  const number = (name: string) =>
    Number(/\.bak\.(\d+)$/.exec(name)?.[1] ?? (name.endsWith('.bak') ? 0 : Number.POSITIVE_INFINITY))
  return number(b) > number(a) ? 1 : -1
}

async function existsInAny(
  files: DurableFiles,
  places: readonly (readonly [string, string])[],
  sha256: string,
): Promise<boolean> {
  for (const [folder, name] of places) if ((await readOrNull(files, folder, name))?.sha256 === sha256) return true
  return false
}
