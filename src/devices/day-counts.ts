import { type Kysely, sql } from 'kysely'
import { DAY } from '../day.js'
import type { DayCount } from './register.js'
import { integer } from './rows.js'
import type { Schema } from './schema.js'

/** Counts all devices in one pass. Whole numbers are divided without a fraction by both engines. */
export async function dayCounts(db: Kysely<Schema>): Promise<readonly DayCount[]> {
  const day = sql<number>`devices.created_at / ${sql.lit(DAY)}`
  const counts = db
    .selectFrom('devices')
    .select(['line', day.as('day')])
    .select(({ fn }) => [fn.countAll().as('devices'), fn.sum('is_production').as('production')])
    .groupBy(['line', day])
  const rows = await db
    .selectFrom(counts.as('counts'))
    .innerJoin('lines', 'lines.id', 'counts.line')
    .select(['lines.name', 'counts.day', 'counts.devices', 'counts.production'])
    .execute()
  const counted = rows.map((row) => ({
    line: row.name,
    day: integer(row.day, 'devices.created_at'),
    devices: integer(row.devices, 'devices'),
    production: integer(row.production, 'devices.is_production'),
  }))
  // Here, because databases sort names by the language of their server.
  return counted.sort((a, b) => (a.line === b.line ? a.day - b.day : a.line < b.line ? -1 : 1))
}
