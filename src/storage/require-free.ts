import { dirname } from 'node:path'
import { FpkiError, type FpkiOption } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { checkAbsolute } from './absolute-path.js'
import { fileExists } from './move-files.js'

/** Throws ERR_EXISTS when `path` exists, ERR_USAGE when it is relative. `what` names it in errors, such as `output file`; `option` is where it is from. */
export async function requireFree(files: DurableFiles, path: string, what: string, option?: FpkiOption): Promise<void> {
  checkAbsolute(path, what, option)
  if ((await files.status(path)) === null) return
  throw fileExists(path)
}

/**
 * Like {@link requireFree}, but also throws ERR_STORAGE when the folder does not exist, before anything is signed.
 */
export async function requireFreeInFolder(
  files: DurableFiles,
  path: string,
  what: string,
  option?: FpkiOption,
): Promise<void> {
  await requireFree(files, path, what, option)
  if ((await files.kindOf(dirname(path))) === 'directory') return
  throw new FpkiError(
    'ERR_STORAGE',
    `Cannot write ${path}: its directory does not exist.`,
    'Create the directory first, or choose another path.',
  )
}
