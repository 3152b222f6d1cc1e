import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite'
import { Kysely, SqliteDialect, sql } from 'kysely'
import type { Engine } from './engine.js'
import type { Schema } from './schema.js'
import { explainSqliteErrors } from './sqlite-errors.js'

const STRICT = sql`strict`
const CLUSTERED = sql`strict, without rowid`

/** "fpki" as a number: the application id of a register, in the header of its file. */
export const APPLICATION_ID = 0x66706b69

/** How long SQLite waits for a lock of another process, such as the one of a process that opens the database. */
const BUSY_MILLISECONDS = 10_000

/** How long for the lock of a transaction, before fpki handles signals and tries again (transactions.ts). */
const BEGIN_MILLISECONDS = 50

/** SQLite as an engine of the register. */
export const SQLITE: Engine = {
  octets: 'blob',
  integer: 'integer',
  id: (column) => column.primaryKey(),
  table: (table, clustered = false) => table.modifyEnd(clustered ? CLUSTERED : STRICT),
  tries: 120_000 / BEGIN_MILLISECONDS,
  lock: (query) => query,
  lockFree: (query) => query,
}

/**
 * Every commit is on the disk before it is answered. The schema of a file is not trusted. The longer the WAL before its
 * pages are copied into the database, the more changes of a page are copied once: 65,536 pages (256 MB) need half the
 * writing of 1,000. The page cache (32 MB) leaves room in the 300 MB that a process may use.
 */
const PRAGMAS = [
  `busy_timeout = ${BUSY_MILLISECONDS}`,
  'trusted_schema = off',
  'cell_size_check = on',
  'synchronous = full',
  'foreign_keys = on',
  'wal_autocheckpoint = 65536',
  'cache_size = -32768',
  'temp_store = memory',
]

/** A connection to a SQLite database. */
export interface SqliteConnection {
  readonly db: Kysely<Schema>
  exec(sql: string): void
  /** The first row of a pragma. */
  get(sql: string): unknown
  close(): Promise<void>
}

/** `immutable` is for a file on a read-only file system: it locks nothing, and ignores the WAL. */
export type Access = 'write' | 'read' | 'immutable'

/**
 * Connects to the database at `path` (absolute), which exists. The package is the same with every Node: node:sqlite, whose
 * interface it has, is missing in Node 20 and prints a warning in Node 22.
 */
export async function connect(path: string, access: Access): Promise<SqliteConnection> {
  // Loaded when it is needed, because it is native.
  const { DatabaseSync } = await import('@photostructure/sqlite')
  const query = access === 'immutable' ? 'immutable=1' : 'mode=rw'
  const name = `file:${path.split('/').map(encodeURIComponent).join('/')}?${query}`
  const open = () => new DatabaseSync(name, { readOnly: access === 'immutable', defensive: true })
  return connectionTo(path, explainSqliteErrors(path, open), access)
}

/** A database of this process alone. */
export async function inMemory(): Promise<SqliteConnection> {
  const { DatabaseSync } = await import('@photostructure/sqlite')
  return connectionTo(':memory:', new DatabaseSync(':memory:'), 'read')
}

function connectionTo(path: string, database: DatabaseSyncInstance, access: Access): SqliteConnection {
  const exec = (sql: string) => explainSqliteErrors(path, () => database.exec(sql))
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: adapted(path, database) }) })
  const close = async () => {
    if (!database.isOpen) return
    if (access === 'write') copyWal(database)
    explainSqliteErrors(path, () => database.close())
  }
  try {
    for (const setting of PRAGMAS) exec(`pragma ${setting}`)
    if (access !== 'write' && path !== ':memory:') exec('pragma query_only = on')
  } catch (error) {
    database.close()
    throw error
  }
  return { db, exec, get: (sql) => explainSqliteErrors(path, () => database.prepare(sql).get()), close }
}

/**
 * SQLite copies the WAL into the database when the last connection closes; but this package cannot finalize statements, so
 * that a connection ends only with the process. Whoever is reading meanwhile does not matter: the WAL stays then.
 */
function copyWal(database: DatabaseSyncInstance): void {
  try {
    database.exec('pragma busy_timeout = 0')
    database.exec('pragma wal_checkpoint(truncate)')
  } catch {
    // Everything committed is in the WAL.
  }
}

/** The number that a pragma has. */
export function pragma(connection: SqliteConnection, name: string): unknown {
  return Object.values(Object(connection.get(`pragma ${name}`)))[0]
}

/** What Kysely's dialect expects, over node:sqlite's interface. Each statement is prepared once. */
function adapted(path: string, database: DatabaseSyncInstance) {
  const statements = new Map<string, ReturnType<typeof adaptedStatement>>()
  const prepared = (sql: string) => {
    const statement = statements.get(sql) ?? adaptedStatement(path, database.prepare(sql))
    statements.set(sql, statement)
    return statement
  }
  return {
    close: () => undefined,
    prepare: (sql: string) =>
      explainSqliteErrors(path, () => {
        // A transaction that reads before it writes would fail when another process writes in between.
        if (sql === 'begin') return { ...NOTHING, run: () => begin(path, database) }
        // After a full disk, SQLite has rolled back already.
        if (sql === 'rollback' && !database.isTransaction) return NOTHING
        return prepared(sql)
      }),
  }
}

function begin(path: string, database: DatabaseSyncInstance) {
  try {
    database.exec(`pragma busy_timeout = ${BEGIN_MILLISECONDS}`)
    explainSqliteErrors(path, () => database.exec('begin immediate'))
  } finally {
    database.exec(`pragma busy_timeout = ${BUSY_MILLISECONDS}`)
  }
  return NOTHING.run()
}

const NOTHING = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [][Symbol.iterator](),
}

function adaptedStatement(path: string, statement: StatementSyncInstance) {
  return {
    reader: statement.columns().length > 0,
    all: (parameters: readonly unknown[]): unknown[] => explainSqliteErrors(path, () => statement.all(...parameters)),
    run: (parameters: readonly unknown[]) => explainSqliteErrors(path, () => statement.run(...parameters)),
    // Kysely asks for it; fpki reads in pages.
    iterate: (parameters: readonly unknown[]) => statement.iterate(...parameters),
  }
}
