import { join } from 'node:path'
import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'

/** What waits for a lock. */
export interface LockPorts {
  readonly files: DurableFiles
  /** Waits between two tries to get it. */
  readonly sleep: (milliseconds: number) => Promise<void>
}

/**
 * Does `work` as the only writer in `folder`, which is there; another one is waited for, since every change is short.
 * `what` names it in the error. Throws ERR_LOCKED after ten seconds.
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
    `Another fpki has been working on ${what} for ten seconds.`,
    'Wait until it has ended, and run the same command again.',
  )
}
