import type { ArchiveEntry } from './archive.js'

/** The ports to files; {@link FileSystem} is the real or the tests' disk, {@link DurableFiles} what fpki makes of it. */

/** What {@link FileSystem.stat} tells of a file. */
export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'other'
  /** The permission bits, 0o000 to 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** A symbolic link, as {@link FileSystem.linkAt} shows it. */
export interface LinkStatus {
  /** What it leads to, as it is written in it. */
  readonly target: string
  readonly uid: number
  readonly gid: number
}

/** Who runs fpki. */
export interface Person {
  readonly uid: number
  /** The group that nobody else is in; null: there is none. */
  readonly privateGroup: number | null
}

/** A file that {@link FileSystem.createFile} has just made, and nobody else has open. */
export interface NewFile {
  write(content: Uint8Array): Promise<void>
  /** Resolves when the content is on the disk (fsync). */
  sync(): Promise<void>
  close(): Promise<void>
}

/** A kernel lock on a file; it goes when it is released or its process ends, however that happens. */
export interface FileLock {
  release(): Promise<void>
}

/**
 * The single steps that a file system can be asked for. `directory/files.ts` builds durable writes from them, and the
 * crash tests stop the world after each one. Failures are Node's system errors.
 */
export interface FileSystem {
  /** The effective user, to tell one's own files from others'. */
  readonly uid: number
  /** Who that is to groups; looked up when it is asked for. */
  person(): Person
  /** The text of /proc/self/mountinfo; empty where there is none. */
  mountinfo(): string
  /** The symbolic link at `path`; null: something else is there, or nothing. */
  linkAt(path: string): Promise<LinkStatus | null>
  /** null: nothing is there. Follows symbolic links. */
  stat(path: string): Promise<FileStatus | null>
  /** The path of what is there without symbolic links. */
  realPath(path: string): Promise<string>
  /** The names in a directory, sorted; null: nothing is there. */
  list(path: string): Promise<readonly string[] | null>
  /** The content of a file of at most `maxBytes`; null: nothing is there. A larger file throws
   * `ERR_FS_FILE_TOO_LARGE`, a pipe or the like `ERR_FS_NOT_A_FILE`. */
  read(path: string, maxBytes: number): Promise<Uint8Array | null>
  /** Gives a directory its final mode. */
  setMode(path: string, mode: number): Promise<void>
  /** Makes one directory with its final mode; false: something is there already. */
  makeDirectory(path: string, mode: number): Promise<boolean>
  /** Makes a file with its final mode, open for writing; throws `EEXIST` when anything is there. */
  createFile(path: string, mode: number): Promise<NewFile>
  /** Opens a file for writing behind what is in it; made with that mode when missing. Follows no symbolic link. */
  openToAppend(path: string, mode: number): Promise<NewFile>
  /** A second name for a file; throws `EEXIST` when anything is at `newPath`. */
  link(existingPath: string, newPath: string): Promise<void>
  rename(oldPath: string, newPath: string): Promise<void>
  /** Removes a name; nothing there is fine. */
  remove(path: string): Promise<void>
  /** Removes an empty directory; nothing there is fine. */
  removeDirectory(path: string): Promise<void>
  /** Resolves when the names in a directory are on the disk (fsync of the directory). */
  syncDirectory(path: string): Promise<void>
  /** Locks the file at `path`, made with mode 0600 when missing; null: another process holds it, also after so many seconds. */
  lock(path: string, seconds?: number): Promise<FileLock | null>
  /** Does another process hold the lock of the file at `path`? Nothing is made; what cannot be looked at is free. */
  isLocked(path: string): Promise<boolean>
}

/** A file of a folder that is made whole: with this text, or the same file as `from`. */
export type FolderEntry =
  | { readonly name: string; readonly text: string; readonly mode: number }
  | { readonly name: string; readonly from: string; readonly mode: number }

