import type { ArchiveEntry } from './archive.js'

/** The ports for files: {@link FileSystem} is the real or a simulated disk, {@link DurableFiles} builds on it. */

/** The result of {@link FileSystem.stat}. */
export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'other'
  /** The permission bits, 0o000 to 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** A symbolic link. */
export interface LinkStatus {
  /** The target as stored in the link. */
  readonly target: string
  readonly uid: number
  readonly gid: number
}

/** The user who runs fpki. */
export interface Person {
  readonly uid: number
  /** The group of which the user is the only member, if any. */
  readonly privateGroup: number | null
}

/** A file opened for writing. */
export interface NewFile {
  write(content: Uint8Array): Promise<void>
  /** fsync, or fdatasync for what was appended. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** A file opened for reading. */
export interface ReadableFile {
  readonly size: number
  /** The octets from `position` on: `length`, or fewer at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Syncs a whole file system. */
export interface FileSystemSync {
  /** syncfs: contents and names that were written before the call are on the disk. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** A kernel lock on a file, released at the latest when its process ends. */
export interface FileLock {
  release(): Promise<void>
}

/**
 * The primitive operations of a file system. `storage/files.ts` builds durable writes from them, and the crash tests stop
 * after each one. Failures are Node's system errors.
 */
export interface FileSystem {
  /** The effective user id. */
  readonly uid: number
  /** The user with the private group. */
  person(): Person
  /** The text of /proc/self/mountinfo; empty when it does not exist. */
  mountinfo(): string
  /** The symbolic link at `path`; null when it does not exist or is not a link. */
  linkAt(path: string): Promise<LinkStatus | null>
  /** Follows symbolic links. null when `path` does not exist. */
  stat(path: string): Promise<FileStatus | null>
  /** The path with all symbolic links resolved. */
  realPath(path: string): Promise<string>
  /** The names in a directory, sorted; null when it does not exist. */
  list(path: string): Promise<readonly string[] | null>
  /** The content of a file; null when it does not exist. Throws `ERR_FS_FILE_TOO_LARGE` above `maxBytes`, and
   * `ERR_FS_NOT_A_FILE` for a pipe or device. */
  read(path: string, maxBytes: number): Promise<Uint8Array | null>
  /** Opens a file for reading piece by piece; otherwise like {@link read}. */
  openToRead(path: string, maxBytes: number): Promise<ReadableFile | null>
  /** chmod. */
  setMode(path: string, mode: number): Promise<void>
  /** Creates one directory with its final mode; false when `path` already exists. */
  makeDirectory(path: string, mode: number): Promise<boolean>
  /** Creates a file with its final mode, open for writing. Throws `EEXIST` when `path` exists. */
  createFile(path: string, mode: number): Promise<NewFile>
  /** Opens a file for appending, or creates it with this mode. Does not follow a symbolic link. */
  openToAppend(path: string, mode: number): Promise<NewFile>
  /** Creates a hard link. Throws `EEXIST` when `newPath` exists. */
  link(existingPath: string, newPath: string): Promise<void>
  rename(oldPath: string, newPath: string): Promise<void>
  /** Removes a name, if it exists. */
  remove(path: string): Promise<void>
  /** Removes an empty directory, if it exists. */
  removeDirectory(path: string): Promise<void>
  /** fsync of a directory. */
  syncDirectory(path: string): Promise<void>
  /**
   * Opens what can sync the whole file system of a directory at once. Everything that was written before is on the disk then.
   * null when this machine cannot do that, or would not report all errors.
   */
  openSync(directory: string): Promise<FileSystemSync | null>
  /** Locks the file at `path`, created with mode 0600 if missing; null when another process holds the lock for `seconds`. */
  lock(path: string, seconds?: number): Promise<FileLock | null>
  /** Whether another process holds the lock. Creates nothing; false when the file is missing or not accessible. */
  isLocked(path: string): Promise<boolean>
}

/** A file of a new folder. */
export type FolderEntry =
  | { readonly name: string; readonly text: string; readonly mode: number }
  | {
      readonly name: string
      /** The file to link. */
      readonly from: string
      readonly mode: number
      /** The content of `from` when it is a symbolic link; absent: linked files are omitted. */
      readonly textBehindLink?: string
    }

/** Atomic and durable file operations. */
export interface DurableFiles {
  /**
   * The same files, whose new, replaced and removed names are synced together by {@link flush}, each directory once: for
   * whoever makes several files and tells nobody before all of them are on the disk. Contents are synced at once.
   */
  deferring(): DurableFiles
  /** Resolves when all names are on the disk; only those of {@link deferring} ever wait for it. */
  flush(): Promise<void>
  /**
   * Makes the names in a folder durable, or counts them among those that wait for {@link flush}: an earlier process may have
   * been killed, or its sync may have failed, before they were.
   */
  syncAgain(folder: string): Promise<void>
  /** Creates a directory and its missing parents with mode 0700. Does not change an existing one. */
  makeDirectory(path: string): Promise<void>
  /** Throws ERR_PERMISSIONS when other users could change the content of the directory. */
  checkDirectory(path: string): Promise<void>
  /** Also throws ERR_NOT_A_DIRECTORY when it is a symbolic link. */
  checkOwnDirectory(path: string): Promise<void>
  /** Throws ERR_PERMISSIONS when users other than this one and root could have written the file, if it exists. */
  checkOwnFile(path: string, mayGroupWrite?: boolean): Promise<void>
  /** Why other users could have written the file, as a clause; null when they could not, or it does not exist. */
  whyForeign(path: string): Promise<string | null>
  /** The same for all components of `path`: each folder above, each symbolic link and the folders above that. */
  whyForeignPath(path: string): Promise<string | null>
  /** Why file owners at `path` are not trustworthy because of its mount, as a clause; null when they are. */
  whyForeignMount(path: string): Promise<string | null>
  /** Throws ERR_PERMISSIONS when everybody can rename files in a folder above `path`. */
  checkAbove(path: string): Promise<void>
  /** Other users who could rename files in the folders above `path`, one sentence each. */
  warningsAbove(path: string): Promise<readonly string[]>
  /**
   * Creates a file with its final mode, which has no name before its content is complete. Throws ERR_EXISTS when `path`
   * exists, and never overwrites; and what `content` throws.
   */
  create(path: string, content: string | Uint8Array | AsyncIterable<Uint8Array>, mode: number): Promise<void>
  /** Creates or atomically replaces a file. */
  replace(path: string, content: string, mode: number): Promise<void>
  /** Appends to a file, created with this mode if missing, and syncs both. An empty text only creates the file. */
  append(path: string, text: string, mode: number): Promise<void>
  /**
   * Atomically creates a folder (0700) with files. A file with `from` is a hard link, or a copy where links are not possible.
   */
  createFolder(path: string, entries: readonly FolderEntry[]): Promise<void>
  /** Removes a folder and its files. If interrupted, the folder no longer has its name. */
  removeFolder(path: string): Promise<void>
  /** Moves a file to a new name. Throws ERR_EXISTS when `to` exists with different content. */
  place(from: string, to: string): Promise<void>
  /** Atomically replaces a file with another. */
  move(from: string, to: string): Promise<void>
  /**
   * Links the file to a backup name before it is replaced: `path.bak`, or the next free `path.bak.N`, unless the newest
   * backup has the same content. Resolves to the path of the backup.
   */
  keep(path: string): Promise<string>
  /** Durably removes a file, if it exists. */
  remove(path: string): Promise<void>
  /** The text of a file; null when it does not exist. Throws ERR_BAD_FILE when it is larger than `maxBytes`. */
  read(path: string, maxBytes: number): Promise<string | null>
  /** The octets of a file; otherwise like {@link read}. */
  readOctets(path: string, maxBytes: number): Promise<Uint8Array | null>
  /** Opens a file for reading piece by piece; otherwise like {@link read}. */
  openToRead(path: string, maxBytes: number): Promise<ReadableFile | null>
  /** The kind of file; null when it does not exist. Follows symbolic links. */
  kindOf(path: string): Promise<FileStatus['kind'] | null>
  /** The path with all symbolic links resolved; null when it does not exist. */
  realPath(path: string): Promise<string | null>
  /** The names in a directory, without leftovers of interrupted writes; null when it does not exist. */
  list(path: string): Promise<readonly string[] | null>
  /** Removes leftovers of interrupted writes, including folders. Only for the holder of the lock. */
  sweep(path: string): Promise<void>
  /** null when another process holds the lock for `seconds` (default 0). */
  lock(path: string, seconds?: number): Promise<FileLock | null>
  /** Whether another process holds the lock. Creates nothing. */
  isLocked(path: string): Promise<boolean>
  /** The status of a file; null when it does not exist. Follows symbolic links. */
  status(path: string): Promise<FileStatus | null>
  /**
   * Durably fills a directory that nobody uses yet, with the modes of `entries` (path `` for the directory itself). Folders
   * are never writable by others.
   */
  writeTree(path: string, entries: readonly ArchiveEntry[]): Promise<void>
  /** Removes a directory recursively, including read-only folders, without following links. Only for files of fpki. */
  removeTree(path: string): Promise<void>
  /** The leftovers of interrupted writes in a directory. */
  unfinished(path: string): Promise<readonly string[]>
}
