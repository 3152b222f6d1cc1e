import { FpkiError } from '../../errors.js'
import type { DurableFiles } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { requireFreeInFolder } from '../../storage/require-free.js'
import { requireOutsidePki } from '../outside-pki.js'
import { CALENDAR_HEADER } from './calendar.js'

/** The size limit for a calendar that is replaced. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * Writes a calendar to a new file, or in place of a calendar that fpki wrote.
 *
 * @throws FpkiError ERR_USAGE for a file in a PKI directory; ERR_EXISTS for any other file; ERR_STORAGE, also when its directory does not exist
 */
export async function writeCalendar(
  { text, out, directories }: { readonly text: string; readonly out: string; readonly directories: readonly string[] },
  files: DurableFiles,
): Promise<void> {
  await requireOutsidePki({ path: out, what: 'a calendar', directories }, files)
  const path = (await files.realPath(out)) ?? out
  const status = await files.status(path)
  if (status === null) {
    await requireFreeInFolder(files, path, 'calendar')
    return files.create(path, text, 0o644)
  }
  const existing = status.kind === 'file' ? await files.read(path, MAX_BYTES) : null
  if (existing === null || !existing.startsWith(CALENDAR_HEADER)) throw notOurs(out)
  await files.replace(path, text, status.mode & 0o777)
}

function notOurs(out: string): FpkiError {
  const text = `Refusing to overwrite ${out}: it is not a calendar that fpki wrote.`
  return new FpkiError('ERR_EXISTS', text, `Choose another file, or look at it: ls -l ${shellWord(out)}`)
}
