import { type Kysely, sql } from 'kysely'
import { contradictionIn } from './contradictions.js'
import type { DeviceRegister } from './register.js'
import { integer, uuidText } from './rows.js'
import type { Schema } from './schema.js'

/** Certificates of the register, chosen at random. Their numbers have gaps only where something was rolled back. */
export function samples(db: Kysely<Schema>): DeviceRegister['sample'] {
  return async (count, random) => {
    const newest = await db
      .selectFrom('certificates')
      .select(({ fn }) => fn.max('id').as('id'))
      .executeTakeFirst()
    const last = newest?.id == null ? 0 : integer(newest.id, 'certificates.id')
    const ids = last <= count ? Array.from({ length: last }, (_, at) => at + 1) : randomIds(count, last, random)
    // PostgreSQL takes no empty list.
    if (ids.length === 0) return []
    const rows = await db
      .selectFrom('certificates')
      .innerJoin('devices', 'devices.id', 'certificates.device')
      .select(['devices.uuid', 'certificates.der'])
      .where('certificates.id', 'in', ids)
      .execute()
    return rows.map(({ uuid, der }) => ({ uuid: uuidText(uuid), der }))
  }
}

function randomIds(count: number, last: number, random: Parameters<DeviceRegister['sample']>[1]): readonly number[] {
  const octets = Buffer.from(random.bytes(6 * count))
  return Array.from({ length: count }, (_, at) => 1 + (octets.readUIntBE(6 * at, 6) % last))
}

/** What SQLite finds wrong with its file (it reads all pages, but not the order of the indexes), or contradicts itself. */
export async function sqliteDamage(db: Kysely<Schema>): Promise<string | null> {
  const { rows } = await sql<{ readonly quick_check: unknown }>`pragma quick_check(1)`.execute(db)
  const found = rows[0]?.quick_check
  return found === 'ok' ? contradictionIn(db) : String(found)
}
