import {
  Kysely,
  type PostgresCursor,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  type PostgresQueryResult,
} from 'kysely'
import type { Client, Pool, PoolClient, PoolConfig } from 'pg'
import { FpkiError } from '../errors.js'
import type { Engine } from './engine.js'
import { explainPostgresErrors } from './postgres-errors.js'
import type { Schema } from './schema.js'

/** How long the server waits for a lock of another transaction, before fpki tries again. */
const LOCK_MILLISECONDS = 2000

/** PostgreSQL, and what speaks its protocol, as an engine of the register. */
export const POSTGRES: Engine = {
  octets: 'bytea',
  integer: 'bigint',
  // Not "always": a copy of a register has the numbers of its original.
  id: (column) => column.primaryKey().generatedByDefaultAsIdentity(),
  table: (table) => table,
  tries: 120_000 / LOCK_MILLISECONDS,
  // Weaker than FOR UPDATE: rows that refer to them can be added meanwhile.
  lock: (query, table) => query.forNoKeyUpdate(table),
  lockFree: (query, table) => query.forUpdate(table).skipLocked(),
}

/** After this long without an answer, the server counts as not available: connecting, and for any statement. */
const CONNECT_MILLISECONDS = 10_000
const ANSWER_MILLISECONDS = 300_000

/** A process that hangs in a transaction must not stop the others for longer. */
const IDLE_MILLISECONDS = 60_000

/** How many connections a process has at most. */
const CONNECTIONS = 8

/** Which server and database, and as whom. */
export interface PostgresPlace {
  /** A name, an address, or the absolute path of the folder with the server's socket. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Asked for when the server wants one. Secret. */
  readonly password: () => Promise<string | undefined>
  /** null: without TLS. */
  readonly tls: PostgresTls | null
  /** Settings of the session, as in PGOPTIONS: `-c search_path=fpki`. */
  readonly options: string | null
  /** Without a password, for messages: `postgres://user@host:5432/database`. */
  readonly name: string
}

/** How TLS is used. */
export interface PostgresTls {
  /** Whether the certificate of the server, and the host's name in it, are checked. */
  readonly rejectUnauthorized: boolean
  /** PEM: the CAs that may sign it; by default those that Node trusts. */
  readonly ca?: string
}

/** Connections to a PostgreSQL database. */
export interface PostgresConnection {
  readonly db: Kysely<Schema>
  close(): Promise<void>
}

/** Connects when something is asked for. */
export async function connectPostgres(place: PostgresPlace, access: 'write' | 'read'): Promise<PostgresConnection> {
  // Loaded when it is needed: few need it.
  const { Pool: PgPool, Client, types } = await import('pg')
  const getTypeParser: typeof types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
    oid === types.builtins.INT8 && format !== 'binary' ? Number : types.getTypeParser(oid, format)
  const pool = new PgPool({ ...configOf(place), types: { getTypeParser }, Client: closing(Client) })
  // A connection that the server closes while nobody uses it is replaced by another one.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: adapted(place.name, pool, access) }) })
  return { db, close: () => db.destroy() }
}

/** A client that closes its socket when it cannot log in, which would keep the process for the server's patience. */
function closing(Base: typeof Client): typeof Client {
  return class extends Base {
    override connect(): Promise<Client>
    override connect(done: (error: Error) => void): void
    override connect(done?: (error: Error) => void): Promise<Client> | undefined {
      if (done === undefined) return super.connect()
      super.connect((error: Error) => {
        if (error) this.end(() => undefined)
        done(error)
      })
      return undefined
    }
  }
}

function configOf({ host, port, user, database, password, tls, options }: PostgresPlace): PoolConfig {
  return {
    ...{ host, port, user, database, ssl: tls === null ? false : { ...tls } },
    // pg's type leaves out that there may be no password.
    password: async () => (await password()) ?? '',
    ...(options === null ? {} : { options }),
    ...{ max: CONNECTIONS, connectionTimeoutMillis: CONNECT_MILLISECONDS, query_timeout: ANSWER_MILLISECONDS },
    ...{ keepAlive: true, keepAliveInitialDelayMillis: 10_000, application_name: 'fpki' },
  }
}

