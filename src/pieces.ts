import type { ReadableFile } from './ports.js'

/** Large enough for the time of a system call not to matter, small enough for a CPU's cache. */
const CHUNK_BYTES = 512 * 1024

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
