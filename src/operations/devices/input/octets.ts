import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { FpkiError, systemErrorCode } from '../../../errors.js'
import { shellWord } from '../../../shell-word.js'
import type { Stdin } from '../../../storage/input-file.js'

/** An octet stream whose beginning can be examined before it is read. It is read once. */
export interface OctetSource extends AsyncIterable<Buffer> {
  /** The first octets: at least `size`, unless the stream is shorter. */
  peek(size: number): Promise<Buffer>
  /** Closes what is underneath. Reading to the end, an error, and a reader that stops do it too. */
  close(): Promise<void>
}

/**
 * Errors of the system become ERR_BAD_FILE.
 *
 * @param signal stops a read that waits, such as for the writer of a pipe, with its reason
 */
export function octetSource(
  stream: Stdin | AsyncIterable<Uint8Array>,
  what: string,
  signal: AbortSignal | undefined,
): OctetSource {
  const iterator: AsyncIterator<Uint8Array | string> = stream[Symbol.asyncIterator]()
  let head: Buffer = Buffer.alloc(0)
  const next = async (): Promise<Buffer | null> => {
    try {
      const { done, value } = await unlessAborted(() => iterator.next(), signal)
      return done === true ? null : asBuffer(value)
    } catch (error) {
      throw signal?.aborted === true ? error : readError(error, what)
    }
  }
  const close = async () => {
    const closed = Promise.resolve(iterator.return?.())
    // A generator closes only after a read that waits, which may be forever.
    if (signal?.aborted !== true) await closed
    else closed.catch(() => undefined)
  }
  async function* chunks() {
    try {
      if (head.length > 0) yield head
      head = Buffer.alloc(0)
      for (let chunk = await next(); chunk !== null; chunk = await next()) yield chunk
    } finally {
      await close()
    }
  }
  return {
    close,
    [Symbol.asyncIterator]: chunks,
    peek: async (size) => {
      const parts = [head]
      for (let length = head.length; length < size; ) {
        const chunk = await next()
        if (chunk === null) break
        parts.push(chunk)
        length += chunk.length
      }
      head = Buffer.concat(parts)
      return head
    },
  }
}

/** What is in a gzip stream. */
export function gunzipped(octets: OctetSource, what: string, signal: AbortSignal | undefined): OctetSource {
  // Errors arrive at whoever reads.
  return octetSource(
    pipeline(Readable.from(octets), createGunzip(), () => {}),
    what,
    signal,
  )
}

/** The error for an input whose octets cannot be read; the same error unless it is one of the system. */
export function readError(error: unknown, what: string): unknown {
  const code = systemErrorCode(error)
  if (error instanceof FpkiError || code === null) return error
  const reason = REASONS[code] ?? (code.startsWith('Z_') ? 'its gzip compression is damaged or truncated' : code)
  const hint = what === 'stdin' ? 'Name a file or a folder instead.' : `Check the file: ls -l ${shellWord(what)}`
  return new FpkiError('ERR_BAD_FILE', `Cannot read ${what}: ${reason}.`, hint, { cause: error })
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ELOOP: 'its symbolic links form a loop',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'there is no such file or folder',
}

function asBuffer(chunk: Uint8Array | string): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
}

async function unlessAborted<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted()
  if (signal === undefined) return work()
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work(), aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
