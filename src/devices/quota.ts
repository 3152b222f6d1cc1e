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
  if (by === 'kit')
    return changesOne(await sql`update lines set issued = issued + ${devices} where name = ${line}`.execute(db))
  const today = Math.floor(at / DAY)
  const issuedToday = sql`case when day = ${today} then issued_on_day else 0 end`
  const isOpen = sql`name = ${line} and state = 'open'
    and (valid_from is null or valid_from <= ${at}) and (valid_until is null or valid_until > ${at})`
  // Another certificate of a device takes nothing, also when a quota was lowered below what was issued.
  const isWithin =
    devices === 0
      ? isOpen
      : sql`${isOpen} and (quota is null or issued + ${devices} <= quota)
        and (per_day is null or ${issuedToday} + ${devices} <= per_day)`
  // As text: Kysely's builder takes longer than the database.
  const update = sql`update lines set issued = issued + ${devices}, issued_on_day = ${issuedToday} + ${devices}, day = ${today}
    where ${isWithin}`
  return changesOne(await update.execute(db))
}

function changesOne({ numAffectedRows }: { readonly numAffectedRows?: bigint }): boolean {
  return numAffectedRows === 1n
}
