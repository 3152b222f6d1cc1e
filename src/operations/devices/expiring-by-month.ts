import type { LifeCounts } from '../../devices/renewal.js'

/** Devices whose newest certificates expire in a month, such as `2026-11`; `earlier`: before now's; `later`: after a year. */
export interface MonthOfExpiry {
  readonly month: string
  readonly devices: number
}

const MONTHS = 12

/**
 * The months from now's on, always the same number of them, so that those of a gauge are neither old nor missing; and what is
 * before and after them.
 */
export function expiringByMonth(counts: LifeCounts['expiring'], now: Date): readonly MonthOfExpiry[] {
  const months = Array.from({ length: MONTHS }, (_, at) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + at)).toISOString().slice(0, 7),
  )
  const [first = '', last = ''] = [months[0], months.at(-1)]
  const sum = (isMeant: (month: string) => boolean) =>
    counts.reduce((all, { month, devices }) => all + (isMeant(month) ? devices : 0), 0)
  return [
    { month: 'earlier', devices: sum((month) => month < first) },
    ...months.map((month) => ({ month, devices: sum((one) => one === month) })),
    { month: 'later', devices: sum((month) => month > last) },
  ]
}
