import { FpkiError } from '../errors.js'
import type { DurableFiles, FileSystem } from '../ports.js'
import { shellWord } from '../shell-word.js'
import { isLink } from './folders.js'
import { whyForeignMount } from './mounts.js'
import { explainSystemErrors } from './system-errors.js'
import { octal, openFolderAbove, resolvePath, warningsAbove, whyForeign, whyForeignPath } from './trust.js'

type Ownership = Pick<
  DurableFiles,
  'checkOwnFile' | 'whyForeign' | 'whyForeignPath' | 'whyForeignMount' | 'checkAbove' | 'warningsAbove'
>

/** The part of {@link DurableFiles} that checks file ownership. */
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
      'Use a directory, or a path that does not exist yet.',
    )
  }
  if (status.uid !== fs.uid || (status.mode & 0o022) !== 0) {
    const owner = status.uid === fs.uid ? '' : `, owner ${status.uid}`
    throw new FpkiError(
      'ERR_PERMISSIONS',
      `Others can write to ${path} (mode ${octal(status.mode)}${owner}).`,
      `If it is yours, run: chown "$(id -u)" ${shellWord(path)} && chmod go-w ${shellWord(path)}; otherwise use another directory.`,
    )
  }
  await checkAbove(fs, path)
}

/** fpki deletes files in its own folders, so they must not be links to other folders. */
export async function checkOwnDirectory(fs: FileSystem, path: string): Promise<void> {
  await checkDirectory(fs, path)
  if (!(await isLink(fs, path))) return
  throw new FpkiError(
    'ERR_NOT_A_DIRECTORY',
    `${path} is a symbolic link, but must be a folder of fpki.`,
    'Nothing was changed. Remove the link, or restore the folder.',
  )
}

/** Anyone who can rename a folder above could replace ours. */
async function checkAbove(fs: FileSystem, path: string): Promise<void> {
  const open = openFolderAbove(await resolvePath(fs, path))
  if (open === undefined) return
  throw new FpkiError(
    'ERR_PERMISSIONS',
    `Everybody can rename files in ${open.path} (mode ${octal(open.mode)}).`,
    `Run: chmod o-w ${shellWord(open.path)}; or use a directory elsewhere.`,
  )
}

function foreignFile(path: string, reason: string): FpkiError {
  return new FpkiError(
    'ERR_PERMISSIONS',
    `Refusing to use ${path}: ${reason}.`,
    `Nothing was changed. Check its content. If it is yours, run: chown "$(id -u)" ${shellWord(path)} && chmod go-w ${shellWord(path)}`,
  )
}
