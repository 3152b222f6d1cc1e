import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { FpkiError, systemErrorCode } from './errors.js'

/** Longer than any PIN or passphrase. */
const MAX_BYTES = 4096

/** A secret that was read from a file, and whether others could read it too. */
export interface SecretFile {
  /** Without the line's end. Secret. */
  readonly text: string
  readonly isOpenToOthers: boolean
}

/**
 * The one line of a file that holds a secret; `-` is stdin. Pipes are fine. Throws ERR_USAGE when it cannot be read, is
 * empty, or has more than one line; no message holds a part of it.
 *
 * @param what the secret's name, such as `PIN`
 */
export function readSecretFile(path: string, what: string): SecretFile {
  const name = path === '-' ? 'stdin' : path
  const { bytes, isOpenToOthers } = contentOf(path, name, what)
  const text = bytes.toString('utf8').replace(/\r?\n$/, '')
  const problem = text === '' ? 'is empty' : /[\r\n\0]/.test(text) ? 'has more than one line' : null
  if (problem !== null) throw unreadable(name, what, problem)
  return { text, isOpenToOthers }
}

function contentOf(path: string, name: string, what: string) {
  try {
    const fd = path === '-' ? 0 : openSync(path, 'r')
    try {
      const status = fstatSync(fd)
      return { bytes: readAll(fd), isOpenToOthers: status.isFile() && path !== '-' && (status.mode & 0o077) !== 0 }
    } finally {
      if (path !== '-') closeSync(fd)
    }
  } catch (error) {
    throw unreadable(name, what, `cannot be read (${systemErrorCode(error) ?? 'too long'})`)
  }
}

function readAll(fd: number): Buffer {
  const content = Buffer.alloc(MAX_BYTES + 1)
  let size = 0
  for (;;) {
    const count = readSync(fd, content, size, content.length - size, null)
    if (count === 0) return content.subarray(0, size)
    size += count
    if (size > MAX_BYTES) throw new Error('too long')
  }
}

function unreadable(name: string, what: string, problem: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `The ${what} cannot be taken from ${name}: it ${problem}.`,
    `Put the ${what} alone on its first line.`,
  )
}
