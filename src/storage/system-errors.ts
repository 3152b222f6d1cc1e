import { FpkiError, systemErrorCode } from '../errors.js'

/** What a system error means for the person who runs fpki: [what is wrong, what to do]. */
const SYSTEM_ERRORS: Readonly<Record<string, readonly [string, string]>> = {
  ENOSPC: ['the disk is full', 'Free some space and run the same command again; it goes on where it stopped.'],
  EDQUOT: ['your disk quota is used up', 'Free some space and run the same command again.'],
  ENOENT: ['its directory does not exist', 'Make that first, or name another path.'],
  EACCES: ['you have no permission', 'Run fpki as the owner of that directory, or name another one.'],
  EPERM: ['the file system does not allow it', 'Use a file system with Unix permissions and hard links, such as ext4.'],
  EOPNOTSUPP: ['the file system cannot do it', 'Use one with Unix permissions and hard links, such as ext4.'],
  EROFS: ['the file system is read-only', 'Mount it for writing, or name another directory.'],
  EIO: ['the disk reports an error', 'Check the disk (dmesg) before you go on; nothing that exists was changed.'],
  ENXIO: ['it is not a regular file', 'Move it away and run the same command again.'],
  ENOTDIR: ['a part of this path is a file', 'Name a directory, or a path that is free.'],
  EISDIR: [
    'it is a directory',
    'Name a file; where a file of fpki is to be, move the directory away and run it again.',
  ],
  ELOOP: [
    'it is a symbolic link where none may be, or links go in a circle',
    'Put a file there, or name the real path.',
  ],
  ENAMETOOLONG: ['the name is too long', 'Choose a shorter name.'],
  EFBIG: ['the file would be larger than the system allows', 'Raise the limit (ulimit -f) and run the command again.'],
  ENOTEMPTY: ['it is not empty', 'Name a directory that is new or empty.'],
  EBUSY: ['something is mounted there', 'Name a directory in it, or another one.'],
  EXDEV: ['it is on another file system', 'Name a directory in it, or another one.'],
  EMFILE: ['too many files are open', 'Raise the limit (ulimit -n) and run the same command again.'],
}

/** What {@link FileSystem.read} refuses. */
const REFUSED_FILES: Readonly<Record<string, string>> = {
  ERR_FS_FILE_TOO_LARGE: 'larger than any file of its kind',
  ERR_FS_NOT_A_FILE: 'not a regular file',
}

/** Runs `work` and puts a system error into words that name the path. Throws ERR_STORAGE or ERR_BAD_FILE in its place. */
export async function explainSystemErrors<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = systemErrorCode(error)
    if (error instanceof FpkiError || code === null) throw error
    const is = REFUSED_FILES[code]
    if (is !== undefined)
      throw new FpkiError('ERR_BAD_FILE', `${path} is ${is}.`, 'Look at what it is.', { cause: error })
    const [reason, hint] = SYSTEM_ERRORS[code] ?? [`the system says ${code}`, 'Mend that and run the command again.']
    throw new FpkiError('ERR_STORAGE', `${path}: ${reason} (${code}).`, hint, { cause: error })
  }
}
