import { newRegister, SCHEMA } from './migrations.js'
import { openSqliteTables, type RegisterPorts } from './open.js'
import { connectPostgres } from './postgres.js'
import { postgresPlace } from './postgres-place.js'
import { checkSchemaVersion, migratePostgres, schemaVersion } from './postgres-schema.js'

/** The versions of the schema of a register, before and after; null: it did not exist. */
export interface Versions {
  readonly before: number | null
  readonly after: number
}

/** `directory`: the PKI directory or kit that the register belongs to, for commands in hints. */
type Place = ({ readonly path: string } | { readonly url: string }) & { readonly directory: string }

/**
 * Brings a register up to date.
 *
 * @param create whether to create it when it is missing; otherwise that is ERR_BAD_FILE or ERR_NOT_INITIALIZED
 * @throws FpkiError as openDeviceRegister
 */
export async function migrateRegister(place: Place, create: boolean, ports: RegisterPorts): Promise<Versions> {
  return 'path' in place ? migrateSqlite(place, create, ports) : migrateUrl(place, create, ports)
}

async function migrateSqlite(
  { path, directory }: Place & { readonly path: string },
  create: boolean,
  ports: RegisterPorts,
): Promise<Versions> {
  const exists = (await ports.files.kindOf(path)) !== null
  // Without the file, opening says how one is made.
  const { connection, version } = await openSqliteTables({ path, directory, create: create || exists }, ports)
  await connection.close()
  return { before: exists ? version : null, after: SCHEMA }
}

async function migrateUrl(
  { url, directory }: Place & { readonly url: string },
  create: boolean,
  ports: RegisterPorts,
): Promise<Versions> {
  const place = await postgresPlace(url, ports.files)
  const { db, close } = await connectPostgres(place, 'write')
  try {
    const present = await schemaVersion(db)
    if (present === null && !create) checkSchemaVersion({ ...place, directory }, present)
    const before = await migratePostgres(db, newRegister(ports))
    checkSchemaVersion({ ...place, directory }, await schemaVersion(db))
    return { before: before?.version ?? null, after: Math.max(before?.version ?? 0, SCHEMA) }
  } finally {
    await close()
  }
}
