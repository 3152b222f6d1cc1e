import { join } from 'node:path'
import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { readJsonFile } from '../storage/json-file.js'
import { HISTORY_FOLDER, OWN_FILES, OWN_FOLDER, PENDING_FOLDER } from './names.js'
import { MAX_PEM_BYTES } from './pki-directory.js'
import {
  type BackupRecord,
  backupRecord,
  type DirectoryState,
  directoryState,
  type Journal,
  journal,
} from './records.js'

/** One file of a PKI directory as it was found. */
export interface InspectedFile {
  readonly name: string
  /** Its permission bits; null when it cannot be looked at. */
  readonly mode: number | null
  /** null: it cannot be read, and `problem` says why. */
  readonly text: string | null
  readonly problem: FpkiError | null
}

/** A PKI directory as it was found. Looking at it changes nothing, takes no lock, and stops at nothing that is broken. */
export interface InspectedDirectory {
  readonly path: string
  /** Its permission bits, and those of fpki's own folder; null: there is none. */
  readonly mode: number
  readonly ownMode: number | null
  /** The names of all that is in it. */
  readonly names: readonly string[]
  /** What interrupted writes left, and what waits for the Factory API, as paths in the directory. */
  readonly unfinished: readonly string[]
  readonly staged: readonly string[]
  readonly state: DirectoryState | null
  readonly journal: Journal | null
  readonly backup: BackupRecord | null
  /** Why fpki's own files cannot be read. */
  readonly problems: readonly FpkiError[]
  inspect(name: string): Promise<InspectedFile>
}

/** Looks at the PKI directory `path`. Throws ERR_NOT_A_DIRECTORY when it is none, ERR_STORAGE when it cannot be listed. */
export async function inspectDirectory(files: DurableFiles, path: string): Promise<InspectedDirectory> {
  const status = await files.status(path)
  if (status?.kind !== 'directory') throw notADirectory(path, status === null)
  const own = join(path, OWN_FOLDER)
  const names = (await files.list(path)) ?? []
  const problems: FpkiError[] = []
  const attempt = async <T>(nothing: T, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      problems.push(requireFpkiError(error))
      return nothing
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
    journal: await attempt(null, () => readJsonFile(files, join(own, OWN_FILES.journal), journal)),
    backup: await attempt(null, () => readJsonFile(files, join(own, OWN_FILES.backup), backupRecord)),
    // One thing that is in the way of all of them is told once.
    problems: problems.filter(({ message }, at) => problems.findIndex((other) => other.message === message) === at),
    inspect: (name) => inspectFile(files, path, name),
  }
}

/** Is another fpki at work in the PKI directory `path`? */
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

/** What is wrong outside of fpki is a finding; a defect is not. */
function requireFpkiError(error: unknown): FpkiError {
  if (error instanceof FpkiError) return error
  throw error
}

function danglingLink(path: string): FpkiError {
  return new FpkiError('ERR_BAD_FILE', `${path} is a link that leads danglingLink.`, 'Put back what it led to.')
}

function notADirectory(path: string, missing: boolean): FpkiError {
  const text = missing ? `${path} does not exist.` : `${path} is not a directory.`
  return new FpkiError('ERR_NOT_A_DIRECTORY', text, 'Name a PKI directory.')
}
