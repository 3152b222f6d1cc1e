import type { PkiDirectory } from '../directory/pki-directory.js'
import { FpkiError } from '../errors.js'
import { readLine } from './chain.js'
import { auditLogFiles } from './files.js'
import type { LoggedRegister } from './records.js'

/**
 * The newest state of the device register in the audit log of a PKI directory, unchecked; null: no job was logged. Throws
 * ERR_BAD_FILE or ERR_STORAGE when the audit log cannot be read.
 *
 * @param id of which register; null: of whichever was used last
 */
export async function loggedRegister(
  directory: Pick<PkiDirectory, 'files' | 'path'>,
  id: string | null = null,
): Promise<LoggedRegister | null> {
  const text = (await auditLogFiles(directory).read()) ?? ''
  for (let at = text.lastIndexOf('"register":'); at > 0; at = text.lastIndexOf('"register":', at - 1)) {
    const end = text.indexOf('\n', at)
    const line = readLine(text.slice(text.lastIndexOf('\n', at) + 1, end === -1 ? text.length : end))
    if (line?.register !== undefined && (id === null || line.register.id === id)) return line.register
  }
  return null
}

/** As {@link loggedRegister}; null for a damaged audit log, too: other commands report that. */
export async function loggedRegisterIfReadable(
  directory: Pick<PkiDirectory, 'files' | 'path'>,
  id: string | null = null,
): Promise<LoggedRegister | null> {
  try {
    return await loggedRegister(directory, id)
  } catch (error) {
    if (error instanceof FpkiError && error.code === 'ERR_BAD_FILE') return null
    throw error
  }
}
