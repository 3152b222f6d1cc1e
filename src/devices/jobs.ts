import type { Kysely } from 'kysely'
import { noSuchLine } from './line-errors.js'
import type { JobStore } from './register.js'
import { integer, jobOf } from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'

/** The jobs of a register in a SQL database. */
export function sqlJobs(db: Kysely<Schema>, transactions: Transactions): JobStore {
  return {
    begin: (line, at) =>
      transactions(async (transaction) => {
        const row = await transaction.selectFrom('lines').select('id').where('name', '=', line).executeTakeFirst()
        if (row === undefined) throw noSuchLine(line)
        const job = transaction.insertInto('jobs').values({ line: row.id, started_at: at }).returning('id')
        return integer((await job.executeTakeFirstOrThrow()).id, 'jobs.id')
      }),
    finish: async (id, at, { issued, reused, refused }) => {
      await transactions((transaction) =>
        transaction
          .updateTable('jobs')
          .set({ finished_at: at, issued, reused, refused })
          .where('id', '=', id)
          .executeTakeFirst(),
      )
    },
    list: async (limit) => {
      const rows = await db
        .selectFrom('jobs')
        .innerJoin('lines', 'lines.id', 'jobs.line')
        .select(['jobs.id', 'lines.name as line', 'jobs.started_at', 'jobs.finished_at'])
        .select(['jobs.issued', 'jobs.reused', 'jobs.refused'])
        .orderBy('jobs.id', 'desc')
        .limit(limit)
        .execute()
      return rows.map(jobOf)
    },
  }
}
