import { DAY, dateOf } from '../../day.js'
import type { HierarchyCertificate } from '../show/hierarchy.js'

/** How far a scale reaches beyond the time of the report: a root may be valid until the year 9999. */
const FURTHEST = 30 * 366 * DAY

/** A scale of time from 0 to 1000. */
export interface Scale {
  /** The dates of its ends. */
  readonly begin: string
  readonly end: string
  /** The place of a time; one that is further away is at the end. */
  at(time: string): number
}

/** The scale that the validity of all certificates is drawn on. */
export function scaleOf(certificates: readonly HierarchyCertificate[], now: string): Scale {
  const time = Date.parse(now)
  const begin = Math.max(time - FURTHEST, Math.min(time, ...certificates.map(({ notBefore }) => Date.parse(notBefore))))
  const end = Math.min(
    time + FURTHEST,
    Math.max(time + DAY, ...certificates.map(({ notAfter }) => Date.parse(notAfter))),
  )
  const place = (at: string) => Math.round((1000 * (Date.parse(at) - begin)) / (end - begin))
  return {
    begin: dateOf(new Date(begin).toISOString()),
    end: dateOf(new Date(end).toISOString()),
    at: (one) => Math.min(1000, Math.max(0, place(one))),
  }
}
