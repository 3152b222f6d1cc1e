import { checkAbsolute } from '../absolute-path.js'
import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'

/** Throws ERR_EXISTS when anything is at `path`, and ERR_USAGE when it is relative; `what` names it: `file of --out`. */
export async function requireFree(files: DurableFiles, path: string, what: string): Promise<void> {
  checkAbsolute(path, what)
  if ((await files.status(path)) === null) return
  throw new FpkiError('ERR_EXISTS', `${path} exists already.`, 'fpki overwrites nothing; name another file.')
}
