import { type Kysely, sql } from 'kysely'
import { DAY } from '../day.js'
import { quotaLeft, whyClosed } from './line-limits.js'
import { requireLine } from './lines.js'
import type { Refusal } from './refusal.js'
import type { Schema } from './schema.js'

/** What a line gives of its quota. */
export interface Grant {
  /** Whether the line issues anything now. */
  readonly isOpen: boolean
  /** For how many new devices. */
  readonly granted: number
  /** Why it gives no more; null: it gave all. */
  readonly refusal: Refusal | null
}

/** What is wanted of a line. `kit`: another register has issued it already, so that it counts, but is never refused. */
export interface Demand {
  readonly line: string
  readonly devices: number
  readonly at: number
  readonly by: 'this' | 'kit'
}

/**
 * Takes new devices from a line's quotas, as many as it gives, in the transaction that records them. The guarded UPDATE
 * decides, so that no number of processes exceeds a quota.
 */
export async function takeFromQuota(db: Kysely<Schema>, demand: Demand): Promise<Grant> {
  for (let wanted = demand.devices; ; ) {
    const isTaken = await take(db, { ...demand, devices: wanted })
    if (isTaken && wanted === demand.devices) return { isOpen: true, granted: wanted, refusal: null }
    const line = await requireLine(db, demand.line)
    const { count, refusal } = quotaLeft(line, demand.at)
    if (isTaken) return { isOpen: true, granted: wanted, refusal }
    const closed = whyClosed(line, demand.at)
    if (closed !== null) return { isOpen: false, granted: 0, refusal: closed }
    wanted = Math.min(wanted, count)
    if (wanted === 0) return { isOpen: true, granted: 0, refusal }
  }
}

async function take(db: Kysely<Schema>, { line, devices, at, by }: Demand): Promise<boolean> {
  const today = Math.floor(at / DAY)
  const issuedToday = sql<number>`case when day = ${today} then issued_on_day else 0 end`
  const update = db.updateTable('lines').where('name', '=', line)
  if (by === 'kit') {
    const { numUpdatedRows } = await update.set({ issued: sql`issued + ${devices}` }).executeTakeFirst()
    return numUpdatedRows === 1n
  }
  const { numUpdatedRows } = await update
    .set({ issued: sql`issued + ${devices}`, issued_on_day: sql`${issuedToday} + ${devices}`, day: today })
    .where('state', '=', 'open')
    .where((where) => where.or([where('quota', 'is', null), where(sql`issued + ${devices}`, '<=', where.ref('quota'))]))
    .where((where) => where.or([where('valid_from', 'is', null), where('valid_from', '<=', at)]))
    .where((where) => where.or([where('valid_until', 'is', null), where('valid_until', '>', at)]))
    .where((where) =>
      where.or([where('per_day', 'is', null), where(sql`${issuedToday} + ${devices}`, '<=', where.ref('per_day'))]),
    )
    .executeTakeFirst()
  return numUpdatedRows === 1n
}
