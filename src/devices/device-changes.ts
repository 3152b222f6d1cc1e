import type { Transaction } from 'kysely'
import { slicesOf } from '../chunks.js'
import { allow, deny, type LockDevices } from './denials.js'
import type { DeviceRegister } from './register.js'
import { integer, octets, uuidOctets, uuidText } from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'

/** How many devices are changed by one statement. */
const DEVICES_AT_ONCE = 256

/** What is changed of devices that exist, in a SQL database. */
export function deviceChanges(
  lock: LockDevices,
  transactions: Transactions,
): Pick<DeviceRegister, 'abandon' | 'deny' | 'allow' | 'rename'> {
  return {
    abandon: async (uuids, at) => {
      await transactions((transaction) => inParts(uuids, (some) => abandon(transaction, some, at)))
    },
    deny: (uuids, denial) =>
      transactions((transaction) => inParts(uuids, (some) => deny(transaction, lock, some, denial))),
    allow: (uuids, end) => transactions((transaction) => inParts(uuids, (some) => allow(transaction, lock, some, end))),
    rename: (uuid, name) =>
      transactions(async (transaction) => {
        const update = transaction.updateTable('devices').set({ name: name === uuid ? null : name })
        return (await update.where('uuid', '=', uuidOctets(uuid)).executeTakeFirst()).numUpdatedRows === 1n
      }),
  }
}

async function inParts(
  uuids: readonly string[],
  change: (some: readonly Uint8Array[]) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const changed: string[] = []
  const inOrder = [...new Set(uuids)].sort()
  for (const some of slicesOf(inOrder, DEVICES_AT_ONCE)) changed.push(...(await change(some.map(uuidOctets))))
  return changed
}

async function abandon(
  transaction: Transaction<Schema>,
  uuids: readonly Uint8Array[],
  at: number,
): Promise<readonly string[]> {
  const update = transaction.updateTable('devices').set({ state: 'abandoned' }).where('uuid', 'in', uuids)
  const devices = await update.where('state', 'in', ['active', 'conflict']).returning(['id', 'uuid']).execute()
  if (devices.length === 0) return []
  const ids = devices.map(({ id }) => integer(id, 'devices.id'))
  await transaction
    .updateTable('certificates')
    .set({ state: 'abandoned', ended_at: at })
    .where('device', 'in', ids)
    .where('state', '=', 'active')
    .execute()
  return devices.map(({ uuid }) => uuidText(octets(uuid, 'devices.uuid', 16)))
}
