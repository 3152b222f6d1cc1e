import { join } from 'node:path'
import { FpkiError } from '../errors.js'
import { readJsonFile, writeJsonFile } from '../json-file.js'
import type { DurableFiles, FileLock } from '../ports.js'
import { OWN_FILES, OWN_FOLDER, PKI_FILE_MODE, PKI_FILES, type PkiFile } from './names.js'
import { type DirectoryState, directoryState, type Journal, journal } from './records.js'

/** The files of one PKI directory, by what they mean. */
export interface PkiDirectory {
  /** Absolute. */
  readonly path: string
  /** Is the directory there, and it and fpki's folder in it their owner's alone to change? Throws ERR_NOT_A_DIRECTORY or ERR_PERMISSIONS. */
  check(): Promise<'ready' | 'missing'>
  /** Which files of a PKI it holds; none when there is no directory. */
  contents(): Promise<readonly PkiFile[]>
  /** Makes the directory and fpki's own folder in it where they are missing. */
  make(): Promise<void>
  /** Takes the directory's lock and clears what interrupted writes left. Throws ERR_LOCKED when another fpki has it. */
  lock(): Promise<FileLock>
  /** A PEM file's text, or null. */
  read(name: PkiFile): Promise<string | null>
  /** Writes a new PEM file. Throws ERR_EXISTS when there is one. */
  create(name: PkiFile, pem: string): Promise<void>
  /** Removes factory_ca.key: the one file that ever goes, when a token has proved to hold the key. */
  removeRootKey(): Promise<void>
  readJournal(): Promise<Journal | null>
  writeJournal(content: Journal): Promise<void>
  readState(): Promise<DirectoryState | null>
  writeState(content: DirectoryState): Promise<void>
}

/** Far more than a PEM block of fpki's needs. */
const MAX_PEM_BYTES = 64 * 1024

/** The PKI directory at `path`; nothing is read or made yet. */
export function pkiDirectory(files: DurableFiles, path: string): PkiDirectory {
  const own = (name: keyof typeof OWN_FILES) => join(path, OWN_FOLDER, OWN_FILES[name])
  return {
    path,
    check: async () => {
      if ((await files.list(path)) === null) return 'missing'
      await files.checkDirectory(path)
      if ((await files.list(join(path, OWN_FOLDER))) !== null) await files.checkDirectory(join(path, OWN_FOLDER))
      return 'ready'
    },
    contents: async () => {
      const names = (await files.list(path)) ?? []
      return Object.values(PKI_FILES).filter((name) => names.includes(name))
    },
    make: () => files.makeDirectory(join(path, OWN_FOLDER)),
    lock: async () => {
      const lock = await files.lock(own('lock'))
      if (lock === null) throw locked(path)
      await files.sweep(path)
      await files.sweep(join(path, OWN_FOLDER))
      return lock
    },
    read: (name) => files.read(join(path, name), MAX_PEM_BYTES),
    create: (name, pem) => files.create(join(path, name), pem, PKI_FILE_MODE),
    removeRootKey: () => files.remove(join(path, PKI_FILES.rootKey)),
    readJournal: () => readJsonFile(files, own('journal'), journal),
    writeJournal: (content) => writeJsonFile(files, own('journal'), content),
    readState: () => readJsonFile(files, own('state'), directoryState),
    writeState: (content) => writeJsonFile(files, own('state'), content),
  }
}

function locked(path: string): FpkiError {
  return new FpkiError(
    'ERR_LOCKED',
    `Another fpki is at work in ${path}.`,
    'Wait until it has ended; its lock goes with it, so there is nothing to clean up.',
  )
}
