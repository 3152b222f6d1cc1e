import { open } from 'node:fs/promises'
import { FpkiError, systemErrorCode } from '../errors.js'

/**
 * The content of a file that a person names, whatever it is. Throws ERR_BAD_FILE when it cannot be read or is larger than
 * `maxBytes`.
 *
 * @param stdin what `-` names; null where it is a file like any other
 */
export async function readInputFile(path: string, maxBytes: number, stdin: Stdin | null = null): Promise<Buffer> {
  const from = path === '-' ? stdin : null
  const name = from === null ? path : 'stdin'
  try {
    return await readAtMost(from ?? (await open(path)).createReadStream(), maxBytes)
  } catch (error) {
    const code = systemErrorCode(error)
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? `larger than ${maxBytes} bytes`})`
    throw new FpkiError('ERR_BAD_FILE', `${name} ${reason}.`, 'Name the right file; nothing was changed.')
  }
}

/** What a person, or another program, writes to this one. */
export type Stdin = AsyncIterable<Buffer | string>

/** All of a stream. Throws a plain Error when it is longer than `maxBytes`. */
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
