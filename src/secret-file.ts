import { open } from 'node:fs/promises'
import { FpkiError, systemErrorCode } from './errors.js'
import { readAtMost, type Stdin } from './input-file.js'

/** Longer than any PIN or passphrase. */
const MAX_BYTES = 4096

/** A secret that was read from a file, and whether others could read it too. */
export interface SecretFile {
  /** Without the line's end. Secret. */
  readonly text: string
  readonly isOpenToOthers: boolean
}

/**
 * The one line of a file that holds a secret, in UTF-8; `-` is stdin. Pipes are fine. Throws ERR_USAGE when it cannot be
 * read, is empty or no UTF-8, or has more than one line; no message holds a part of it.
 *
 * @param what the secret's name, such as `PIN`
 * @param stdin what `-` names
 */
export async function readSecretFile(path: string, what: string, stdin: Stdin): Promise<SecretFile> {
  const name = path === '-' ? 'stdin' : path
  const { bytes, isOpenToOthers } = await contentOf(path, name, what, stdin)
  // Windows begins a file with a byte order mark, which nobody types.
  const text = bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .replace(/\r?\n$/, '')
  const problem = problemOf(text)
  if (problem !== null) throw unreadable(name, what, problem)
  return { text, isOpenToOthers }
}

/** Node puts one and the same sign in the place of each octet that is no UTF-8: many secrets would become one. */
function problemOf(text: string): string | null {
  if (text === '') return 'is empty'
  if (/[\r\n\0]/.test(text)) return 'has more than one line'
  return text.includes('\ufffd') ? 'is not UTF-8' : null
}

/** Read without blocking the process, which must hear signals while somebody looks for the other end of a pipe. */
async function contentOf(path: string, name: string, what: string, stdin: Stdin) {
  try {
    if (path === '-') return { bytes: await readAtMost(stdin, MAX_BYTES), isOpenToOthers: false }
    const file = await open(path)
    const status = await file.stat()
    const bytes = await readAtMost(file.createReadStream(), MAX_BYTES)
    return { bytes, isOpenToOthers: status.isFile() && (status.mode & 0o077) !== 0 }
  } catch (error) {
    throw unreadable(name, what, `cannot be read (${systemErrorCode(error) ?? 'too long'})`)
  }
}

function unreadable(name: string, what: string, problem: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `The ${what} cannot be taken from ${name}: it ${problem}.`,
    `Put the ${what} alone on its first line.`,
  )
}
