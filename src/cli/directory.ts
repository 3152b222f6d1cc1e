import { isAbsolute, resolve } from 'node:path'
import { FpkiError } from '../errors.js'
import { shellWord } from '../shell-word.js'
import type { Io } from './output.js'

/** The absolute path of a file or an existing PKI directory. Like fioctl, fpki accepts a relative path for these. */
export function resolved(directory: string, { workingDirectory }: Io): string {
  return isAbsolute(directory) ? resolve(directory) : resolve(workingDirectory() ?? '/', directory)
}

/** The path of a new PKI directory. Throws ERR_USAGE, with the absolute path in the hint, if it is relative. */
export function absolute(directory: string, { workingDirectory }: Io): string {
  if (isAbsolute(directory)) return resolve(directory)
  const base = workingDirectory()
  throw new FpkiError(
    'ERR_USAGE',
    `The PKI directory must be an absolute path, not ${JSON.stringify(directory)}.`,
    `Pass an absolute path${base === null ? '.' : `: ${shellWord(resolve(base, directory))}`}`,
  )
}

/** The absolute path of a file argument. Throws ERR_USAGE if it is empty, or relative to a directory that no longer exists. */
export function filePath(file: string, { workingDirectory }: Io): string {
  const base = isAbsolute(file) ? '/' : workingDirectory()
  if (base !== null && file !== '') return resolve(base, file)
  throw new FpkiError('ERR_USAGE', `Invalid file path: ${JSON.stringify(file)}.`, 'Pass an absolute path.')
}
