import { basename, dirname, join } from 'node:path'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import type { DurableFiles } from '../../ports.js'
import { shellWord } from '../../shell-word.js'

/** Throws ERR_EXISTS, ERR_NOT_A_DIRECTORY or ERR_PERMISSIONS unless `directory` is new or empty, so that nothing is overwritten. */
export async function requireNewOrEmpty(files: DurableFiles, directory: string): Promise<void> {
  await refuseLink(files, directory)
  if ((await files.kindOf(directory)) === null) return files.checkAbove(directory)
  // Throws the specific error for anything but a directory.
  await files.checkDirectory(directory)
  const names = [...((await files.list(directory)) ?? []), ...(await files.unfinished(directory))]
  if (names.length === 0) return
  // A killed restore leaves either no directory here, or a complete one.
  const hint = names.includes(PKI_FILES.rootCertificate)
    ? `It contains a PKI, complete if a restore put it there: check it with \`fpki ca verify ${shellWord(directory)}\`, or choose another directory.`
    : 'fpki never overwrites files: choose a new or empty directory.'
  throw new FpkiError('ERR_EXISTS', `${directory} is not empty.`, hint)
}

/** The restored directory is renamed into place at the very end, and rename(2) fails on a link. */
async function refuseLink(files: DurableFiles, directory: string): Promise<void> {
  const [parent, name] = [dirname(directory), basename(directory)]
  const real = await files.realPath(directory)
  const isLink =
    real === null
      ? (await files.list(parent))?.includes(name) === true
      : real !== join((await files.realPath(parent)) ?? '', name)
  if (!isLink) return
  const hint =
    real === null
      ? 'Its target does not exist: remove it, or choose another directory.'
      : `Pass its target instead: ${real}`
  throw new FpkiError('ERR_NOT_A_DIRECTORY', `${directory} is a symbolic link.`, hint)
}

/** Where a folder is filled before it is renamed to `name`. */
export function stagingPath(folder: string, name: string): string {
  return join(folder, `.fpki-restore-${name}`)
}
