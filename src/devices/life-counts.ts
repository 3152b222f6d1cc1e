import { type Kysely, sql } from 'kysely'
import { DAY, monthOf } from '../day.js'
import type { CertificateState, DeviceRegister } from './register.js'
import { integer } from './rows.js'
import type { Schema } from './schema.js'

/** What is going to happen to devices, counted in a SQL database. */
export function lifeCounts(db: Kysely<Schema>): DeviceRegister['lifeCounts'] {
  return async (at) => {
    // Not "where denied_at is null": the database counts all by the index of ends alone.
    const [all, denied] = [await byDay(db, sql`true`), await byDay(db, sql`denied_at is not null`)]
    const months = new Map<string, number>()
    for (const [day, devices] of all) {
      const left = devices - (denied.get(day) ?? 0)
      const month = monthOf(day)
      if (left > 0) months.set(month, (months.get(month) ?? 0) + left)
    }
    return {
      denied: [...denied.values()].reduce((sum, devices) => sum + devices, 0),
      unconfirmed: await unconfirmed(db, at),
      expiring: [...months].map(([month, devices]) => ({ month, devices })),
    }
  }
}

/** How many devices there are by the day (since 1970, UTC) on which their newest certificates expire, in order. */
async function byDay(db: Kysely<Schema>, which: ReturnType<typeof sql>): Promise<ReadonlyMap<number, number>> {
  const day = sql`not_after / ${sql.lit(DAY)}`
  const { rows } = await sql<{ readonly day: unknown; readonly devices: unknown }>`select ${day} as day,
    count(*) as devices from devices where ${which} group by ${day} order by ${day}`.execute(db)
  return new Map(rows.map((row) => [integer(row.day, 'devices.not_after'), integer(row.devices, 'devices')]))
}

async function unconfirmed(db: Kysely<Schema>, at: number): Promise<number> {
  const [active, superseded] = [sql.lit<CertificateState>('active'), sql.lit<CertificateState>('superseded')]
  const row = await db
    .selectFrom('certificates as older')
    .innerJoin('certificates as newer', 'newer.device', 'older.device')
    .innerJoin('devices', 'devices.id', 'older.device')
    .where('older.ended_at', '>', at)
    .where('older.state', '=', superseded)
    .where('newer.state', '=', active)
    .where('newer.seen_at', 'is', null)
    .where('devices.denied_at', 'is', null)
    // The sum keeps SQLite from reading all certificates in the order of their devices.
    .select(({ fn }) => fn.count(sql`older.device + 0`).distinct().as('devices'))
    .executeTakeFirstOrThrow()
  return integer(row.devices, 'devices')
}
