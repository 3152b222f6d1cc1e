import type { Kysely } from 'kysely'
import { noSuchLine } from './line-errors.js'
import { integer } from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'

/** The rows of lines and CAs, which are never removed. */
export interface Ids {
  /** Throws ERR_LINE when there is no such line. */
  line(name: string): Promise<number>
  /** Adds a CA that is not there. */
  ca(fingerprint: string): Promise<number>
}

export function idsOf(db: Kysely<Schema>, transactions: Transactions): Ids {
  const [lines, cas] = [new Map<string, number>(), new Map<string, number>()]
  return {
    line: async (name) => {
      const cached = lines.get(name)
      if (cached !== undefined) return cached
      const row = await db.selectFrom('lines').select('id').where('name', '=', name).executeTakeFirst()
      if (row === undefined) throw noSuchLine(name)
      lines.set(name, integer(row.id, 'lines.id'))
      return row.id
    },
    ca: async (fingerprint) => {
      const cached = cas.get(fingerprint)
      if (cached !== undefined) return cached
      const row = await transactions(async (transaction) => {
        const insert = transaction.insertInto('cas').values({ fingerprint })
        await insert.onConflict((conflict) => conflict.doNothing()).execute()
        const select = transaction.selectFrom('cas').select('id').where('fingerprint', '=', fingerprint)
        return select.executeTakeFirstOrThrow()
      })
      cas.set(fingerprint, integer(row.id, 'cas.id'))
      return row.id
    },
  }
}
