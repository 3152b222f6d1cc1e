import { join } from 'node:path'
import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { readJsonFile } from '../storage/json-file.js'
import { readJournalFile } from './journal-file.js'
import type { Journal } from './journal-record.js'
import { type KitRecord, readKitRecord } from './kit-record.js'
import { HISTORY_FOLDER, OWN_FILES, OWN_FOLDER, PENDING_FOLDER } from './names.js'
import { MAX_PEM_BYTES } from './pki-directory.js'
import { type BackupRecord, backupRecord, type DirectoryState, directoryState } from './records.js'

/** One file of an inspected PKI directory. */
export interface InspectedFile {
  readonly name: string
  /** The permission bits; null when not available. */
  readonly mode: number | null
  /** null when it cannot be read, for the reason in `problem`. */
  readonly text: string | null
  readonly problem: FpkiError | null
}

/** An inspected PKI directory. Inspection is read-only, takes no lock, and continues after errors. */
export interface InspectedDirectory {
  readonly path: string
  /** The permission bits of the directory and of fpki's own folder (null if missing). */
  readonly mode: number
  readonly ownMode: number | null
  /** All names in the directory. */
  readonly names: readonly string[]
  /** Leftovers of interrupted writes, and staged files, as relative paths. */
  readonly unfinished: readonly string[]
  readonly staged: readonly string[]
  readonly state: DirectoryState | null
  readonly journal: Journal | null
  readonly backup: BackupRecord | null
  /** null: it is not a kit. */
  readonly kit: KitRecord | null
  /** Errors in fpki's own files. */
  readonly problems: readonly FpkiError[]
  inspect(name: string): Promise<InspectedFile>
}

/** Inspects the PKI directory `path`. Throws ERR_NOT_A_DIRECTORY, or ERR_STORAGE when it cannot be listed. */
export async function inspectDirectory(files: DurableFiles, path: string): Promise<InspectedDirectory> {
  const status = await files.status(path)
  if (status?.kind !== 'directory') throw notADirectory(path, status === null)
  const own = join(path, OWN_FOLDER)
  const names = (await files.list(path)) ?? []
  const problems: FpkiError[] = []
  const attempt = async <T>(fallback: T, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      problems.push(requireFpkiError(error))
      return fallback
    }
  }
  const folders = ['.', OWN_FOLDER, ...[PENDING_FOLDER, HISTORY_FOLDER].map((folder) => join(OWN_FOLDER, folder))]
  const unfinished = folders.map((folder) =>
    attempt([], async () => (await files.unfinished(join(path, folder))).map((name) => join(folder, name))),
  )
  return {
    path,
    mode: status.mode,
    ownMode: await attempt(null, async () => (await files.status(own))?.mode ?? null),
    names,
    unfinished: (await Promise.all(unfinished)).flat(),
    staged: await attempt([], async () => (await files.list(join(own, PENDING_FOLDER))) ?? []),
    state: await attempt(null, () => readJsonFile(files, join(own, OWN_FILES.state), directoryState)),
    journal: await attempt(null, () => readJournalFile(files, join(own, OWN_FILES.journal))),
    backup: await attempt(null, () => readJsonFile(files, join(own, OWN_FILES.backup), backupRecord)),
    kit: await attempt(null, () => readKitRecord({ files, path })),
    // The same error for several files is reported once.
    problems: problems.filter(({ message }, at) => problems.findIndex((other) => other.message === message) === at),
    inspect: (name) => inspectFile(files, path, name),
  }
}

/** Whether another fpki process holds the lock of the PKI directory `path`. */
export function isBusy(files: DurableFiles, path: string): Promise<boolean> {
  return files.isLocked(join(path, OWN_FOLDER, OWN_FILES.lock))
}

async function inspectFile(files: DurableFiles, directory: string, name: string): Promise<InspectedFile> {
  const path = join(directory, name)
  try {
    const status = await files.status(path)
    const text = await files.read(path, MAX_PEM_BYTES)
    if (status === null || text === null) throw danglingLink(path)
    return { name, mode: status.mode, text, problem: null }
  } catch (error) {
    return { name, mode: null, text: null, problem: requireFpkiError(error) }
  }
}

/** Returns FpkiErrors as findings, and throws bugs. */
function requireFpkiError(error: unknown): FpkiError {
  if (error instanceof FpkiError) return error
  throw error
}

function danglingLink(path: string): FpkiError {
  return new FpkiError('ERR_BAD_FILE', `${path} is a dangling symbolic link.`, 'Restore the target of the link.')
}

function notADirectory(path: string, missing: boolean): FpkiError {
  const text = missing ? `${path} does not exist.` : `${path} is not a directory.`
  return new FpkiError('ERR_NOT_A_DIRECTORY', text, 'Pass the path of a PKI directory.')
}
