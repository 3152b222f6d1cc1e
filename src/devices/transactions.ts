import { setImmediate } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import type { Schema } from './schema.js'
import { isBusy } from './sqlite-errors.js'

/** Runs work in a transaction that is committed when the work is done, and leaves nothing when it throws. */
export type Transactions = <T>(work: (transaction: Transaction<Schema>) => Promise<T>) => Promise<T>

/** How often a transaction waits for another process that is writing, each time as long as the database waits (50 ms). */
const TRIES = 2400

/** Waiting in many short pieces lets the process see signals meanwhile. Throws ERR_LOCKED after two minutes. */
export function transactionsOf(db: Kysely<Schema>): Transactions {
  return async (work) => {
    for (let tries = 1; ; tries++) {
      try {
        return await db.transaction().execute(work)
      } catch (error) {
        if (!isBusy(error) || tries === TRIES) throw error
        await setImmediate()
      }
    }
  }
}
