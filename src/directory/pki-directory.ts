import { basename, join } from 'node:path'
import { FpkiError } from '../errors.js'
import type { DurableFiles, FileLock } from '../ports.js'
import { readJsonFile, writeJsonFile } from '../storage/json-file.js'
import { type HistoryFiles, historyFiles } from './history.js'
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
import {
  type BackupRecord,
  backupRecord,
  type DirectoryState,
  directoryState,
  type Journal,
  journal,
} from './records.js'

/** The files of one PKI directory, by what they mean. */
export interface PkiDirectory extends HistoryFiles, OwnedDirectory {
  /** Absolute. */
  readonly path: string
  /** What it is on. */
  readonly files: DurableFiles
  /** Which files of a PKI it holds; none when there is no directory. */
  contents(): Promise<readonly PkiFile[]>
  /** Makes the directory and fpki's own folder in it where they are missing. */
  make(): Promise<void>
  /** Takes the directory's lock and clears what interrupted writes left. Throws ERR_LOCKED when another fpki has it for so many seconds (0). */
  lock(seconds?: number): Promise<FileLock>
  /** The names of all that is in it, fpki's own folder too; none when there is no directory. */
  names(): Promise<readonly string[]>
  /** A PEM file's text, or null. */
  read(name: string): Promise<string | null>
  /** Writes a new PEM file. Throws ERR_EXISTS when there is one. */
  create(name: string, pem: string): Promise<void>
  /** Writes what `name` is to be abandonedFiles; nobody takes it for a file of the PKI before it is published. */
  stage(name: string, pem: string): Promise<void>
  /** What {@link stage} has written and {@link publish} has not taken yet. */
  readStaged(name: string): Promise<string | null>
  /** The names of all that is staged. */
  staged(): Promise<readonly string[]>
  /**
   * Puts what was staged in its place, durably; nothing staged is fine, so that it can be done twice.
   *
   * @param over `nothing`: the name must be free, else ERR_EXISTS; `earlier`: the file that is there is kept as
   *   `name.bak`, `name.bak.1`, …
   * @returns the name under which an earlier file was kept, or null
   */
  publish(name: string, over: 'nothing' | 'earlier'): Promise<string | null>
  /** Removes what was staged and is not wanted. */
  discard(name: string): Promise<void>
  /** A name in `.fpki/abandoned/` that is free: `name`, or `name-2`, … */
  freeNameAside(name: string): Promise<string>
  /**
   * Moves files of the directory, or what is staged, into `.fpki/abandoned/<folder>/`, durably; what is not there is passed
   * over, so that it can be done twice.
   */
  putAside(folder: string, from: 'directory' | 'pending', names: readonly string[]): Promise<void>
  /** Puts state.json abandonedFiles too, of a PKI that is given up as a whole, and log.head: the next root can verify none of it. */
  forgetState(folder: string): Promise<void>
  /** Writes a note beside what was put abandonedFiles. */
  noteAside(folder: string, name: string, content: unknown): Promise<void>
  /** Removes factory_ca.key: the one file that ever goes, when a token has proved to hold the key. */
  removeRootKey(): Promise<void>
  readJournal(): Promise<Journal | null>
  writeJournal(content: Journal): Promise<void>
  /** Puts an earlier journal back, or removes the one that is there when there was none. */
  restoreJournal(earlier: Journal | null): Promise<void>
  readState(): Promise<DirectoryState | null>
  writeState(content: DirectoryState): Promise<void>
  readBackup(): Promise<BackupRecord | null>
  writeBackup(content: BackupRecord): Promise<void>
}

/** Far more than a PEM block of fpki's needs. */
export const MAX_PEM_BYTES = 64 * 1024

/** The PKI directory at `path`; nothing is read or made yet. */
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
    make: () => files.makeDirectory(join(path, OWN_FOLDER)),
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
    create: (name, pem) => files.create(join(path, name), pem, PKI_FILE_MODE),
    ...abandonedFiles(files, path),
    removeRootKey: () => files.remove(join(path, PKI_FILES.rootKey)),
    readJournal: () => readJsonFile(files, own('journal'), journal),
    writeJournal: (content) => writeJsonFile(files, own('journal'), content),
    restoreJournal: (earlier) =>
      earlier === null ? files.remove(own('journal')) : writeJsonFile(files, own('journal'), earlier),
    readState: () => readJsonFile(files, own('state'), directoryState),
    writeState: (content) => writeJsonFile(files, own('state'), content),
    readBackup: () => readJsonFile(files, own('backup'), backupRecord),
    writeBackup: (content) => writeJsonFile(files, own('backup'), content),
  }
}

/** The part of a PKI directory that is about what is not in its place yet. */
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

/** The part of a PKI directory that is about what was given up. Nothing of it is ever removed. */
function abandonedFiles(
  files: DurableFiles,
  path: string,
): Pick<PkiDirectory, 'freeNameAside' | 'putAside' | 'forgetState' | 'noteAside'> {
  const own = join(path, OWN_FOLDER)
  const placeIn = async (folder: string, home: string, names: readonly string[]) => {
    const to = join(own, ABANDONED_FOLDER, folder)
    await files.makeDirectory(to)
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
    noteAside: (folder, name, content) => writeJsonFile(files, join(own, ABANDONED_FOLDER, folder, name), content),
  }
}

function lockedError(path: string): FpkiError {
  return new FpkiError(
    'ERR_LOCKED',
    `Another fpki is at work in ${path}.`,
    'Wait until it has ended; its lock goes with it, so there is nothing to clean up.',
  )
}
