import { basename, dirname, join } from 'node:path'
import { FpkiError } from '../errors.js'
import type { DurableFiles, FileLock } from '../ports.js'
import { readJsonFile, writeJsonFile } from '../storage/json-file.js'
import { type HistoryFiles, historyFiles } from './history.js'
import { type JournalFile, journalFile, journalText } from './journal-file.js'
import type { Journal } from './journal-record.js'
import {
  ABANDONED_FOLDER,
  AUDIT_LOG_HEAD,
  OWN_FILES,
  OWN_FOLDER,
  PENDING_FOLDER,
  PKI_FILE_MODE,
  PKI_FILES,
  type PkiFile,
} from './names.js'
import { type OwnedDirectory, ownedDirectory, ownFolders } from './owned.js'
import { type BackupRecord, backupRecord, type DirectoryState, directoryState } from './records.js'

/** A PKI directory and its files. */
export interface PkiDirectory extends HistoryFiles, OwnedDirectory, JournalFile {
  /** Absolute. */
  readonly path: string
  /** The durable files that it is read and written with. */
  readonly files: DurableFiles
  /** The PKI files in it; empty when the directory does not exist. */
  contents(): Promise<readonly PkiFile[]>
  /** Creates the directory and fpki's own folder in it, if missing. */
  make(): Promise<void>
  /** Syncs, with the next flush, what an interrupted run has created: see {@link DurableFiles.syncAgain}. */
  syncAgain(): Promise<void>
  /** Takes the lock and removes leftovers of interrupted writes. Throws ERR_LOCKED if it is taken for `seconds` (default 0). */
  lock(seconds?: number): Promise<FileLock>
  /** All names in it, including fpki's own folder; empty when the directory does not exist. */
  names(): Promise<readonly string[]>
  /** The text of a PEM file; null when it does not exist. */
  read(name: string): Promise<string | null>
  /** Creates a PEM file. Throws ERR_EXISTS. */
  create(name: string, pem: string): Promise<void>
  /** Stages the new content of `name`, to be published later. */
  stage(name: string, pem: string): Promise<void>
  /** The staged content of a file, if any. */
  readStaged(name: string): Promise<string | null>
  /** The names of all staged files. */
  staged(): Promise<readonly string[]>
  /**
   * Durably moves a staged file to its place. Idempotent: does nothing if the file is not staged.
   *
   * @param over `nothing` throws ERR_EXISTS when the name is taken; `earlier` keeps the existing file as `name.bak`,
   *   `name.bak.1`, …
   * @returns the name of the kept file, or null
   */
  publish(name: string, over: 'nothing' | 'earlier'): Promise<string | null>
  /** Removes a staged file. */
  discard(name: string): Promise<void>
  /** An unused name in `.fpki/abandoned/`: `name`, or `name-2`, … */
  freeNameAside(name: string): Promise<string>
  /**
   * Durably moves files of the directory, or staged files, to `.fpki/abandoned/<folder>/`. Idempotent: missing files are
   * skipped.
   */
  putAside(folder: string, from: 'directory' | 'pending', names: readonly string[]): Promise<void>
  /** For a whole abandoned PKI, also moves state.json and log.head, which the next root could not verify. */
  forgetState(folder: string): Promise<void>
  /** Writes the journal of what was put aside beside it. */
  putJournalAside(folder: string, content: Journal): Promise<void>
  /** Removes factory_ca.key after its import to a token; fpki removes no other PKI file. */
  removeRootKey(): Promise<void>
  readState(): Promise<DirectoryState | null>
  writeState(content: DirectoryState): Promise<void>
  readBackup(): Promise<BackupRecord | null>
  writeBackup(content: BackupRecord): Promise<void>
}

/** Far more than a PEM block of fpki needs. */
export const MAX_PEM_BYTES = 64 * 1024

