import { type Kysely, sql } from 'kysely'
import { FpkiError } from '../errors.js'
import type { Refusal } from './refusal.js'
import type { Line } from './register.js'
import { lineOf } from './rows.js'
import type { Schema } from './schema.js'

const DAY = 86_400_000

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
    const { line, left, refusal } = await leftOf(db, demand)
    if (isTaken) return { isOpen: true, granted: wanted, refusal }
    const closed = whyClosed(line, demand.at)
    if (closed !== null) return { isOpen: false, granted: 0, refusal: closed }
    wanted = Math.min(wanted, left)
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

/** How many devices a line has left, and what to say when they are too few. */
async function leftOf(db: Kysely<Schema>, { line: name, at }: Demand) {
  const row = await db.selectFrom('lines').selectAll().where('name', '=', name).executeTakeFirst()
  if (row === undefined) throw noSuchLine(name)
  const line = lineOf(row)
  return { line, ...quotaLeft(line, at) }
}

/** How many new devices the quotas of a line leave, and why it gives no more. */
export function quotaLeft(line: Line, at: number): { readonly left: number; readonly refusal: Refusal } {
  const { name, quota, perDay, issued, day, issuedOnDay } = line
  const issuedToday = day === Math.floor(at / DAY) ? issuedOnDay : 0
  const all = (quota ?? Number.MAX_SAFE_INTEGER) - issued
  const today = (perDay ?? Number.MAX_SAFE_INTEGER) - issuedToday
  const refusal: Refusal =
    all <= today
      ? { code: 'quota', reason: `the line ${name} has issued all ${quota} of its devices` }
      : { code: 'daily-quota', reason: `the line ${name} has issued all ${perDay} devices of today (UTC)` }
  return { left: Math.max(0, Math.min(all, today)), refusal }
}

/** A line as it would be once it has issued so many new devices more. */
export function afterIssuing(line: Line, devices: number, at: number): Line {
  const day = Math.floor(at / DAY)
  const issuedOnDay = (line.day === day ? line.issuedOnDay : 0) + devices
  return { ...line, issued: line.issued + devices, day, issuedOnDay }
}

/** Why a line issues nothing at a time; null: it does. */
export function whyClosed({ name, state, from, until }: Line, at: number): Refusal | null {
  if (state === 'closed') return { code: 'line-closed', reason: `the line ${name} is closed` }
  if (state === 'paused') return { code: 'line-paused', reason: `the line ${name} is paused` }
  if (from !== null && at < from) return { code: 'window', reason: `the line ${name} opens on ${iso(from)}` }
  if (until !== null && at >= until) return { code: 'window', reason: `the line ${name} ended on ${iso(until)}` }
  return null
}

function iso(time: number): string {
  return new Date(time).toISOString().replace('.000', '')
}

export function noSuchLine(name: string): FpkiError {
  return new FpkiError('ERR_USAGE', `There is no line ${JSON.stringify(name)}.`, 'List the lines: fpki lines list DIR')
}
