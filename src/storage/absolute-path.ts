import { isAbsolute } from 'node:path'
import { FpkiError } from '../errors.js'

/** Throws ERR_USAGE when `path` is relative. `what` names it in the error, such as `PKI directory`. */
export function checkAbsolute(path: string, what: string): void {
  if (isAbsolute(path)) return
  throw new FpkiError('ERR_USAGE', `The ${what} is a relative path: ${JSON.stringify(path)}.`, 'Use an absolute path.')
}
