import { setImmediate } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import { FpkiError } from '../errors.js'
import type { Engine } from './engine.js'
import type { Schema } from './schema.js'

/** Runs work in a transaction that is committed when the work is done, and leaves nothing when it throws. */
export type Transactions = <T>(work: (transaction: Transaction<Schema>) => Promise<T>) => Promise<T>

/**
 * Runs a transaction again while another one is in its way: an engine reports that as ERR_LOCKED, after waiting for a
 * moment itself. Waiting in many short pieces lets the process see signals meanwhile.
 */
export function transactionsOf(db: Kysely<Schema>, { tries }: Pick<Engine, 'tries'>): Transactions {
  return async (work) => {
    for (let left = tries; ; left--) {
      try {
        return await db.transaction().execute(work)
      } catch (error) {
        if (!isLocked(error) || left <= 1) throw error
        await setImmediate()
      }
    }
  }
}

function isLocked(error: unknown): boolean {
  return error instanceof FpkiError && error.code === 'ERR_LOCKED'
}
