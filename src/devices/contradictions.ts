import { type Kysely, sql } from 'kysely'
import type { CertificateState, DeviceState } from './register.js'
import { integer } from './rows.js'
import type { Schema } from './schema.js'

/** What contradicts itself in the tables of a register, as a clause; null: nothing. */
export async function contradictionIn(db: Kysely<Schema>): Promise<string | null> {
  for (const [query, reason] of CONTRADICTIONS) {
    const { rows } = await query.execute(db)
    const count = integer(rows[0]?.count, 'count')
    if (count > 0) return `${count} ${reason}`
  }
  return null
}

const CONTRADICTIONS = [
  [
    sql<{ readonly count: unknown }>`select count(*) as count from certificates where not exists
      (select 1 from keys where keys.key_hash = certificates.key_hash and keys.device = certificates.device)`,
    'certificates have a key that is not that of their device',
  ],
  [
    sql<{ readonly count: unknown }>`select count(*) as count from devices where not exists
      (select 1 from certificates where certificates.device = devices.id)
        and state not in (${sql.lit<DeviceState>('external')}, ${sql.lit<DeviceState>('denied')})`,
    'devices have no certificate',
  ],
  [
    sql<{ readonly count: unknown }>`select count(*) as count from (select device from certificates
      where state = 'active' group by device having count(*) > 1) as twice`,
    'devices have several active certificates',
  ],
  [
    sql<{ readonly count: unknown }>`select count(*) as count from devices
      where (state = ${sql.lit<DeviceState>('denied')}) <> (denied_at is not null)
        or (denied_at is null) <> (denied_reason is null)`,
    'devices are denied without a time and a reason, or have them and are not denied',
  ],
  [
    sql<{ readonly count: unknown }>`select count(*) as count from certificates
      where (state = ${sql.lit<CertificateState>('active')}) <> (ended_at is null)`,
    'certificates are active and have an end, or neither',
  ],
] as const