/** The PKI directory at `path`; reads and creates nothing yet. */
export function pkiDirectory(files: DurableFiles, path: string): PkiDirectory {
  const own = (name: keyof typeof OWN_FILES) => join(path, OWN_FOLDER, OWN_FILES[name])
  return {
    path,
    files,
    ...ownedDirectory(files, path),
    contents: async () => {
      const names = (await files.list(path)) ?? []
      return Object.values(PKI_FILES).filter((name) => names.includes(name))
    },
    make: async () => {
      const isFound = (await files.kindOf(path)) !== null && (await files.kindOf(own('journal'))) === null
      await files.makeDirectory(join(path, OWN_FOLDER))
      // The run that made it may have been cut off before its name was on the disk. Not everybody may read the folder above.
      const above = dirname(path)
      if (isFound && (await files.list(above).catch(() => null)) !== null) await files.syncAgain(above)
    },
    syncAgain: async () => {
      for (const folder of [path, ...ownFolders(path)]) {
        if ((await files.kindOf(folder)) === 'directory') await files.syncAgain(folder)
      }
    },
    lock: async (seconds) => {
      const lock = await files.lock(own('lock'), seconds)
      if (lock === null) throw lockedError(path)
      try {
        for (const folder of [path, ...ownFolders(path)]) await files.sweep(folder)
        return lock
      } catch (error) {
        await lock.release()
        throw error
      }
    },
    names: async () => (await files.list(path)) ?? [],
    read: (name) => files.read(join(path, name), MAX_PEM_BYTES),
    ...pending(files, path),
    ...historyFiles(files, path),
    ...journalFile(files, own('journal')),
    create: (name, pem) => files.create(join(path, name), pem, PKI_FILE_MODE),
    ...abandonedFiles(files, path),
    removeRootKey: () => files.remove(join(path, PKI_FILES.rootKey)),
    readState: () => readJsonFile(files, own('state'), directoryState),
    writeState: (content) => writeJsonFile(files, own('state'), content),
    readBackup: () => readJsonFile(files, own('backup'), backupRecord),
    writeBackup: (content) => writeJsonFile(files, own('backup'), content),
  }
}

/** The part of a PKI directory for staged files. */
function pending(
  files: DurableFiles,
  path: string,
): Pick<PkiDirectory, 'stage' | 'readStaged' | 'staged' | 'publish' | 'discard'> {
  const folder = join(path, OWN_FOLDER, PENDING_FOLDER)
  const readStaged = (name: string) => files.read(join(folder, name), MAX_PEM_BYTES)
  return {
    stage: async (name, pem) => {
      await files.makeDirectory(folder)
      await files.replace(join(folder, name), pem, PKI_FILE_MODE)
    },
    readStaged,
    staged: async () => (await files.list(folder)) ?? [],
    publish: async (name, over) => {
      const staged = await readStaged(name)
      if (staged === null) return null
      const [from, to] = [join(folder, name), join(path, name)]
      if (over === 'nothing') {
        await files.place(from, to)
        return null
      }
      const earlier = await files.read(to, MAX_PEM_BYTES)
      const kept = earlier !== null && earlier !== staged ? await files.keep(to) : null
      await files.move(from, to)
      return kept === null ? null : basename(kept)
    },
    discard: (name) => files.remove(join(folder, name)),
  }
}

/** The part of a PKI directory for abandoned files, which are never removed. */
function abandonedFiles(
  files: DurableFiles,
  path: string,
): Pick<PkiDirectory, 'freeNameAside' | 'putAside' | 'forgetState' | 'putJournalAside'> {
  const own = join(path, OWN_FOLDER)
  const placeIn = async (folder: string, home: string, names: readonly string[]) => {
    const to = join(own, ABANDONED_FOLDER, folder)
    await files.makeDirectory(to)
    // Its name is durable before anything moves into it.
    await files.flush()
    for (const name of names) {
      if ((await files.kindOf(join(home, name))) !== null) await files.place(join(home, name), join(to, name))
    }
  }
  return {
    freeNameAside: async (name) => {
      const taken = (await files.list(join(own, ABANDONED_FOLDER))) ?? []
      for (let number = 2, free = name; ; number++) {
        if (!taken.includes(free)) return free
        free = `${name}-${number}`
      }
    },
    putAside: (folder, from, names) => placeIn(folder, from === 'directory' ? path : join(own, PENDING_FOLDER), names),
    forgetState: (folder) => placeIn(folder, own, [OWN_FILES.state, AUDIT_LOG_HEAD]),
    putJournalAside: (folder, content) =>
      files.replace(join(own, ABANDONED_FOLDER, folder, OWN_FILES.journal), journalText(content), 0o600),
  }
}

function lockedError(path: string): FpkiError {
  return new FpkiError(
    'ERR_LOCKED',
    `Another fpki process is using ${path}.`,
    'Wait for it to finish. Its lock is released automatically.',
  )
}
