import { type Kysely, sql } from 'kysely'
import { FpkiError } from '../errors.js'
import { newRegister, SCHEMA } from './migrations.js'
import { openSqliteTables, type RegisterPorts } from './open.js'
import { connectPostgres, POSTGRES, type PostgresPlace } from './postgres.js'
import { checkSchemaVersion, migratePostgres, schemaVersion } from './postgres-schema.js'
import type { Schema } from './schema.js'
import { SQLITE } from './sqlite.js'
import type { TableShape } from './table-shapes.js'
import { type Transactions, transactionsOf } from './transactions.js'

/** The tables of a register, whether or not it is in use: for copying it. */
export interface TableStore {
  /** As in `--store`, without a password. */
  readonly name: string
  readonly db: Kysely<Schema>
  readonly transactions: Transactions
  /** Keeps everybody else from writing until the transaction ends, however long that takes. */
  lock(transaction: Kysely<Schema>, shapes: readonly TableShape[]): Promise<void>
  /** Lets the database number new rows from `next`. */
  renumber(transaction: Kysely<Schema>, table: string, next: number): Promise<void>
  close(): Promise<void>
}

/** The tables in a SQLite file. Throws as openDeviceRegister. */
export async function sqliteTables(path: string, ports: RegisterPorts): Promise<TableStore> {
  const { connection } = await openSqliteTables({ path, create: true }, ports)
  const { db, close } = connection
  return {
    ...{ name: `sqlite:${path}`, db, close, transactions: transactionsOf(db, SQLITE) },
    // A transaction is the only one that writes, and new rows have the next number after the highest.
    lock: async () => undefined,
    renumber: async () => undefined,
  }
}

/**
 * The tables in a PostgreSQL database.
 *
 * @param create whether to create them when they are missing
 * @throws FpkiError as openDeviceRegister
 */
export async function postgresTables(
  place: PostgresPlace,
  { create }: { readonly create: boolean },
  ports: Pick<RegisterPorts, 'random' | 'clock'>,
): Promise<TableStore> {
  const { db, close } = await connectPostgres(place, 'write')
  try {
    if (create) await migratePostgres(db, newRegister(ports))
    const schema = await schemaVersion(db)
    checkSchemaVersion(place, schema)
    if (schema?.version !== SCHEMA) throw newerTables(place.name)
  } catch (error) {
    await close()
    throw error
  }
  return {
    ...{ name: place.name, db, close, transactions: transactionsOf(db, POSTGRES) },
    lock: async (transaction, shapes) => {
      await sql`set local idle_in_transaction_session_timeout = 0`.execute(transaction)
      const tables = sql.join(shapes.map(({ name }) => sql.table(name)))
      await sql`lock table ${tables} in exclusive mode`.execute(transaction)
    },
    renumber: async (transaction, table, next) => {
      await sql`alter table ${sql.table(table)} alter column id restart with ${sql.lit(next)}`.execute(transaction)
    },
  }
}

function newerTables(name: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `The device register ${name} was changed by a newer fpki, whose tables this one does not know.`,
    'Nothing was copied. Use that version of fpki.',
  )
}