/** Files that are whole or absent, whatever happens in between. */
export interface DurableFiles {
  /** Makes a directory (and what is missing above it) with mode 0700; one that is there is left as it is. */
  makeDirectory(path: string): Promise<void>
  /** Throws ERR_PERMISSIONS when others than this user could change what is in the directory. */
  checkDirectory(path: string): Promise<void>
  /** The same, and ERR_NOT_A_DIRECTORY when it is a symbolic link. */
  checkOwnDirectory(path: string): Promise<void>
  /** Throws ERR_PERMISSIONS when others than this user and root could have written the file at `path`; nothing there is fine. */
  checkOwnFile(path: string, mayGroupWrite?: boolean): Promise<void>
  /** Why others could have written what is at `path`: a clause; null: they could not, or nothing is there. */
  whyForeign(path: string): Promise<string | null>
  /** The same for everything on the way to `path`: each folder above, each symbolic link and the folders above that. */
  whyForeignPath(path: string): Promise<string | null>
  /** Why the owners of what is at `path` mean nothing, because of how its file system is mounted: a clause; null: they do. */
  whyForeignMount(path: string): Promise<string | null>
  /** Throws ERR_PERMISSIONS when everybody can rename what is in one of the folders above `path`. */
  checkAbove(path: string): Promise<void>
  /** Who else could rename what is in the folders above `path`: a sentence each. */
  warningsAbove(path: string): Promise<readonly string[]>
  /** Writes a new file with its final mode. Throws ERR_EXISTS when anything is there; never overwrites. */
  create(path: string, content: string | Uint8Array, mode: number): Promise<void>
  /** Writes a file, or puts a new one in its place in one move. */
  replace(path: string, content: string, mode: number): Promise<void>
  /** Writes behind what is in a file, made with that mode when missing; resolves when it is on the disk. */
  append(path: string, text: string, mode: number): Promise<void>
  /**
   * Makes a folder (0700) with files in it, whole or not at all. A file with `from` is a hard link to that one, or a copy of
   * it where there are none.
   */
  createFolder(path: string, entries: readonly FolderEntry[]): Promise<void>
  /** Removes a folder and the files in it; what is cut off on the way is no folder of its name any more. */
  removeFolder(path: string): Promise<void>
  /** Gives a file its name: `to` is free, or holds the same. Throws ERR_EXISTS when it holds anything else. */
  place(from: string, to: string): Promise<void>
  /** Moves a file into the place of another, in one step. */
  move(from: string, to: string): Promise<void>
  /**
   * A further name for the file at `path`, so that a move into its place does not lose it: `path.bak`, or `path.bak.1`
   * and so on behind those that are there. The newest of them is left alone when it holds the same. Resolves to its path.
   */
  keep(path: string): Promise<string>
  /** Removes a file, durably; nothing there is fine. */
  remove(path: string): Promise<void>
  /** The text of a file, or null when there is none. Throws ERR_BAD_FILE when it is larger than `maxBytes`. */
  read(path: string, maxBytes: number): Promise<string | null>
  /** The octets of a file; else as {@link read}. */
  readOctets(path: string, maxBytes: number): Promise<Uint8Array | null>
  /** What is at `path`; null: nothing is there. Follows symbolic links. */
  kindOf(path: string): Promise<FileStatus['kind'] | null>
  /** The path of what is there without symbolic links; null: nothing is there. */
  realPath(path: string): Promise<string | null>
  /** The names in a directory, without those of interrupted writes; null when there is no directory. */
  list(path: string): Promise<readonly string[] | null>
  /** Removes what interrupted writes left in a directory, folders too. Only for the holder of its lock. */
  sweep(path: string): Promise<void>
  /** null: another process holds it, also after so many seconds; 0 when left out. */
  lock(path: string, seconds?: number): Promise<FileLock | null>
  /** Does another process hold it? Nothing is made. */
  isLocked(path: string): Promise<boolean>
  /** What is at `path`, behind symbolic links; null: nothing. */
  status(path: string): Promise<FileStatus | null>
  /**
   * Fills a directory that nobody uses yet, durably. All in it gets the mode that `entries` say, and so does the directory
   * by an entry of path ``; but nobody except the owner may write to a folder.
   */
  writeTree(path: string, entries: readonly ArchiveEntry[]): Promise<void>
  /** Removes a directory with all that is in it, read-only folders too; follows no link. For what fpki itself has put there only. */
  removeTree(path: string): Promise<void>
  /** The names of what interrupted writes left in a directory. */
  unfinished(path: string): Promise<readonly string[]>
}
