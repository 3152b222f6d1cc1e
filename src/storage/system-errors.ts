import { FpkiError, systemErrorCode } from '../errors.js'

/** Explanations of system errors: [problem, hint]. */
const SYSTEM_ERRORS: Readonly<Record<string, readonly [string, string]>> = {
  ENOSPC: ['no space left on device', 'Free some space and run the same command again; it continues where it stopped.'],
  EDQUOT: ['disk quota exceeded', 'Free some space and run the same command again.'],
  ENOENT: ['no such file or directory', 'Create the directory first, or use another path.'],
  EACCES: ['permission denied', 'Run fpki as the owner of that directory, or use another one.'],
  EPERM: ['operation not permitted', 'Use a file system with Unix permissions and hard links, such as ext4.'],
  EOPNOTSUPP: ['operation not supported', 'Use a file system with Unix permissions and hard links, such as ext4.'],
  EROFS: ['read-only file system', 'Mount it for writing, or use another directory.'],
  EIO: ['input/output error', 'Check the disk (dmesg) before you continue. Existing files were not changed.'],
  ENXIO: ['not a regular file', 'Move it away and run the same command again.'],
  ENOTDIR: ['a component of the path is not a directory', 'Use a directory, or a path that does not exist yet.'],
  EISDIR: [
    'is a directory',
    'Use a file. If it is in the place of a file of fpki, move it away and run the command again.',
  ],
  ELOOP: ['symbolic links are not allowed here, or form a loop', 'Use a file there, or the real path.'],
  ENAMETOOLONG: ['file name too long', 'Choose a shorter name.'],
  EFBIG: ['file too large', 'Raise the limit (ulimit -f) and run the command again.'],
  ENOTEMPTY: ['directory not empty', 'Use a directory that is new or empty.'],
  EBUSY: ['it is a mount point', 'Use a directory below it, or another one.'],
  EXDEV: ['it is on another file system', 'Use a directory below it, or another one.'],
  EMFILE: ['too many open files', 'Raise the limit (ulimit -n) and run the same command again.'],
}

/** The reasons for which {@link FileSystem.read} refuses a file. */
const REFUSED_FILES: Readonly<Record<string, string>> = {
  ERR_FS_FILE_TOO_LARGE: 'too large for a file of its kind',
  ERR_FS_NOT_A_FILE: 'not a regular file',
}

/** Runs `work` and converts system errors to ERR_STORAGE or ERR_BAD_FILE, with the path. */
export async function explainSystemErrors<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = systemErrorCode(error)
    if (error instanceof FpkiError || code === null) throw error
    const problem = REFUSED_FILES[code]
    if (problem !== undefined)
      throw new FpkiError('ERR_BAD_FILE', `${path} is ${problem}.`, 'Check the path.', { cause: error })
    const [reason, hint] = SYSTEM_ERRORS[code] ?? ['system error', 'Fix the problem and run the command again.']
    throw new FpkiError('ERR_STORAGE', `${path}: ${reason} (${code}).`, hint, { cause: error })
  }
}
