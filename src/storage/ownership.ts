import { FpkiError } from '../errors.js'
import type { DurableFiles, FileSystem } from '../ports.js'
import { isLink } from './folders.js'
import { whyForeignMount } from './mounts.js'
import { explainSystemErrors } from './system-errors.js'
import { octal, openFolderAbove, resolvePath, warningsAbove, whyForeign, whyForeignPath } from './trust.js'

type Ownership = Pick<
  DurableFiles,
  'checkOwnFile' | 'whyForeign' | 'whyForeignPath' | 'whyForeignMount' | 'checkAbove' | 'warningsAbove'
>

/** The part of {@link DurableFiles} that asks whose files are. */
export function ownership(fs: FileSystem): Ownership {
  const reasonAt = async (path: string, mayGroupWrite = false) => {
    const status = await fs.stat(path)
    return status === null ? null : whyForeign({ path, ...status }, fs.person(), mayGroupWrite)
  }
  return {
    checkOwnFile: (path, mayGroupWrite) =>
      explainSystemErrors(path, async () => {
        const reason = await reasonAt(path, mayGroupWrite)
        if (reason !== null) throw foreignFile(path, reason)
      }),
    whyForeign: (path) => explainSystemErrors(path, () => reasonAt(path)),
    whyForeignPath: (path) =>
      explainSystemErrors(path, async () => whyForeignPath(await resolvePath(fs, path), fs.person())),
    whyForeignMount: (path) =>
      explainSystemErrors(path, async () => whyForeignMount(await resolvePath(fs, path), fs.mountinfo())),
    checkAbove: (path) => explainSystemErrors(path, () => checkAbove(fs, path)),
    warningsAbove: (path) =>
      explainSystemErrors(path, async () => warningsAbove(await resolvePath(fs, path), fs.person())),
  }
}

/** See {@link DurableFiles.checkDirectory}. */
export async function checkDirectory(fs: FileSystem, path: string): Promise<void> {
  const status = await fs.stat(path)
  if (status?.kind !== 'directory') {
    throw new FpkiError(
      'ERR_NOT_A_DIRECTORY',
      `${path} is not a directory.`,
      'Name a directory, or a path that is free.',
    )
  }
  if (status.uid !== fs.uid || (status.mode & 0o022) !== 0) {
    const owner = status.uid === fs.uid ? '' : `, owner ${status.uid}`
    throw new FpkiError(
      'ERR_PERMISSIONS',
      `Others can write to ${path} (mode ${octal(status.mode)}${owner}).`,
      `If it is yours, run: chown "$(id -u)" ${path} && chmod go-w ${path}; or name another directory.`,
    )
  }
  await checkAbove(fs, path)
}

/** What is in a folder of fpki's own is cleared away, so that it must not be a link to other people's files. */
export async function checkOwnDirectory(fs: FileSystem, path: string): Promise<void> {
  await checkDirectory(fs, path)
  if (!(await isLink(fs, path))) return
  throw new FpkiError(
    'ERR_NOT_A_DIRECTORY',
    `${path} is a symbolic link, and fpki keeps a folder of its own there.`,
    'Nothing was changed. Remove the link, or put the folder back.',
  )
}

/** Whoever can rename one of the folders above can put another in the place of ours. */
async function checkAbove(fs: FileSystem, path: string): Promise<void> {
  const open = openFolderAbove(await resolvePath(fs, path))
  if (open === undefined) return
  throw new FpkiError(
    'ERR_PERMISSIONS',
    `Everybody can rename what is in ${open.path} (mode ${octal(open.mode)}).`,
    `Close it (chmod o-w ${open.path}), or name a directory elsewhere.`,
  )
}

function foreignFile(path: string, reason: string): FpkiError {
  return new FpkiError(
    'ERR_PERMISSIONS',
    `Refusing to use ${path}: ${reason}.`,
    `Nothing was changed. Check what is in it; if it is yours, run: chown "$(id -u)" ${path} && chmod go-w ${path}`,
  )
}
