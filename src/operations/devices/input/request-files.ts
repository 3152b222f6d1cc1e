import { setImmediate } from 'node:timers/promises'
import { MAX_CSR_BYTES } from '../../../pki/csr.js'
import { shellWord } from '../../../shell-word.js'
import type { InputFiles } from '../../../storage/input-files.js'
import { readError } from './octets.js'
import { csrInput, type InputRow, shown, unreadable } from './row.js'

/** As many rows as are handed over together. */
export const ROWS_AT_ONCE = 256

/** The name of a file with a request, in a folder or an archive. */
export function isRequestName(name: string): boolean {
  return /\.(csr|pem|der)$/i.test(name)
}

/** Whether a file is left out without a word, as `ls` and `*.csr` do. */
export function isHidden(name: string): boolean {
  return name.startsWith('.')
}

/**
 * The files *.csr, *.pem and *.der in a folder, without those in folders below, in the order of their names. A symbolic
 * link, and whatever is not a small regular file, is an unreadable row. Throws ERR_BAD_FILE when there are none.
 *
 * @param note called once when the folder has other files
 */
export async function* folderRequests(
  folder: string,
  files: InputFiles,
  note: (text: string) => void,
  onRead: (fraction: number) => void = () => undefined,
): AsyncGenerator<readonly InputRow[]> {
  const visible = (await orReadError(folder, () => files.names(folder))).filter((name) => !isHidden(name))
  const names = visible.filter(isRequestName)
  if (names.length === 0) throw noRequests(folder, `ls -l ${shellWord(folder)}`)
  noteOthers(visible.length - names.length, folder, note)
  for (let start = 0; start < names.length; start += ROWS_AT_ONCE) {
    const some = names.slice(start, start + ROWS_AT_ONCE)
    const rows = await orReadError(folder, async () => some.map((name) => requestFile(folder, name, files)))
    onRead((start + some.length) / names.length)
    yield rows
    // A signal is delivered here, even if the reader of the rows never waits for anything.
    await setImmediate()
  }
}

function requestFile(folder: string, name: string, files: InputFiles): InputRow {
  const at = shown(name)
  const content = files.read(folder, name, MAX_CSR_BYTES)
  return 'problem' in content ? { at, problem: content.problem } : requestOctets(content, at)
}

/** A row from the content of a file: PEM or DER. */
export function requestOctets(content: Uint8Array, at: string): InputRow {
  const row = csrInput(content, at)
  // It may be a private key.
  if ('problem' in row) content.fill(0)
  return row
}

/** The error for a folder or an archive without requests. */
export function noRequests(what: string, look: string) {
  return unreadable(
    what,
    'it has no file *.csr, *.pem or *.der',
    `Each such file is one request. See what it has: ${look}`,
  )
}

/** Says how many files and folders are left out, if any. */
export function noteOthers(count: number, what: string, note: (text: string) => void): void {
  if (count > 0) note(`Ignoring ${count} other ${count === 1 ? 'file or folder' : 'files or folders'} in ${what}`)
}

async function orReadError<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw readError(error, what)
  }
}
