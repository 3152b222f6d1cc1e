import type { RegisterPorts } from './open.js'
import { connectPostgres, POSTGRES_TRIES, type PostgresPlace } from './postgres.js'
import { checkSchemaVersion, migratePostgres, type SchemaVersion, schemaVersion } from './postgres-schema.js'
import type { DeviceRegister } from './register.js'
import { sqlRegister } from './sql-register.js'

/**
 * Opens a device register in a PostgreSQL database, whose tables {@link initPostgresRegister} has created.
 *
 * @throws FpkiError ERR_STORE_AWAY when the server does not answer, ERR_STORE_LOGIN when it rejects the user or is not
 *   trusted; ERR_NOT_INITIALIZED without tables, ERR_BAD_FILE when they are of another version
 */
export async function openPostgresRegister(place: PostgresPlace, access: 'write' | 'read'): Promise<DeviceRegister> {
  const { db, close } = await connectPostgres(place, access)
  try {
    checkSchemaVersion(place.name, await schemaVersion(db))
  } catch (error) {
    await close()
    throw error
  }
  return sqlRegister(db, { close, damage: async () => null, tries: POSTGRES_TRIES })
}

/**
 * Creates the tables of a register, or brings them up to date. Resolves to the version from before; null: there were none.
 * Throws as {@link openPostgresRegister}.
 */
export async function initPostgresRegister(
  place: PostgresPlace,
  { random, clock }: Pick<RegisterPorts, 'random' | 'clock'>,
): Promise<SchemaVersion | null> {
  const { db, close } = await connectPostgres(place, 'write')
  try {
    const register = { id: Buffer.from(random.bytes(16)).toString('hex'), createdAt: clock().getTime() }
    return await migratePostgres(db, register)
  } finally {
    await close()
  }
}
