import type { Clock, Random } from '../ports.js'
import { newRegister } from './migrations.js'
import { requireInUse } from './moved.js'
import { connectPostgres, POSTGRES, type PostgresPlace } from './postgres.js'
import { postgresDamage } from './postgres-check.js'
import { checkSchemaVersion, migratePostgres, type SchemaVersion, schemaVersion } from './postgres-schema.js'
import type { DeviceRegister } from './register.js'
import { type RegisterOwner, requireSameRoot } from './same-root.js'
import { sqlRegister } from './sql-register.js'

/**
 * Opens a device register in a PostgreSQL database, whose tables {@link initPostgresRegister} has created.
 *
 * @throws FpkiError ERR_STORE_AWAY when the server does not answer, ERR_STORE_LOGIN when it rejects the user or is not
 *   trusted; ERR_NOT_INITIALIZED without tables, ERR_BAD_FILE when they are of another version
 */
export async function openPostgresRegister(
  place: PostgresPlace,
  { access, ...owner }: RegisterOwner & { readonly access: 'write' | 'read' },
): Promise<DeviceRegister> {
  const { db, close } = await connectPostgres(place, access)
  try {
    checkSchemaVersion({ ...place, directory: owner.directory }, await schemaVersion(db))
    await requireInUse(db)
    await requireSameRoot(db, owner)
  } catch (error) {
    await close()
    throw error
  }
  return sqlRegister(db, POSTGRES, { close, damage: () => postgresDamage(db), owner })
}

/**
 * Creates the tables of a register, or brings them up to date. Resolves to the version from before; null: there were none.
 * Throws as {@link openPostgresRegister}.
 */
export async function initPostgresRegister(
  place: PostgresPlace,
  ports: { readonly random: Random; readonly clock: Clock },
): Promise<SchemaVersion | null> {
  const { db, close } = await connectPostgres(place, 'write')
  try {
    return await migratePostgres(db, newRegister(ports))
  } finally {
    await close()
  }
}
