import { type Kysely, sql } from 'kysely'
import { DAY } from '../day.js'
import { afterIssuing, quotaLeft, whyClosed } from './line-limits.js'
import type { Refusal } from './refusal.js'
import type { Line } from './register.js'
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
 * What a line would give, when `pending` devices are recorded in this transaction and not taken from it yet. Only
 * {@link takeFromQuota} decides.
 */
export function grantOf(line: Line, { devices, at, by }: Omit<Demand, 'line'>, pending: number): Grant {
  const closed = by === 'kit' ? null : whyClosed(line, at)
  if (closed !== null) return { isOpen: false, granted: 0, refusal: closed }
  const { count, refusal } = quotaLeft(afterIssuing(line, pending, at), at)
  if (by === 'kit' || count >= devices) return { isOpen: true, granted: devices, refusal: null }
  return { isOpen: true, granted: count, refusal }
}

/**
 * Takes devices from the quotas of an open line; false: it does not give that many. This UPDATE has the limits as its
 * condition, so that no number of processes exceeds them. It locks the row of the line until the transaction ends.
 */
export async function takeFromQuota(db: Kysely<Schema>, { line, devices, at, by }: Demand): Promise<boolean> {
  const today = Math.floor(at / DAY)
  const issuedToday = sql<number>`case when day = ${today} then issued_on_day else 0 end`
  const update = db.updateTable('lines').where('name', '=', line)
  if (by === 'kit') {
    const { numUpdatedRows } = await update.set({ issued: sql`issued + ${devices}` }).executeTakeFirst()
    return numUpdatedRows === 1n
  }
  const open = update
    .set({ issued: sql`issued + ${devices}`, issued_on_day: sql`${issuedToday} + ${devices}`, day: today })
    .where('state', '=', 'open')
    .where((where) => where.or([where('valid_from', 'is', null), where('valid_from', '<=', at)]))
    .where((where) => where.or([where('valid_until', 'is', null), where('valid_until', '>', at)]))
  // Another certificate of a device takes nothing, also when a quota was lowered below what was issued.
  const limited =
    devices === 0
      ? open
      : open
          .where((where) =>
            where.or([where('quota', 'is', null), where(sql`issued + ${devices}`, '<=', where.ref('quota'))]),
          )
          .where((where) =>
            where.or([
              where('per_day', 'is', null),
              where(sql`${issuedToday} + ${devices}`, '<=', where.ref('per_day')),
            ]),
          )
  const { numUpdatedRows } = await limited.executeTakeFirst()
  return numUpdatedRows === 1n
}
