import { open } from 'node:fs/promises'
import { FpkiError, systemErrorCode } from '../errors.js'

/**
 * Reads a file named by the user. Throws ERR_BAD_FILE when it cannot be read or is larger than `maxBytes`.
 *
 * @param stdin what `-` stands for; null if `-` is an ordinary file name
 */
export async function readInputFile(path: string, maxBytes: number, stdin: Stdin | null = null): Promise<Buffer> {
  const from = path === '-' ? stdin : null
  const name = from === null ? path : 'stdin'
  try {
    return await readAtMost(from ?? (await open(path)).createReadStream(), maxBytes)
  } catch (error) {
    const code = systemErrorCode(error)
    const reason = code === 'ENOENT' ? 'no such file' : (code ?? `larger than ${maxBytes} bytes`)
    throw new FpkiError('ERR_BAD_FILE', `Cannot read ${name}: ${reason}.`, 'Nothing was changed. Check the path.')
  }
}

/** Standard input. */
export type Stdin = AsyncIterable<Buffer | string>

/** Reads a whole stream. Throws a plain Error when it is longer than `maxBytes`. */
export async function readAtMost(stream: Stdin, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of stream) {
    parts.push(Buffer.from(part))
    size += part.length
    if (size > maxBytes) throw new Error('too long')
  }
  return Buffer.concat(parts)
}
