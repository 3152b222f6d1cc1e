import { type Expression, type ExpressionBuilder, type Kysely, type SqlBool, sql, type Transaction } from 'kysely'
import type { Engine } from './engine.js'
import { OUTBOX_ACTIONS, type Outbox, type OutboxAction, type OutboxEntry, type OutboxState } from './outbox.js'
import type { DeviceState } from './register.js'
import {
  damaged,
  integer,
  octets,
  serialHex,
  serialOctets,
  text,
  textOrNull,
  timeOrNull,
  uuidOctets,
  uuidText,
} from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'

const ACTIVE = sql.lit<DeviceState>('active')
const CONFLICT = sql.lit<DeviceState>('conflict')
const DENIED = sql.lit<DeviceState>('denied')

/** A device that was denied meanwhile keeps its announcement, for when it is allowed again; and the other way round. */
function isForApi(is: ExpressionBuilder<Schema, 'outbox' | 'devices'>): Expression<SqlBool> {
  const action = (one: OutboxAction) => is('outbox.action', '=', sql.lit(one))
  return is.or([
    is.and([action('announce'), is('devices.state', '=', ACTIVE)]),
    is.and([action('deny'), is('devices.state', '=', DENIED)]),
    is.and([action('allow'), is('devices.state', '!=', DENIED)]),
  ])
}

/** The outbox of a register in a SQL database. */
export function sqlOutbox(db: Kysely<Schema>, engine: Engine, transactions: Transactions): Outbox {
  return {
    take: (order) =>
      transactions(async (transaction) => {
        const devices = await dueDevices(transaction, engine, order)
        if (devices.length === 0) return []
        const update = transaction.updateTable('outbox').set({ taken_until: order.until })
        await update.where('device', 'in', devices).execute()
        return entriesOf(transaction, devices)
      }),
    delivered: (entries) =>
      transactions(async (transaction) => {
        // Always in the same order, so that two instances do not wait for each other.
        for (const entry of entries.toSorted((a, b) => (a.uuid < b.uuid ? -1 : 1))) {
          const device = await release(transaction, entry)
          if (device !== null) await transaction.deleteFrom('outbox').where('device', '=', device).execute()
        }
      }),
    conflict: (entry) =>
      transactions(async (transaction) => {
        const device = await release(transaction, entry)
        if (device === null) return
        await transaction.deleteFrom('outbox').where('device', '=', device).execute()
        const update = transaction.updateTable('devices').set({ state: 'conflict' }).where('id', '=', device)
        await update.where('state', '=', ACTIVE).execute()
      }),
    failed: (entry, { at, reason }) =>
      transactions(async (transaction) => {
        const device = await release(transaction, entry)
        if (device === null) return
        const update = transaction.updateTable('outbox').set({ next_at: at, reason, attempts: sql`attempts + 1` })
        await update.where('device', '=', device).execute()
      }),
    state: () => stateOf(db),
  }
}

/** The devices whose entries may be taken. */
async function dueDevices(
  transaction: Transaction<Schema>,
  engine: Engine,
  { count, at }: Parameters<Outbox['take']>[0],
): Promise<readonly number[]> {
  const due = transaction
    .selectFrom('outbox')
    .innerJoin('devices', 'devices.id', 'outbox.device')
    .select('outbox.device')
    .where('outbox.next_at', '<=', at)
    .where((is) => is.or([is('outbox.taken_until', 'is', null), is('outbox.taken_until', '<=', at)]))
    .where(isForApi)
    .orderBy('outbox.next_at')
    .orderBy('outbox.device')
    .limit(count)
  return (await engine.lockFree(due, 'outbox').execute()).map(({ device }) => integer(device, 'outbox.device'))
}

async function entriesOf(
  transaction: Transaction<Schema>,
  devices: readonly number[],
): Promise<readonly OutboxEntry[]> {
  const rows = await transaction
    .selectFrom('outbox')
    .innerJoin('devices', 'devices.id', 'outbox.device')
    .leftJoin('certificates', 'certificates.id', 'outbox.certificate')
    .innerJoin('cas', 'cas.id', 'devices.ca')
    .select([
      'outbox.device',
      'outbox.action',
      'outbox.attempts',
      'devices.uuid',
      'devices.name',
      'devices.device_group',
    ])
    .select(['certificates.serial', 'certificates.der', 'cas.fingerprint'])
    .where('outbox.device', 'in', devices)
    .execute()
  const entries = new Map(rows.map((row) => [integer(row.device, 'outbox.device'), entryOf(row)]))
  return devices.flatMap((device) => entries.get(device) ?? [])
}

function entryOf(row: {
  readonly action: unknown
  readonly uuid: Uint8Array
  readonly name: string | null
  readonly device_group: string | null
  readonly serial: Uint8Array | null
  readonly der: Uint8Array | null
  readonly fingerprint: string
  readonly attempts: number
}): OutboxEntry {
  const uuid = uuidText(octets(row.uuid, 'devices.uuid', 16))
  return {
    action: OUTBOX_ACTIONS.find((action) => action === row.action) ?? damaged('outbox.action'),
    uuid,
    name: textOrNull(row.name, 'devices.name') ?? uuid,
    group: textOrNull(row.device_group, 'devices.device_group'),
    serial: row.serial === null ? null : serialHex(row.serial),
    der: row.der === null ? null : octets(row.der, 'certificates.der'),
    ca: text(row.fingerprint, 'cas.fingerprint'),
    attempts: integer(row.attempts, 'outbox.attempts'),
  }
}

/** The device of an entry that still waits; null: another one has taken its place, which is anybody's now. */
async function release(
  transaction: Transaction<Schema>,
  { action, uuid, serial }: OutboxEntry,
): Promise<number | null> {
  const row = await transaction
    .updateTable('outbox')
    .set({ taken_until: null })
    .where('device', '=', (is) => is.selectFrom('devices').select('id').where('uuid', '=', uuidOctets(uuid)))
    .returning(['device', 'certificate', 'action'])
    .executeTakeFirst()
  if (row === undefined || row.action !== action) return null
  if (row.certificate === null) return serial === null ? integer(row.device, 'outbox.device') : null
  const certificate = transaction.selectFrom('certificates').select('serial').where('id', '=', row.certificate)
  const newest = serialOctets((await certificate.executeTakeFirstOrThrow()).serial)
  return serial !== null && Buffer.from(serial, 'hex').equals(newest) ? integer(row.device, 'outbox.device') : null
}

async function stateOf(db: Kysely<Schema>): Promise<OutboxState> {
  const waiting = await db
    .selectFrom('outbox')
    .innerJoin('devices', 'devices.id', 'outbox.device')
    .where(isForApi)
    .select(({ fn }) => [fn.countAll().as('count'), fn.min('outbox.created_at').as('oldest')])
    .executeTakeFirstOrThrow()
  const conflicts = await db
    .selectFrom('devices')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('state', '=', CONFLICT)
    .executeTakeFirstOrThrow()
  const failure = await db
    .selectFrom('outbox')
    .select('reason')
    .where('reason', 'is not', null)
    .orderBy('next_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return {
    waiting: integer(waiting.count, 'outbox'),
    oldest: timeOrNull(waiting.oldest, 'outbox.created_at'),
    conflicts: integer(conflicts.count, 'devices'),
    lastFailure: textOrNull(failure?.reason ?? null, 'outbox.reason'),
  }
}
