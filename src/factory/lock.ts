import { join } from 'node:path'
import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'

/** The ports for waiting for a lock. */
export interface LockPorts {
  readonly files: DurableFiles
  /** Waits between attempts. */
  readonly sleep: (milliseconds: number) => Promise<void>
}

/**
 * Runs `work` as the only writer in `folder`, which exists, after waiting for others. `what` names it in the error. Throws
 * ERR_LOCKED after ten seconds.
 */
export async function withLock<T>(
  { files, sleep }: LockPorts,
  folder: string,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 0; tries < 100; tries++) {
    const lock = await files.lock(join(folder, 'lock'))
    if (lock !== null) {
      try {
        return await work()
      } finally {
        await lock.release()
      }
    }
    await sleep(100)
  }
  throw new FpkiError(
    'ERR_LOCKED',
    `Another fpki process has locked ${what} for ten seconds.`,
    'Wait for it to finish, then run the same command again.',
  )
}
