import { type Kysely, sql } from 'kysely'
import { FpkiError } from '../errors.js'
import { shellWord } from '../shell-word.js'
import type { Schema } from './schema.js'

/** The PKI that uses a register. */
export interface RegisterOwner {
  /** SHA-256 of the public key of its root, lower-case hex: another certificate of the same key is the same root. */
  readonly rootKey?: string | undefined
  /** The PKI directory or kit, for messages. */
  readonly directory?: string | undefined
}

/**
 * Throws ERR_OTHER_ROOT when a register is that of another root: its devices, lines and quotas would be mixed up with those of
 * another factory. The first that writes to a new register makes it its own.
 */
export async function requireSameRoot(
  db: Kysely<Schema>,
  { rootKey, directory = 'the PKI directory' }: RegisterOwner,
  access: 'read' | 'write',
): Promise<void> {
  if (rootKey === undefined) return
  const owner = (await db.selectFrom('register').select('root_key').executeTakeFirst())?.root_key ?? null
  if (owner === rootKey) return
  if (owner === null) {
    if (access === 'read') return
    await sql`update register set root_key = ${rootKey} where root_key is null`.execute(db)
    await requireSameRoot(db, { rootKey, directory }, 'read')
    return
  }
  throw new FpkiError(
    'ERR_OTHER_ROOT',
    `The device register belongs to another root than ${shellWord(directory)}.`,
    'Nothing was changed. Each factory has a register of its own: choose the right directory or --store; for a new one in PostgreSQL, make another database.',
    { option: 'store' },
  )
}
