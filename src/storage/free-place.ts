import { dirname } from 'node:path'
import { FpkiError, type FpkiOption } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { checkAbsolute } from './absolute-path.js'

/** Throws ERR_EXISTS when anything is at `path`, and ERR_USAGE when it is relative; `what` names it: `output file`; `option` is where it is from. */
export async function requireFree(files: DurableFiles, path: string, what: string, option?: FpkiOption): Promise<void> {
  checkAbsolute(path, what, option)
  if ((await files.status(path)) === null) return
  throw new FpkiError('ERR_EXISTS', `${path} exists already.`, 'fpki overwrites nothing; name another file.')
}

/**
 * As {@link requireFree}, for a file in a folder that must be there: what is signed and has no place is signed for nothing.
 * Throws ERR_STORAGE too.
 */
export async function requireFreeInFolder(
  files: DurableFiles,
  path: string,
  what: string,
  option?: FpkiOption,
): Promise<void> {
  await requireFree(files, path, what, option)
  if ((await files.kindOf(dirname(path))) === 'directory') return
  throw new FpkiError('ERR_STORAGE', `${path}: its directory does not exist.`, 'Make that first, or name another path.')
}
