import { open } from 'node:fs/promises'
import { stdin } from 'node:process'
import { FpkiError, systemErrorCode } from './errors.js'

/**
 * The content of a file that a person names, whatever it is; `-` is stdin. Throws ERR_BAD_FILE when it cannot be read or
 * is larger than `maxBytes`.
 */
export async function readInputFile(path: string, maxBytes: number): Promise<Buffer> {
  const name = path === '-' ? 'stdin' : path
  try {
    return await readAtMost(path === '-' ? stdin : (await open(path)).createReadStream(), maxBytes)
  } catch (error) {
    const code = systemErrorCode(error)
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? `larger than ${maxBytes} bytes`})`
    throw new FpkiError('ERR_BAD_FILE', `${name} ${reason}.`, 'Name the right file; nothing was changed.')
  }
}

/** All of a stream. Throws a plain Error when it is longer than `maxBytes`. */
export async function readAtMost(stream: AsyncIterable<Buffer | string>, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of stream) {
    parts.push(Buffer.from(part))
    size += part.length
    if (size > maxBytes) throw new Error('too long')
  }
  return Buffer.concat(parts)
}
