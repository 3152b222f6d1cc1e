import { DAY } from '../day.js'
import { rfc3339 } from '../pki/describe.js'
import type { Refusal } from './refusal.js'
import { LINE_STATES, type Line } from './register.js'

/** What the quotas of a line leave at a time. */
export interface QuotaLeft {
  /** How many more devices in all; null: no limit. */
  readonly inAll: number | null
  /** How many more on this day (UTC); null: no limit. */
  readonly today: number | null
  /** How many were issued on this day (UTC). */
  readonly issuedToday: number
  /** The smaller of both. */
  readonly count: number
  /** Why the line gives no more than that. */
  readonly refusal: Refusal
}

/** What the quotas of a line leave. Whether it is open is for {@link whyClosed}. */
export function quotaLeft(line: Line, at: number): QuotaLeft {
  const { name, quota, perDay, day, issuedOnDay } = line
  const issuedToday = day === Math.floor(at / DAY) ? issuedOnDay : 0
  const [inAll, today] = [remainingQuota(line), perDay === null ? null : Math.max(0, perDay - issuedToday)]
  const [most, mostToday] = [inAll ?? Number.MAX_SAFE_INTEGER, today ?? Number.MAX_SAFE_INTEGER]
  const refusal: Refusal =
    most <= mostToday
      ? { code: 'quota', reason: `the line ${name} has issued all ${quota} of its devices` }
      : { code: 'daily-quota', reason: `the line ${name} has issued all ${perDay} devices of today (UTC)` }
  return { inAll, today, issuedToday, count: Math.min(most, mostToday), refusal }
}

/** How many devices a line may still have issued; null: any number. */
export function remainingQuota({ quota, issued }: Pick<Line, 'quota' | 'issued'>): number | null {
  return quota === null ? null : Math.max(0, quota - issued)
}

/** A line as it would be once it has issued so many new devices more. */
export function afterIssuing(line: Line, devices: number, at: number): Line {
  const day = Math.floor(at / DAY)
  const issuedOnDay = (line.day === day ? line.issuedOnDay : 0) + devices
  return { ...line, issued: line.issued + devices, day, issuedOnDay }
}

/** The state of a line at a time. `not-yet-open` and `over`: it is open, but not in its time window. */
export const STATES_AT_A_TIME = [...LINE_STATES, 'not-yet-open', 'over'] as const

/** See {@link STATES_AT_A_TIME}. */
export type StateAtATime = (typeof STATES_AT_A_TIME)[number]

/** The state of a line at a time, whatever its quotas. */
export function stateAt({ state, from, until }: Pick<Line, 'state' | 'from' | 'until'>, at: number): StateAtATime {
  if (state !== 'open') return state
  if (from !== null && at < from) return 'not-yet-open'
  return until !== null && at >= until ? 'over' : 'open'
}

/** Why a line issues nothing at a time, whatever its quotas; null: it does. */
export function whyClosed(line: Line, at: number): Refusal | null {
  const { name, from, until } = line
  switch (stateAt(line, at)) {
    case 'closed':
      return { code: 'line-closed', reason: `the line ${name} is closed` }
    case 'paused':
      return { code: 'line-paused', reason: `the line ${name} is paused` }
    case 'not-yet-open':
      return { code: 'window', reason: `the line ${name} opens on ${timeText(from)}` }
    case 'over':
      return { code: 'window', reason: `the line ${name} ended on ${timeText(until)}` }
    case 'open':
      return null
  }
}

function timeText(time: number | null): string {
  return time === null ? '' : rfc3339(new Date(time))
}
