import { expect, test } from 'vitest'
import { expiringByMonth } from '../../../../src/operations/devices/expiring-by-month.js'
import { lifeOfDevices } from '../../../../src/operations/registration/life-of-devices.js'

const COUNTS = [
  ['2025-01', 1],
  ['2026-10', 2],
  ['2026-11', 4],
  ['2027-01', 8],
  ['2027-10', 16],
  ['2027-11', 32],
  ['2046-07', 64],
] as const

const MONTHS = COUNTS.map(([month, devices]) => ({ month, devices }))

test('there are always twelve months, what is before them, and what is after', () => {
  const months = expiringByMonth(MONTHS, new Date('2026-11-30T23:59:59Z'))
  expect(months.map(({ month, devices }) => `${month} ${devices}`)).toEqual([
    ...['earlier 3', '2026-11 4', '2026-12 0', '2027-01 8', '2027-02 0', '2027-03 0', '2027-04 0', '2027-05 0'],
    ...['2027-06 0', '2027-07 0', '2027-08 0', '2027-09 0', '2027-10 16', 'later 96'],
  ])
  expect(expiringByMonth([], new Date('2026-01-31T00:00:00Z'))).toHaveLength(14)
})

test('a service counts devices at most every five minutes', async () => {
  let [now, counted] = [Date.parse('2026-11-30T00:00:00Z'), 0]
  const lifeCounts = async () => ({ denied: ++counted, unconfirmed: 0, expiring: MONTHS })
  const life = lifeOfDevices({ lifeCounts }, () => new Date(now))
  const denied = async () => (await life()).denied
  expect([await denied(), await denied()]).toEqual([1, 1])
  now += 299_999
  expect(await denied()).toBe(1)
  now += 1
  expect(await denied()).toBe(2)
  expect((await life()).expiring).toHaveLength(14)
})