/** By statements, because proxies refuse unknown settings at the start of a connection. */
async function setUp(client: { query(sql: string): Promise<unknown> }, access: 'write' | 'read'): Promise<void> {
  await client.query(`set lock_timeout = ${LOCK_MILLISECONDS}`)
  await client.query(`set idle_in_transaction_session_timeout = ${IDLE_MILLISECONDS}`)
  await client.query("set default_transaction_isolation = 'read committed'")
  if (access === 'read') await client.query('set default_transaction_read_only = on')
  else await requireDurable(client)
}

/**
 * Every commit is on the server's disk before it is answered. What an administrator has set beyond that, such as
 * `remote_apply`, stays.
 */
async function requireDurable(client: { query(sql: string): Promise<unknown> }): Promise<void> {
  if (isDurable(await synchronousCommit(client))) return
  await client.query('set synchronous_commit = on')
  if (isDurable(await synchronousCommit(client))) return
  throw new FpkiError(
    'ERR_STORAGE',
    'The database server does not wait for its disk when it commits (synchronous_commit is off).',
    'Set synchronous_commit = on on the server.',
  )
}

function isDurable(setting: unknown): boolean {
  return setting === 'on' || setting === 'remote_write' || setting === 'remote_apply'
}

async function synchronousCommit(client: { query(sql: string): Promise<unknown> }): Promise<unknown> {
  const { rows } = Object(await client.query('show synchronous_commit'))
  return Object.values(Object(rows?.[0]))[0]
}

/** What Kysely's dialect expects, with errors that are explained. */
function adapted(name: string, pool: Pool, access: 'write' | 'read'): PostgresPool {
  const clients = new WeakMap<PoolClient, PostgresPoolClient>()
  const nameOf = statementNames()
  return {
    connect: () =>
      explainPostgresErrors(name, async () => {
        const client = await pool.connect()
        const cached = clients.get(client)
        if (cached !== undefined) return cached
        await setUp(client, access).catch((error: unknown) => {
          client.release(true)
          throw error
        })
        const adaptation = adaptedClient(name, client, nameOf)
        clients.set(client, adaptation)
        return adaptation
      }),
    end: () => pool.end(),
  }
}

/** More are not prepared: each takes memory of the server. */
const MOST_PREPARED = 500

/**
 * The name under which a connection prepares a statement, so that the server parses and plans it once: that is twice as fast
 * for a batch. undefined: not prepared. With `*`, it would fail for ever when another process adds a column.
 */
function statementNames(): (sql: string) => string | undefined {
  const names = new Map<string, string>()
  return (sql) => {
    const cached = names.get(sql)
    if (cached !== undefined || names.size >= MOST_PREPARED || sql.includes('*') || !sql.includes('$1')) return cached
    const name = `fpki${names.size}`
    names.set(sql, name)
    return name
  }
}

function adaptedClient(
  name: string,
  client: PoolClient,
  nameOf: (sql: string) => string | undefined,
): PostgresPoolClient {
  let lost: unknown = null
  const run = async (sql: string, parameters: readonly unknown[]) => {
    // Kysely rolls back after an error; without a connection, that would wait for an answer again.
    if (lost !== null) throw lost
    const statement = nameOf(sql)
    const query = { text: sql, values: [...parameters], ...(statement === undefined ? {} : { name: statement }) }
    try {
      return await explainPostgresErrors(name, () => client.query(query))
    } catch (error) {
      if (error instanceof FpkiError && error.code === 'ERR_STORE_AWAY') lost = error
      throw error
    }
  }
  function query<Row>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>
  function query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>
  function query(text: unknown, parameters: readonly unknown[] = []): unknown {
    if (typeof text !== 'string') throw new Error('fpki reads in pages, without cursors')
    return run(text, parameters)
  }
  return { query, release: (isDiscarded) => client.release(lost !== null || isDiscarded) }
}
