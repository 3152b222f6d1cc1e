import { dirname, join } from 'node:path'
import { OWN_FOLDER } from '../directory/names.js'
import { FpkiError, type FpkiOption } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { isInDirectory, realPathOf } from './inside-directory.js'

/** A file or folder that does not belong in a PKI directory. */
export interface OutsideFile {
  readonly path: string
  /** Names it in errors: `a report`. */
  readonly what: string
  /** Where the path is from. */
  readonly option?: FpkiOption
  /** The PKI directories that the command reads, absolute. */
  readonly directories: readonly string[]
}

/**
 * Refuses to write into a PKI directory, also by way of symbolic links: a file there could take the name of a certificate, a
 * key or a record that does not exist yet.
 *
 * @throws FpkiError ERR_USAGE
 */
export async function requireOutsidePki(
  { path, what, option, directories }: OutsideFile,
  files: Pick<DurableFiles, 'realPath' | 'kindOf'>,
): Promise<void> {
  const inside = (await firstOver(path, directories, files)) ?? (await pkiDirectoryOver(path, files))
  if (inside === null) return
  throw new FpkiError(
    'ERR_USAGE',
    `Refusing to write ${what} to ${path}: it is in the PKI directory ${inside}.`,
    'Choose a path elsewhere.',
    option === undefined ? {} : { option },
  )
}

async function firstOver(
  path: string,
  directories: readonly string[],
  files: Pick<DurableFiles, 'realPath'>,
): Promise<string | null> {
  for (const directory of directories) if (await isInDirectory(path, directory, files)) return directory
  return null
}

/** Any other PKI directory or kit that has fpki's own folder; null: none. */
async function pkiDirectoryOver(
  path: string,
  files: Pick<DurableFiles, 'realPath' | 'kindOf'>,
): Promise<string | null> {
  for (let at = dirname(await realPathOf(path, files)); ; at = dirname(at)) {
    if ((await files.kindOf(join(at, OWN_FOLDER)).catch(() => null)) === 'directory') return at
    if (dirname(at) === at) return null
  }
}
