import type { ReadableFile } from '../ports.js'
import { explainSystemErrors } from './system-errors.js'

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
