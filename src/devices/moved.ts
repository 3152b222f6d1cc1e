import type { Kysely } from 'kysely'
import { FpkiError } from '../errors.js'
import { shellWord } from '../shell-word.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'

/** In `moved_to` of a copy that is not in use yet: its original may still be. */
export const UNFINISHED_COPY = 'unfinished copy'

/** Where a register was moved to; null: it is in use. */
export async function movedTo(db: Kysely<Schema>): Promise<string | null> {
  const row = await db.selectFrom('register').select('moved_to').executeTakeFirst()
  return row?.moved_to ?? null
}

/** Throws ERR_STORE_MOVED when a register is not in use: two with the same devices would certify them twice. */
export async function requireInUse(db: Kysely<Schema>, hint: (place: string) => string = useItInstead): Promise<void> {
  const place = await movedTo(db)
  if (place === null) return
  if (place === UNFINISHED_COPY) {
    throw new FpkiError(
      'ERR_STORE_MOVED',
      'This device register is a copy that was not finished.',
      'Run the same command that copied it again, or use the register that was to be copied.',
    )
  }
  throw new FpkiError('ERR_STORE_MOVED', `This device register was moved to ${place}.`, hint(place))
}

function useItInstead(place: string): string {
  return `Add this to the command, or set the variable FPKI_STORE: --store ${shellWord(place)}`
}

/**
 * Transactions that are committed only in a register that is in use. It is asked last, with what the transaction has written
 * already locked: a copy waits for it, or it waits for the copy and sees what became of the register.
 */
export function inUse(transactions: Transactions): Transactions {
  return (work) =>
    transactions(async (transaction) => {
      const result = await work(transaction)
      await requireInUse(transaction)
      return result
    })
}
