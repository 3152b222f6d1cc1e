import { type Kysely, sql } from 'kysely'
import { contradictionIn } from './contradictions.js'
import { connectPostgres, type PostgresPlace } from './postgres.js'
import { checkSchemaVersion, schemaVersion } from './postgres-schema.js'
import { integer } from './rows.js'
import type { Schema } from './schema.js'
import { tableShapes } from './table-shapes.js'

/** What was found about the place of a register. */
export interface StoreFinding {
  readonly check: 'connection' | 'durability' | 'schema' | 'clock' | 'contents' | 'certificates'
  readonly status: 'ok' | 'warning' | 'failure'
  /** A sentence. */
  readonly message: string
}

/** How far the clocks may be apart, in milliseconds. */
const CLOCK_TOLERANCE = 5000

/**
 * Looks at the server of a register: the connection, whether its commits are durable, the schema, and its clock, compared
 * with `clock`. Throws FpkiError as openDeviceRegister.
 */
export async function checkPostgres(place: PostgresPlace, clock: () => Date): Promise<readonly StoreFinding[]> {
  const { db, close } = await connectPostgres(place, 'write')
  try {
    const schema = await schemaVersion(db)
    checkSchemaVersion(place, schema)
    const version = await setting(db, 'server_version')
    return [
      connectionFinding(place, version),
      await durabilityFinding(db),
      { check: 'schema', status: 'ok', message: `The schema has version ${schema?.version}.` },
      await clockFinding(db, clock),
    ]
  } finally {
    await close()
  }
}

function connectionFinding({ tls, host }: PostgresPlace, version: string): StoreFinding {
  const server = `Connected to PostgreSQL ${version}`
  const isHere = host.startsWith('/') || /^(localhost|127\.|::1$)/i.test(host)
  if (tls?.rejectUnauthorized === true)
    return { check: 'connection', status: 'ok', message: `${server} by TLS; its certificate was verified.` }
  if (tls !== null)
    return { check: 'connection', status: 'warning', message: `${server} by TLS; its certificate was not verified.` }
  return isHere
    ? { check: 'connection', status: 'ok', message: `${server} on this machine, without TLS.` }
    : {
        check: 'connection',
        status: 'warning',
        message: `${server} without TLS: others can read and change everything.`,
      }
}

async function durabilityFinding(db: Kysely<Schema>): Promise<StoreFinding> {
  const settings = {
    fsync: await setting(db, 'fsync'),
    full_page_writes: await setting(db, 'full_page_writes'),
    synchronous_commit: await setting(db, 'synchronous_commit'),
  }
  const off = Object.entries(settings).flatMap(([name, value]) => (value === 'off' ? [name] : []))
  if (off.length === 0) {
    const message = `Commits are on the server's disk (synchronous_commit is ${settings.synchronous_commit}).`
    return { check: 'durability', status: 'ok', message }
  }
  const message = `On the server, ${off.join(' and ')} ${off.length === 1 ? 'is' : 'are'} off: a power failure can lose or damage what was committed.`
  return { check: 'durability', status: 'failure', message }
}

/** The value of a setting; empty where the server does not have it. */
async function setting(db: Kysely<Schema>, name: string): Promise<string> {
  const { rows } = await sql<{ readonly value: string | null }>`select current_setting(${name}, true) as value`.execute(
    db,
  )
  return rows[0]?.value ?? ''
}

async function clockFinding(db: Kysely<Schema>, clock: () => Date): Promise<StoreFinding> {
  const before = clock().getTime()
  const { rows } = await sql<{ readonly now: Date }>`select clock_timestamp() as now`.execute(db)
  const difference = Math.round((rows[0]?.now.getTime() ?? Number.NaN) - (before + clock().getTime()) / 2)
  const seconds = (Math.abs(difference) / 1000).toFixed(1)
  const order = difference > 0 ? 'ahead of' : 'behind'
  return Math.abs(difference) > CLOCK_TOLERANCE
    ? {
        check: 'clock',
        status: 'warning',
        message: `The clock of the server is ${seconds} s ${order} that of this machine.`,
      }
    : { check: 'clock', status: 'ok', message: `The clock of the server differs by ${seconds} s.` }
}

/** What contradicts itself in the tables, as a clause; null: nothing. */
export async function postgresDamage(db: Kysely<Schema>): Promise<string | null> {
  const contradiction = await contradictionIn(db)
  if (contradiction !== null) return contradiction
  for (const { name } of (await tableShapes()).filter(({ isNumbered }) => isNumbered)) {
    const { rows } = await sql<{ readonly count: unknown }>`select count(*) as count from ${sql.table(name)}
      where id > (select coalesce(last_value, 0) from pg_sequences where schemaname = current_schema()
        and sequencename = (select relname from pg_class where oid = pg_get_serial_sequence(${name}, 'id')::regclass))`.execute(
      db,
    )
    if (integer(rows[0]?.count, 'count') > 0) return `the numbers of new rows of ${name} are in use already`
  }
  return null
}
