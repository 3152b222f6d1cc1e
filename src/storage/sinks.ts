import type { Writable } from 'node:stream'
import { FpkiError, systemErrorCode } from '../errors.js'

/** Where octets go. Resolves when the next ones may be written. */
export interface ByteSink {
  write(octets: Uint8Array): Promise<void>
}

/**
 * stdout, or another stream that somebody else closes. Waits until its reader has taken what was written, so that nothing
 * piles up in memory. A reader that went away is an error, unlike for commands that print a page: certificates would be
 * issued for nobody. Whoever owns the stream listens to its `error` event, which Node emits as well.
 */
export function streamSink(stream: Writable): ByteSink {
  return {
    write: async (octets) => {
      try {
        await new Promise<void>((resolve, reject) => {
          stream.write(octets, (error) => (error ? reject(error) : resolve()))
        })
      } catch (error) {
        throw notWritten(error)
      }
    },
  }
}

function notWritten(cause: unknown): FpkiError {
  const code = systemErrorCode(cause) ?? 'unknown error'
  const reason = code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' ? 'its reader has closed it (EPIPE)' : code
  return new FpkiError(
    'ERR_STORAGE',
    `Cannot write to stdout: ${reason}.`,
    'What was issued is in the register: run the same command again, and it is written again.',
    { cause },
  )
}
