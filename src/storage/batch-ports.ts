/** The ports for outputs of many devices. */

/** A file of a {@link FileBatch}. */
export interface BatchFile {
  readonly name: string
  readonly content: string | Uint8Array
  readonly mode: number
}

/** A file of an existing folder in the directory of the batch. */
export interface FolderFile extends BatchFile {
  /** `.` is the directory itself. */
  readonly folder: string
}

/** A folder, and files for it. */
export interface NewFolder {
  /** Its name in the directory of the batch. */
  readonly name: string
  readonly files: readonly BatchFile[]
}

/**
 * Many folders in one directory, written together: all contents are on the disk before any of it gets its final name, because
 * one sync after the other would take as long as all of them. What is written is on the disk, with its names, when the promise
 * resolves. Several processes may write to one directory, and several calls may run at once for different folders.
 */
export interface FileBatch {
  /**
   * Creates folders (0700), each complete or not at all. Resolves to the names that exist already and were left alone.
   *
   * @param existing what to do with an earlier folder of that name: leave it alone, or rename it to `name.bak`, or the next
   *   free `name.bak.N`
   */
  createFolders(folders: readonly NewFolder[], existing: 'leave' | 'keep'): Promise<ReadonlySet<string>>
  /**
   * Writes the missing files of existing folders. The file named `last` marks a folder as complete: it appears whole, when all
   * others are on the disk. Only for folders without it.
   */
  completeFolders(folders: readonly NewFolder[], last: string): Promise<void>
  /** Creates or atomically replaces files of existing folders. */
  putFiles(files: readonly FolderFile[]): Promise<void>
  /** The names in a folder; null when it does not exist. */
  list(folder: string): Promise<readonly string[] | null>
  /** The octets of a file; null when it does not exist. */
  read(folder: string, file: string, maxBytes: number): Promise<Uint8Array | null>
  /** Removes what is not complete. */
  close(): Promise<void>
}

/** A file that is written piece by piece and has no name before it is complete. */
export interface StreamedFile {
  write(content: Uint8Array): Promise<void>
  /** Syncs it and gives it its name. Throws ERR_EXISTS when that exists and is neither to be kept nor replaced. */
  finish(): Promise<void>
  /** Removes it. */
  stop(): Promise<void>
}

/** Outputs of many devices: folders in a directory, or one long file. */
export interface BatchFiles {
  /** For folders in `directory`, which exists. Removes what a killed process left there. */
  openFolders(directory: string): Promise<FileBatch>
  /**
   * For a file at `path`, whose directory exists. Removes what a killed process left there.
   *
   * @param existing what to do with an earlier file of that name: refuse, keep it as `path.bak`, or atomically replace it
   * @throws FpkiError ERR_EXISTS
   */
  openFile(path: string, mode: number, existing: 'refuse' | 'keep' | 'replace'): Promise<StreamedFile>
}
