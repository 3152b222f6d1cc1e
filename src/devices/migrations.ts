import { type Kysely, sql } from 'kysely'
import type { Clock, Random } from '../ports.js'
import { ON_HOLD } from './denial.js'
import type { Engine } from './engine.js'
import { DEFAULT_LINE, DEFAULT_REISSUE_WINDOW, type DeviceState } from './register.js'
import type { Schema } from './schema.js'

/** What a new register is made with. */
export interface NewRegister {
  /** Lower-case hex. */
  readonly id: string
  readonly createdAt: number
}

/** What a new register is made with now. */
export function newRegister({ random, clock }: { readonly random: Random; readonly clock: Clock }): NewRegister {
  return { id: Buffer.from(random.bytes(16)).toString('hex'), createdAt: clock().getTime() }
}

type Migration = (db: Kysely<Schema>, engine: Engine, register: NewRegister) => Promise<void>

/**
 * The register's schema, a step at a time. Steps are only ever added, and only add: an older fpki refuses to write to a
 * newer register, and a newer one brings an older register up to date.
 */
export const MIGRATIONS: readonly Migration[] = [createTables, createRegistrationTables, addMovedTo, addLaterLife]

/** The version of the schema that this fpki writes. */
export const SCHEMA = MIGRATIONS.length

/**
 * The oldest version whose programs may write to the newest schema, as other instances do while one after the other is
 * replaced: steps only add. A step that makes an older program's writes wrong raises it to its own number.
 */
export const OLDEST_WRITER = 4

async function createTables(db: Kysely<Schema>, engine: Engine, register: NewRegister): Promise<void> {
  await createSmallTables(db, engine)
  await createDeviceTables(db, engine)
  await createIndexes(db, INDEXES)
  await sql`insert into register (id) values (${register.id})`.execute(db)
  const columns = sql`name, state, allows_production, reissue_window, created_at`
  await sql`insert into lines (${columns})
    values (${DEFAULT_LINE}, 'open', 1, ${DEFAULT_REISSUE_WINDOW}, ${register.createdAt})`.execute(db)
}

async function createSmallTables(db: Kysely<Schema>, engine: Engine): Promise<void> {
  const { table, id } = engine
  const integer = sql.raw(engine.integer)
  await table(db.schema.createTable('register'))
    .addColumn('id', 'text', (column) => column.notNull())
    .execute()
  await table(db.schema.createTable('lines'))
    .addColumn('id', integer, id)
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('ca', 'text')
    .addColumn('quota', integer)
    .addColumn('per_day', integer)
    .addColumn('valid_from', integer)
    .addColumn('valid_until', integer)
    .addColumn('hardware_ids', 'text')
    .addColumn('allows_production', integer, (column) => column.notNull())
    .addColumn('device_group', 'text')
    .addColumn('reissue_window', integer, (column) => column.notNull())
    .addColumn('created_at', integer, (column) => column.notNull())
    .addColumn('issued', integer, (column) => column.notNull().defaultTo(0))
    .addColumn('day', integer, (column) => column.notNull().defaultTo(0))
    .addColumn('issued_on_day', integer, (column) => column.notNull().defaultTo(0))
    .execute()
  await table(db.schema.createTable('cas'))
    .addColumn('id', integer, id)
    .addColumn('fingerprint', 'text', (column) => column.notNull().unique())
    .execute()
  await table(db.schema.createTable('jobs'))
    .addColumn('id', integer, id)
    .addColumn('line', integer, (column) => column.notNull().references('lines.id'))
    .addColumn('started_at', integer, (column) => column.notNull())
    .addColumn('finished_at', integer)
    .addColumn('issued', integer, (column) => column.notNull().defaultTo(0))
    .addColumn('reused', integer, (column) => column.notNull().defaultTo(0))
    .addColumn('refused', integer, (column) => column.notNull().defaultTo(0))
    .execute()
}

