import { open } from 'node:fs/promises'
import { FpkiError, systemErrorCode } from './errors.js'
import { readAtMost, type Stdin } from './storage/input-file.js'

/** Longer than any PIN or passphrase. */
const MAX_BYTES = 4096

/** A secret that was read from a file, and whether others could read it too. */
export interface SecretFile {
  /** Without the line's end. Secret. */
  readonly text: string
  readonly isOpenToOthers: boolean
}

/**
 * A PIN, passphrase or token as its owner means it: every secret that enters fpki goes through here, whether it is from a
 * file, stdin, the environment, a URI, a flag or a question. One line end (LF or CRLF) at the end is removed, as editors,
 * `echo` and mounted secrets add it; whatever else nobody types is refused, before it is tried anywhere.
 *
 * @param value octets, or text where the system has decoded it. Secret
 * @param what the secret's name, such as `PIN`
 * @param source where it is from, such as `FPKI_HSM_PIN`
 * @throws FpkiError ERR_USAGE, which never contains a part of it
 */
export function secretText(value: Uint8Array | string, what: string, source: string): string {
  const octets = Buffer.from(value)
  const text = octets.toString('utf8').replace(/\r?\n$/, '')
  const problem = problemOf(text, octets)
  if (problem === null) return text
  throw unusable(source, what, ...problem)
}

/**
 * The secret in a file; `-` is stdin. Pipes are fine. Throws as {@link secretText} does, and ERR_USAGE when the file
 * cannot be read.
 *
 * @param what the secret's name, such as `PIN`
 * @param stdin what `-` names
 */
export async function readSecretFile(path: string, what: string, stdin: Stdin): Promise<SecretFile> {
  const name = path === '-' ? 'stdin' : path
  const { bytes, isOpenToOthers } = await contentOf(path, name, what, stdin)
  return { text: secretText(bytes, what, name), isOpenToOthers }
}

const SAVE_AS_UTF8 =
  'Save it as UTF-8 without a byte order mark; PowerShell 5 needs Set-Content -Encoding ascii for that.'

/** What is wrong, and what to do about it where that is not evident; null: nothing. */
function problemOf(text: string, octets: Buffer): readonly [problem: string, hint?: string] | null {
  if (text === '') return ['is empty']
  if (isUtf16(octets)) return ['is UTF-16', SAVE_AS_UTF8]
  if (text.startsWith('\ufeff')) return ['begins with a byte order mark', SAVE_AS_UTF8]
  // One and the same sign takes the place of each octet that is not UTF-8: many secrets would become one.
  if (text.includes('\ufffd')) return ['is not UTF-8', SAVE_AS_UTF8]
  if (/[\r\n]/.test(text)) return ['has more than one line']
  return /\p{Cc}/u.test(text) ? ['contains a control character, such as a tab'] : null
}

/** With a byte order mark, or with a NUL in every second octet. */
function isUtf16(octets: Buffer): boolean {
  const [first, second] = octets
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true
  if (octets.length < 2 || octets.length % 2 !== 0) return false
  return [0, 1].some((half) => octets.every((octet, at) => at % 2 !== half || octet === 0))
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
    const code = systemErrorCode(error)
    if (code === null) throw unusable(name, what, `has more than ${MAX_BYTES} octets`)
    throw unusable(name, what, `cannot be read (${code})`, `Name a file that you can read: ls -l ${name}`)
  }
}

function unusable(source: string, what: string, problem: string, hint?: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `Cannot use the ${what} from ${source}: it ${problem}.`,
    hint ?? `Give the ${what} alone, on one line.`,
  )
}
