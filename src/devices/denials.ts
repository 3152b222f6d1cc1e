import { type Kysely, sql, type Transaction } from 'kysely'
import { bulk, placeholders } from './bulk.js'
import { type Denial, ON_HOLD } from './denial.js'
import type { Engine } from './engine.js'
import type { OutboxAction } from './outbox.js'
import type { CertificateState, DeviceState } from './register.js'
import { integer, octets, uuidText } from './rows.js'
import type { Schema } from './schema.js'

/** A device whose row is locked until the transaction ends. */
interface LockedDevice {
  readonly id: number
  readonly uuid: string
  /** null: it is not denied. */
  readonly deniedReason: string | null
}

/** Locks the rows of devices that exist: `uuids` in their order. */
export type LockDevices = (
  transaction: Transaction<Schema>,
  uuids: readonly Uint8Array[],
) => Promise<readonly LockedDevice[]>

/** In the order of UUIDs: two transactions that wait for each other's rows would otherwise be a deadlock. */
export function deviceLocks(db: Kysely<Schema>, engine: Pick<Engine, 'lock'>): LockDevices {
  const locks = bulk((count) => {
    const devices = db.selectFrom('devices').select(['id', 'uuid', 'denied_reason'])
    return engine.lock(devices.where('uuid', 'in', placeholders(count, OCTETS)).orderBy('uuid'), 'devices')
  })
  return async (transaction, uuids) => {
    const { rows } = await locks.run(
      transaction,
      uuids.map((uuid) => [uuid]),
    )
    return rows.map(({ id, uuid, denied_reason }) => ({
      id: integer(id, 'devices.id'),
      uuid: uuidText(octets(uuid, 'devices.uuid', 16)),
      deniedReason: denied_reason,
    }))
  }
}

const OCTETS = new Uint8Array()

/** Denies devices that are not denied, or only on hold. Resolves to them. */
export async function deny(
  transaction: Transaction<Schema>,
  lock: LockDevices,
  uuids: readonly Uint8Array[],
  { reason, at, announce }: Denial,
): Promise<readonly string[]> {
  const devices = (await lock(transaction, uuids)).filter(
    ({ deniedReason }) => deniedReason === null || (deniedReason === ON_HOLD && reason !== ON_HOLD),
  )
  if (devices.length === 0) return []
  await transaction
    .updateTable('devices')
    .set({ state: 'denied', denied_reason: reason, denied_at: sql`coalesce(denied_at, ${at})` })
    .where('id', 'in', idsOf(devices))
    .execute()
  if (announce) await announceAction(transaction, idsOf(devices), 'deny', at)
  return devices.map(({ uuid }) => uuid)
}

/** Ends the denial of devices that are on hold. Resolves to them. */
export async function allow(
  transaction: Transaction<Schema>,
  lock: LockDevices,
  uuids: readonly Uint8Array[],
  { at, announce }: Pick<Denial, 'at' | 'announce'>,
): Promise<readonly string[]> {
  const devices = (await lock(transaction, uuids)).filter(({ deniedReason }) => deniedReason === ON_HOLD)
  if (devices.length === 0) return []
  const external = sql.lit<DeviceState>('external')
  await transaction
    .updateTable('devices')
    .set({ state: sql`coalesce(${newestOfDevice('state')}, ${external})`, denied_at: null, denied_reason: null })
    .where('id', 'in', idsOf(devices))
    .execute()
  // The API may know of the denial already, when the attempt to inform it was interrupted.
  const waiting = transaction.selectFrom('outbox').select('device').where('action', '=', sql.lit<OutboxAction>('deny'))
  const informed = announce
    ? devices
    : await devicesIn(waiting.where('device', 'in', idsOf(devices)).execute(), devices)
  if (informed.length > 0) await announceAction(transaction, idsOf(informed), 'allow', at)
  return devices.map(({ uuid }) => uuid)
}

async function devicesIn(
  rows: Promise<readonly { readonly device: number }[]>,
  devices: readonly LockedDevice[],
): Promise<readonly LockedDevice[]> {
  const waiting = new Set((await rows).map(({ device }) => integer(device, 'outbox.device')))
  return devices.filter(({ id }) => waiting.has(id))
}

/** Replaces what waits for devices. Whoever is informing the API of it finishes that first: `taken_until` stays. */
async function announceAction(
  transaction: Transaction<Schema>,
  devices: readonly number[],
  action: OutboxAction,
  at: number,
): Promise<void> {
  const columns = sql`device, certificate, created_at, next_at, action`
  const times = sql`cast(${at} as bigint), cast(${at} as bigint)`
  await sql`insert into outbox (${columns})
    select id, ${newestOfDevice('id')}, ${times}, ${sql.lit(action)} from devices where id in (${sql.join(devices)})
    on conflict (device) do update set certificate = excluded.certificate, next_at = excluded.next_at,
      action = excluded.action, attempts = 0, reason = null`.execute(transaction)
}

/** Of the newest certificate of the device that a statement is about; null: it has none. */
function newestOfDevice(column: 'id' | 'state') {
  const active = sql.lit<CertificateState>('active')
  const newestFirst = sql`case certificates.state when ${active} then 0 else 1 end, issued_at desc, id desc`
  return sql`(select certificates.${sql.ref(column)} from certificates where certificates.device = devices.id
    order by ${newestFirst} limit 1)`
}

function idsOf(devices: readonly LockedDevice[]): readonly number[] {
  return devices.map(({ id }) => id)
}
