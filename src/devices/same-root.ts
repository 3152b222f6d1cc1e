import type { Kysely } from 'kysely'
import { FpkiError } from '../errors.js'
import { shellWord } from '../shell-word.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'

/** The PKI that uses a register. */
export interface RegisterOwner {
  /** SHA-256 of the public key of its root, lower-case hex: another certificate of the same key is the same root. */
  readonly rootKey?: string | undefined
  /** The PKI directory or kit, for messages. */
  readonly directory?: string | undefined
}

/**
 * Throws ERR_OTHER_ROOT when a register is that of another root: its devices, lines and quotas would be mixed up with those of
 * another factory. Resolves to whether it has an owner.
 */
export async function requireSameRoot(
  db: Kysely<Schema>,
  { rootKey, directory = 'the PKI directory' }: RegisterOwner,
): Promise<boolean> {
  const owner = (await db.selectFrom('register').select('root_key').executeTakeFirst())?.root_key ?? null
  if (rootKey === undefined || owner === null || owner === rootKey) return owner !== null
  throw new FpkiError(
    'ERR_OTHER_ROOT',
    `The device register belongs to another root than ${shellWord(directory)}.`,
    'Nothing was changed. Each factory has a register of its own: choose the right directory or --store; for a new one in PostgreSQL, make another database.',
    { option: 'store' },
  )
}

/** Transactions of an owner: the first that is committed to a new register makes it its own. */
export function ownedBy(owner: RegisterOwner, transactions: Transactions): Transactions {
  const { rootKey } = owner
  if (rootKey === undefined) return transactions
  let isOwned = false
  return async (work) => {
    if (isOwned) return transactions(work)
    const result = await transactions(async (transaction) => {
      const done = await work(transaction)
      await transaction.updateTable('register').set({ root_key: rootKey }).where('root_key', 'is', null).execute()
      await requireSameRoot(transaction, owner)
      return done
    })
    isOwned = true
    return result
  }
}
