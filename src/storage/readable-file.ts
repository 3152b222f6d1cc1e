import type { ReadableFile } from '../ports.js'
import { explainSystemErrors } from './system-errors.js'

/** Large enough for the time of a system call not to matter, small enough for a CPU's cache. */
const CHUNK_BYTES = 512 * 1024

/** Octets in memory as an open file. */
export function octetsAsFile(octets: Uint8Array): ReadableFile {
  return {
    size: octets.length,
    read: async (position, length) => octets.subarray(position, position + length),
    close: async () => undefined,
  }
}

/** A file that reads nothing more, and throws the reason, once `signal` is aborted. */
export function abortableFile(file: ReadableFile, signal: AbortSignal | undefined): ReadableFile {
  const read: ReadableFile['read'] = async (position, length) => {
    signal?.throwIfAborted()
    return file.read(position, length)
  }
  return { ...file, read }
}

/** A file whose system errors become {@link FpkiError}s. */
export function explainedFile(path: string, { size, read, close }: ReadableFile): ReadableFile {
  return {
    size,
    read: (position, length) => explainSystemErrors(path, () => read(position, length)),
    close: () => explainSystemErrors(path, close),
  }
}

/** The octets of a file from `start` until before `end`, in pieces. Ends early when the file does. */
export async function* piecesOf(
  file: Pick<ReadableFile, 'size' | 'read'>,
  start = 0,
  end = file.size,
): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; ) {
    const piece = await file.read(at, Math.min(CHUNK_BYTES, end - at))
    if (piece.length === 0) return
    yield piece
    at += piece.length
  }
}

/** The octets of a stream from `start` until before `end`. */
export async function* partOf(
  stream: AsyncIterable<Uint8Array>,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  let at = 0
  for await (const octets of stream) {
    const part = octets.subarray(Math.max(start - at, 0), Math.max(end - at, 0))
    if (part.length > 0) yield part
    at += octets.length
    if (at >= end) return
  }
}
