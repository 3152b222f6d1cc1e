import { open } from 'node:fs/promises'
import { FpkiError, systemErrorCode } from './errors.js'
import { shellWord } from './shell-word.js'
import { readAtMost, type Stdin } from './storage/input-file.js'

/** More than any PIN, passphrase or token has. */
const MAX_BYTES = 4096

/** A secret from a file, and whether other users can read that file. */
export interface SecretFile {
  /** Without the line ending. Secret. */
  readonly text: string
  readonly isOpenToOthers: boolean
}

/**
 * Checks a PIN, passphrase or token. Every secret passes through here, whether from a file, stdin, the environment, a URI,
 * a flag or a prompt. Removes one trailing line ending (LF or CRLF), which editors, `echo` and mounted secrets add, and
 * refuses anything that a user cannot have typed, before a wrong secret costs an attempt.
 *
 * @param value octets, or text if already decoded. Secret
 * @param what kind of secret, such as `PIN`
 * @param source where it is from, such as `FPKI_HSM_PIN`
 * @throws FpkiError ERR_USAGE, never with a part of the secret
 */
export function secretText(value: Uint8Array | string, what: string, source: string): string {
  const octets = Buffer.from(value)
  const text = octets.toString('utf8').replace(/\r?\n$/, '')
  const problem = problemOf(text, octets)
  if (problem === null) return text
  throw unusable(source, what, ...problem)
}

/**
 * Reads a secret from a file or pipe; `-` is stdin.
 *
 * @param what kind of secret, such as `PIN`
 * @throws FpkiError ERR_USAGE if the file is unreadable, and as {@link secretText}
 */
export async function readSecretFile(path: string, what: string, stdin: Stdin): Promise<SecretFile> {
  const name = path === '-' ? 'stdin' : path
  const { bytes, isOpenToOthers } = await contentOf(path, name, what, stdin)
  return { text: secretText(bytes, what, name), isOpenToOthers }
}

const SAVE_AS_UTF8 =
  'Save it as UTF-8 without a byte order mark; PowerShell 5 needs Set-Content -Encoding ascii for that.'

/** A problem with a secret, and a hint where the remedy is not obvious; null if there is none. */
function problemOf(text: string, octets: Buffer): readonly [problem: string, hint?: string] | null {
  if (text === '') return ['is empty']
  if (isUtf16(octets)) return ['is UTF-16', SAVE_AS_UTF8]
  if (text.startsWith('\ufeff')) return ['begins with a byte order mark', SAVE_AS_UTF8]
  // The decoder replaces every invalid octet by the same character, so different secrets would become equal.
  if (text.includes('\ufffd')) return ['is not UTF-8', SAVE_AS_UTF8]
  if (/[\r\n]/.test(text)) return ['has more than one line']
  return /\p{Cc}/u.test(text) ? ['contains a control character, such as a tab'] : null
}

/** Whether the octets start with a byte order mark or have a NUL in every second octet. */
function isUtf16(octets: Buffer): boolean {
  const [first, second] = octets
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true
  if (octets.length < 2 || octets.length % 2 !== 0) return false
  return [0, 1].some((half) => octets.every((octet, at) => at % 2 !== half || octet === 0))
}

/** Reads asynchronously, so that a signal can interrupt waiting for the writer of a pipe. */
async function contentOf(path: string, name: string, what: string, stdin: Stdin) {
  try {
    if (path === '-') return { bytes: await readAtMost(stdin, MAX_BYTES), isOpenToOthers: false }
    const file = await open(path)
    const status = await file.stat()
    const bytes = await readAtMost(file.createReadStream(), MAX_BYTES)
    return { bytes, isOpenToOthers: status.isFile() && (status.mode & 0o077) !== 0 }
  } catch (error) {
    const code = systemErrorCode(error)
    if (code === null) throw unusable(name, what, `is longer than ${MAX_BYTES} bytes`)
    const hint = `Check that the file exists and is readable: ls -l ${shellWord(name)}`
    throw new FpkiError('ERR_USAGE', `Cannot read the ${what} from ${name} (${code}).`, hint)
  }
}

/** A warning about a secret in `file`. */
export function readableByOthers(what: string, file: string): string {
  return `Other users can read the ${what} in ${file}; make it private: chmod 600 ${shellWord(file)}`
}

function unusable(source: string, what: string, problem: string, hint?: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `Cannot use the ${what} from ${source}: it ${problem}.`,
    hint ?? `Provide only the ${what}, on one line.`,
  )
}
