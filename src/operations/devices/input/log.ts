import { FpkiError } from '../../../errors.js'
import type { Stdin } from '../../../storage/input-file.js'
import type { InputFiles } from '../../../storage/input-files.js'
import { HEAD_BYTES, isGzip } from './detect.js'
import { gunzipped, type OctetSource, octetSource } from './octets.js'

/** What {@link openLog} needs. */
export interface LogPorts {
  readonly inputFiles: Pick<InputFiles, 'octets'>
  readonly stdin: Stdin
  readonly isStdinTerminal: boolean
  /** Stops reading, with its reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens a log, which may be compressed with gzip.
 *
 * @param path null: stdin
 * @throws FpkiError ERR_USAGE when stdin is a terminal; ERR_BAD_FILE when it cannot be read
 */
export async function openLog(
  path: string | null,
  { inputFiles, stdin, isStdinTerminal, signal }: LogPorts,
): Promise<{ readonly octets: OctetSource; readonly what: string }> {
  if (path === null && isStdinTerminal) {
    const hint = 'Name a file, or pipe the log in, such as with < access.log'
    throw new FpkiError('ERR_USAGE', 'No log on stdin: it is a terminal.', hint, { option: 'from' })
  }
  const what = path ?? 'stdin'
  const octets = octetSource(path === null ? stdin : inputFiles.octets(path), what, signal)
  return { octets: isGzip(await octets.peek(HEAD_BYTES)) ? gunzipped(octets, what, signal) : octets, what }
}
