import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { type PkiDirectory, pkiDirectory } from './pki-directory.js'

/** The existing PKI directory at `path`. Throws ERR_NOT_A_DIRECTORY. */
export async function requirePkiDirectory(files: DurableFiles, path: string): Promise<PkiDirectory> {
  if ((await files.kindOf(path)) === 'directory') return pkiDirectory(files, path)
  throw new FpkiError('ERR_NOT_A_DIRECTORY', `${path} is not a directory.`, 'Pass the path of a PKI directory.')
}
