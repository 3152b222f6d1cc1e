import { type Kysely, sql } from 'kysely'
import { type Bulk, bulk } from './bulk.js'
import type { CertificateState, DeviceState } from './register.js'
import type { Schema } from './schema.js'

const [ACTIVE, SUPERSEDED, ABANDONED] = (['active', 'superseded', 'abandoned'] as const).map((state) =>
  sql.lit<CertificateState>(state),
)
const CONFLICT = sql.lit<DeviceState>('conflict')

/** `certificate`, `at`: marks certificates as seen that were not. */
export function markSeen(db: Kysely<Schema>): Bulk<never> {
  return updates(
    db,
    2,
    (given) => sql`update certificates set seen_at = column2 from ${given}
      where certificates.id = column1 + 0 and seen_at is null`,
  )
}

/** `device`, `certificate`, `at`: ends the certificates of a device that are older than that one, and good at that time. */
export function endOlder(db: Kysely<Schema>): Bulk<never> {
  return updates(
    db,
    3,
    (given) => sql`update certificates set state = ${SUPERSEDED}, ended_at = column3 from ${given}
      where certificates.device = column1 + 0 and certificates.id + 0 < column2
        and (state = ${ACTIVE} or (state = ${SUPERSEDED} and ended_at > column3))`,
  )
}

/** `certificate`, `end`: lets certificates be good until then. An abandoned one stays as it is. */
export function supersedeAt(db: Kysely<Schema>): Bulk<never> {
  return updates(
    db,
    2,
    (given) => sql`update certificates set state = ${SUPERSEDED}, ended_at = column2 from ${given}
      where certificates.id = column1 + 0 and state <> ${ABANDONED}`,
  )
}

/** `device`, `ca`, `issuedAt`, `notAfter`: what devices have of their newest certificate, unless they are denied. */
export function renewDevices(db: Kysely<Schema>): Bulk<never> {
  return updates(
    db,
    4,
    (given) => sql`update devices set ca = column2, issued_at = column3, not_after = column4,
      state = case when state = ${CONFLICT} then state else ${ACTIVE} end
      from ${given} where devices.id = column1 + 0 and denied_at is null`,
  )
}

/**
 * A statement that joins a table with given rows of integers, whose columns both databases call column1, column2, … The sums in the
 * statements keep SQLite from reading the whole table and looking for each of its rows among the given ones.
 */
function updates(
  db: Kysely<Schema>,
  width: number,
  statement: (given: ReturnType<typeof sql>) => ReturnType<typeof sql<never>>,
): Bulk<never> {
  // PostgreSQL takes parameters without a type for text.
  const row = sql`(${sql.join(Array.from({ length: width }, () => sql`cast(${0} as bigint)`))})`
  return bulk((count) => ({
    compile: () => statement(sql`(values ${sql.join(Array.from({ length: count }, () => row))}) as given`).compile(db),
  }))
}
