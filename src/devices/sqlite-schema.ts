import { sql } from 'kysely'
import { FpkiError } from '../errors.js'
import { shellWord } from '../shell-word.js'
import { MIGRATIONS, type NewRegister, SCHEMA } from './migrations.js'
import { APPLICATION_ID, inMemory, pragma, SQLITE, type SqliteConnection } from './sqlite.js'
import { transactionsOf } from './transactions.js'

/** Creates the tables of a new register, or brings an older one up to date, in one transaction. */
export async function migrate(connection: SqliteConnection, register: NewRegister, upTo = SCHEMA): Promise<void> {
  const transactions = transactionsOf(connection.db, SQLITE)
  await transactions(async (transaction) => {
    // Read in the transaction: another process may have been first.
    const from = Number(pragma(connection, 'user_version'))
    if (from >= upTo) return
    for (const step of MIGRATIONS.slice(from, upTo)) await step(transaction, SQLITE, register)
    connection.exec(`pragma application_id = ${APPLICATION_ID}`)
    connection.exec(`pragma user_version = ${upTo}`)
  })
}

/**
 * Checks that a file is a register of a version that this fpki knows, with exactly its tables and indexes: a trigger or a
 * view of somebody else would run with the rights of fpki. Resolves to its version.
 *
 * @throws FpkiError ERR_BAD_FILE, also when it is newer
 */
export async function checkSchema(path: string, connection: SqliteConnection): Promise<number> {
  if (pragma(connection, 'application_id') !== APPLICATION_ID)
    throw badFile(path, 'it is a SQLite database of another application')
  const version = Number(pragma(connection, 'user_version'))
  if (version > SCHEMA) throw isNewer(path, version)
  const expected = await inMemory()
  try {
    await migrate(expected, { id: '', createdAt: 0 }, version)
    const wanted = new Set(await schemaOf(expected))
    const present = await schemaOf(connection)
    const foreign = present.find((one) => !wanted.has(one))
    if (foreign !== undefined)
      throw badFile(path, `its schema has something that fpki did not create: ${shown(foreign)}`)
    if (present.length !== wanted.size) throw badFile(path, 'its schema lacks a table or an index')
  } finally {
    await expected.close()
  }
  return version
}

/** Tables, indexes, views and triggers. ANALYZE of the sqlite3 tool adds tables of statistics, which are harmless. */
async function schemaOf({ db }: SqliteConnection): Promise<readonly string[]> {
  const { rows } = await sql`select type, name, tbl_name, sql from sqlite_schema
    where name not in ('sqlite_stat1', 'sqlite_stat4')`.execute(db)
  return rows.map((row) => JSON.stringify(row))
}

/** What a file says of itself may be of any length, and have control characters: JSON has none. */
function shown(json: string): string {
  return json.length > 120 ? `${json.slice(0, 120)}…` : json
}

function badFile(path: string, reason: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `${shellWord(path)} is not a usable device register: ${reason}.`,
    'Nothing was changed. Check the path, or restore the register from a backup.',
  )
}

function isNewer(path: string, version: number): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `The device register ${shellWord(path)} was written by a newer fpki (schema ${version}; this one has ${SCHEMA}).`,
    'Nothing was changed. Use the version of fpki that wrote to it last, or a newer one.',
  )
}