async function createDeviceTables(db: Kysely<Schema>, engine: Engine): Promise<void> {
  const { table, id } = engine
  const [octets, integer] = [sql.raw(engine.octets), sql.raw(engine.integer)]
  await table(db.schema.createTable('devices'))
    .addColumn('id', integer, id)
    .addColumn('uuid', octets, (column) => column.notNull().unique())
    .addColumn('line', integer, (column) => column.notNull().references('lines.id'))
    .addColumn('ca', integer, (column) => column.notNull().references('cas.id'))
    .addColumn('name', 'text')
    .addColumn('device_group', 'text')
    .addColumn('hardware_id', 'text')
    .addColumn('serial_number', 'text')
    .addColumn('is_production', integer, (column) => column.notNull())
    .addColumn('created_at', integer, (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('issued_at', integer, (column) => column.notNull())
    .addColumn('not_after', integer, (column) => column.notNull())
    .execute()
  await table(db.schema.createTable('keys'), true)
    .addColumn('key_hash', octets, (column) => column.notNull().primaryKey())
    .addColumn('device', integer, (column) => column.notNull().references('devices.id'))
    .execute()
  await table(db.schema.createTable('certificates'))
    .addColumn('id', integer, id)
    .addColumn('device', integer, (column) => column.notNull().references('devices.id'))
    .addColumn('serial', octets, (column) => column.notNull().unique())
    .addColumn('key_hash', octets, (column) => column.notNull())
    .addColumn('der', octets, (column) => column.notNull())
    .addColumn('issued_at', integer, (column) => column.notNull())
    .addColumn('not_after', integer, (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('ended_at', integer)
    .execute()
}

/** What the registration service needs (credential-store.ts, outbox.ts). */
async function createRegistrationTables(db: Kysely<Schema>, { table, id, ...engine }: Engine): Promise<void> {
  const [octets, integer] = [sql.raw(engine.octets), sql.raw(engine.integer)]
  await db.schema.alterTable('devices').addColumn('credential', 'text').execute()
  await table(db.schema.createTable('tokens'))
    .addColumn('id', 'text', (column) => column.notNull().primaryKey())
    .addColumn('hash', octets, (column) => column.notNull().unique())
    .addColumn('line', integer, (column) => column.notNull().references('lines.id'))
    .addColumn('uuid', octets)
    .addColumn('uses', integer)
    .addColumn('used', integer, (column) => column.notNull().defaultTo(0))
    .addColumn('listed', integer)
    .addColumn('created_at', integer, (column) => column.notNull())
    .addColumn('expires_at', integer)
    .addColumn('revoked_at', integer)
    .execute()
  await table(db.schema.createTable('listed_devices'))
    .addColumn('id', integer, id)
    .addColumn('token', 'text', (column) => column.notNull().references('tokens.id'))
    .addColumn('uuid', octets)
    .addColumn('serial_number', 'text')
    .addColumn('key_hash', octets)
    .addColumn('used_by', octets)
    .execute()
  await table(db.schema.createTable('stations'))
    .addColumn('id', integer, id)
    .addColumn('line', integer, (column) => column.notNull().references('lines.id'))
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull().unique())
    .addColumn('not_after', integer, (column) => column.notNull())
    .addColumn('created_at', integer, (column) => column.notNull())
    .addColumn('revoked_at', integer)
    .execute()
  await table(db.schema.createTable('outbox'))
    .addColumn('device', integer, (column) => column.notNull().primaryKey().references('devices.id'))
    .addColumn('certificate', integer, (column) => column.notNull().references('certificates.id'))
    .addColumn('created_at', integer, (column) => column.notNull())
    .addColumn('next_at', integer, (column) => column.notNull())
    .addColumn('taken_until', integer)
    .addColumn('attempts', integer, (column) => column.notNull().defaultTo(0))
    .addColumn('reason', 'text')
    .execute()
  await createIndexes(db, REGISTRATION_INDEXES)
  for (const [name, column] of LIST_INDEXES) {
    const index = db.schema.createIndex(name).on('listed_devices').columns(['token', column])
    await index.where(sql.ref(column), 'is not', null).execute()
  }
  await db.schema
    .createIndex('stations_by_name')
    .unique()
    .on('stations')
    .columns(['line', 'name'])
    .where(sql.ref('revoked_at'), 'is', null)
    .execute()
  await db.schema
    .createIndex('devices_in_conflict')
    .on('devices')
    .columns(['state'])
    .where(sql.ref('state'), '=', sql.lit<DeviceState>('conflict'))
    .execute()
}

/** Programs without it would write to a register that was moved. */
async function addMovedTo(db: Kysely<Schema>): Promise<void> {
  await db.schema.alterTable('register').addColumn('moved_to', 'text').execute()
}

/** What renewals, denials, CRLs and OCSP answers need. Programs without it would record certificates without their CA. */
async function addLaterLife(db: Kysely<Schema>, engine: Engine): Promise<void> {
  const integer = sql.raw(engine.integer)
  await db.schema.alterTable('devices').addColumn('denied_at', integer).execute()
  await db.schema.alterTable('devices').addColumn('denied_reason', 'text').execute()
  await db.schema.alterTable('certificates').addColumn('ca', integer).execute()
  await sql`update certificates set ca = (select devices.ca from devices where devices.id = certificates.device)`.execute(
    db,
  )
  await db.schema.alterTable('certificates').addColumn('seen_at', integer).execute()
  // Denials were of certificates, without a reason, and could always end.
  await sql`update devices set denied_reason = ${sql.lit(ON_HOLD)}, denied_at = coalesce((select max(ended_at)
    from certificates where device = devices.id), created_at) where state = 'denied'`.execute(db)
  await sql`update certificates set state = 'active', ended_at = null where state = 'denied'`.execute(db)
  await db.schema
    .alterTable('cas')
    .addColumn('crl_number', integer, (column) => column.notNull().defaultTo(0))
    .execute()
  await db.schema.alterTable('register').addColumn('root_key', 'text').execute()
  await keepOutboxWithoutCertificates(db, engine)
  // Many have the same time: pages are read in the order of the ids.
  const ended = db.schema.createIndex('certificates_ended').on('certificates').columns(['ended_at', 'id'])
  await ended.where(sql.ref('ended_at'), 'is not', null).execute()
  const denied = db.schema.createIndex('devices_denied').on('devices').column('id')
  await denied.where(sql.ref('denied_at'), 'is not', null).execute()
}

/** A device that another service registered has no certificate here, but may be denied. SQLite cannot change a column. */
async function keepOutboxWithoutCertificates(db: Kysely<Schema>, { table, ...engine }: Engine): Promise<void> {
  const integer = sql.raw(engine.integer)
  await db.schema.alterTable('outbox').renameTo('older_outbox').execute()
  await table(db.schema.createTable('outbox'))
    .addColumn('device', integer, (column) => column.notNull().primaryKey().references('devices.id'))
    .addColumn('certificate', integer, (column) => column.references('certificates.id'))
    .addColumn('created_at', integer, (column) => column.notNull())
    .addColumn('next_at', integer, (column) => column.notNull())
    .addColumn('taken_until', integer)
    .addColumn('attempts', integer, (column) => column.notNull().defaultTo(0))
    .addColumn('reason', 'text')
    .addColumn('action', 'text', (column) => column.notNull().defaultTo('announce'))
    .execute()
  await sql`insert into outbox (device, certificate, created_at, next_at, taken_until, attempts, reason)
    select device, certificate, created_at, next_at, taken_until, attempts, reason from older_outbox`.execute(db)
  await db.schema.dropTable('older_outbox').execute()
  await createIndexes(db, REGISTRATION_INDEXES)
}

/**
 * New rows are added at the end of these indexes, which costs next to nothing. An index in random order costs a page for
 * every row: only the UUIDs, keys and serial numbers, which have to be unique, have one.
 */
const INDEXES = [
  ['certificates_by_device', 'certificates', ['device']],
  ['devices_by_issue', 'devices', ['issued_at', 'is_production']],
  ['devices_by_end', 'devices', ['not_after', 'is_production']],
  ['devices_by_line', 'devices', ['line', 'ca', 'is_production', 'state']],
] as const

const REGISTRATION_INDEXES = [['outbox_by_next_attempt', 'outbox', ['next_at']]] as const

/** An allow list has up to a million entries, most of which name a device in one way. */
const LIST_INDEXES = [
  ['listed_devices_by_uuid', 'uuid'],
  ['listed_devices_by_serial_number', 'serial_number'],
  ['listed_devices_by_key', 'key_hash'],
] as const

type Index = readonly [name: string, table: string, columns: readonly string[]]

async function createIndexes(db: Kysely<Schema>, indexes: readonly Index[]): Promise<void> {
  for (const [name, table, columns] of indexes) {
    const index = db.schema.createIndex(name).on(table)
    await index.columns([...columns]).execute()
  }
}
