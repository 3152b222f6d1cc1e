import { isAbsolute, resolve } from 'node:path'
import { FpkiError } from '../errors.js'
import type { Io } from './output.js'

/** The absolute path of a file, or of the PKI directory of a command that is given one that is there; fioctl takes a relative path for it. */
export function resolved(directory: string, { workingDirectory }: Io): string {
  return isAbsolute(directory) ? resolve(directory) : resolve(workingDirectory() ?? '/', directory)
}

/** The PKI directory of a command that must be given an absolute path. Throws ERR_USAGE, with the absolute form, when it is relative. */
export function absolute(directory: string, { workingDirectory }: Io): string {
  if (isAbsolute(directory)) return resolve(directory)
  const base = workingDirectory()
  throw new FpkiError(
    'ERR_USAGE',
    `The PKI directory is a relative path: ${JSON.stringify(directory)}.`,
    `Give it as an absolute path${base === null ? '.' : `: ${resolve(base, directory)}`}`,
  )
}

/** A file of the command line, absolute. Throws ERR_USAGE when it is relative to a directory that is gone. */
export function filePath(file: string, { workingDirectory }: Io): string {
  const base = isAbsolute(file) ? '/' : workingDirectory()
  if (base !== null && file !== '') return resolve(base, file)
  throw new FpkiError('ERR_USAGE', `${JSON.stringify(file)} cannot be a file's path.`, 'Give an absolute path.')
}
