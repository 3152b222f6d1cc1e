import { type Kysely, sql, type Transaction } from 'kysely'
import { FpkiError } from '../errors.js'
import { shellWord } from '../shell-word.js'
import { MIGRATIONS, type NewRegister, OLDEST_WRITER, SCHEMA } from './migrations.js'
import { POSTGRES } from './postgres.js'
import { integer } from './rows.js'
import type { Schema } from './schema.js'
import { transactionsOf } from './transactions.js'

/** The version of the schema in a database. */
export interface SchemaVersion {
  readonly version: number
  /** The oldest version whose programs may still write. */
  readonly oldestWriter: number
}

/** "fpki" as a number: the name of the lock of those who create or change the tables. */
const LOCK = 0x66706b69

/**
 * Creates the tables, or brings older ones up to date, in one transaction. Resolves to the version from before; null: there
 * were no tables.
 *
 * By an advisory lock, two that do this at once wait for each other: there may be no table yet that could be locked.
 */
export function migratePostgres(db: Kysely<Schema>, register: NewRegister): Promise<SchemaVersion | null> {
  const transactions = transactionsOf(db, POSTGRES)
  return transactions(async (transaction) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(LOCK)})`.execute(transaction)
    const before = await schemaVersion(transaction)
    if ((before?.version ?? 0) >= SCHEMA) return before
    if (before === null) await createVersion(transaction)
    for (const step of MIGRATIONS.slice(before?.version ?? 0)) await step(transaction, POSTGRES, register)
    await sql`update fpki_schema set version = ${SCHEMA}, oldest_writer = ${OLDEST_WRITER}`.execute(transaction)
    return before
  })
}

async function createVersion(transaction: Transaction<Schema>): Promise<void> {
  await sql`create table fpki_schema (version bigint not null, oldest_writer bigint not null)`.execute(transaction)
  await sql`insert into fpki_schema (version, oldest_writer) values (0, 0)`.execute(transaction)
}

/** null: there are no tables. */
export async function schemaVersion(db: Kysely<Schema>): Promise<SchemaVersion | null> {
  const { rows: tables } = await sql`select 1 from information_schema.tables
    where table_schema = current_schema() and table_name = 'fpki_schema'`.execute(db)
  if (tables.length === 0) return null
  const { rows } = await sql<Record<string, unknown>>`select version, oldest_writer from fpki_schema`.execute(db)
  return {
    version: integer(rows[0]?.['version'], 'fpki_schema.version'),
    oldestWriter: integer(rows[0]?.['oldest_writer'], 'fpki_schema.oldest_writer'),
  }
}

/** Throws FpkiError unless this fpki can use a register: ERR_NOT_INITIALIZED without tables, ERR_BAD_FILE for other versions. */
export function checkSchemaVersion(
  { name, directory }: { readonly name: string; readonly directory?: string | undefined },
  schema: SchemaVersion | null,
): void {
  const [folder, store] = [directory === undefined ? 'DIR' : shellWord(directory), shellWord(name)]
  if (schema === null) {
    throw new FpkiError(
      'ERR_NOT_INITIALIZED',
      `The database ${name} has no device register.`,
      `Create its tables: fpki devices store init ${folder} --store ${store}`,
    )
  }
  const { version, oldestWriter } = schema
  if (oldestWriter > SCHEMA) {
    throw new FpkiError(
      'ERR_BAD_FILE',
      `The device register ${name} was changed by a newer fpki (schema ${version}; this one has ${SCHEMA}).`,
      'Nothing was changed. Use that version of fpki, or a newer one.',
    )
  }
  if (version >= SCHEMA) return
  throw new FpkiError(
    'ERR_BAD_FILE',
    `The device register ${name} is of an older fpki (schema ${version}; this one has ${SCHEMA}).`,
    `Bring it up to date: fpki devices store migrate ${folder} --store ${store}`,
  )
}
