import { isAbsolute } from 'node:path'
import { FpkiError, type FpkiOption } from '../errors.js'

/** Throws ERR_USAGE when `path` is relative. `what` names it in the error, such as `PKI directory`; `option` is the option that it is from. */
export function checkAbsolute(path: string, what: string, option?: FpkiOption): void {
  if (isAbsolute(path)) return
  const text = `The ${what} is a relative path: ${JSON.stringify(path)}.`
  throw new FpkiError('ERR_USAGE', text, 'Use an absolute path.', option === undefined ? {} : { option })
}
