import type { ExpressionBuilder, Transaction } from 'kysely'
import { type CertificateState, type DeviceRegister, type DeviceState, IN_USE } from './register.js'
import { integer, octets, uuidOctets, uuidText } from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'

/** How many devices are changed by one statement. */
const DEVICES_AT_ONCE = 256

/** What is changed of devices that exist, in a SQL database. */
export function deviceChanges(
  transactions: Transactions,
): Pick<DeviceRegister, 'abandon' | 'deny' | 'allow' | 'rename'> {
  return {
    abandon: async (uuids, at) => {
      const change = { from: ['active', 'conflict'], to: 'abandoned', at } as const
      await transactions((transaction) => inParts(uuids, (some) => end(transaction, some, change)))
    },
    deny: (uuids, { at }) => {
      const change = { from: [...IN_USE, 'superseded', 'abandoned'], to: 'denied', at } as const
      return transactions((transaction) => inParts(uuids, (some) => end(transaction, some, change)))
    },
    allow: (uuids) => transactions((transaction) => inParts(uuids, (some) => allow(transaction, some))),
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
  for (let begin = 0; begin < uuids.length; begin += DEVICES_AT_ONCE)
    changed.push(...(await change(uuids.slice(begin, begin + DEVICES_AT_ONCE).map(uuidOctets))))
  return changed
}

interface End {
  readonly from: readonly DeviceState[]
  readonly to: CertificateState
  readonly at: number
}

/** Ends the active certificate of each device that has one of the states, and changes its state. */
async function end(
  transaction: Transaction<Schema>,
  uuids: readonly Uint8Array[],
  { from, to, at }: End,
): Promise<readonly string[]> {
  const devices = await changed(transaction, uuids, { from, to })
  if (devices.length === 0) return []
  await transaction
    .updateTable('certificates')
    .set({ state: to, ended_at: at })
    .where('device', 'in', idsOf(devices))
    .where('state', '=', 'active')
    .execute()
  return devices.map(({ uuid }) => uuid)
}

/**
 * A device whose key was lost before it was denied has no certificate that could be active again; one that another service
 * registered has none here at all.
 */
async function allow(transaction: Transaction<Schema>, uuids: readonly Uint8Array[]): Promise<readonly string[]> {
  const devices = await changed(transaction, uuids, { from: ['denied'], to: 'abandoned' })
  if (devices.length === 0) return []
  await transaction
    .updateTable('certificates')
    .set({ state: 'active', ended_at: null })
    .where('device', 'in', idsOf(devices))
    .where('state', '=', 'denied')
    .execute()
  const update = (state: DeviceState) =>
    transaction.updateTable('devices').set({ state }).where('id', 'in', idsOf(devices))
  await update('active')
    .where((is) => is.exists(certificatesOfDevice(is).where('certificates.state', '=', 'active')))
    .execute()
  await update('external')
    .where((is) => is.not(is.exists(certificatesOfDevice(is))))
    .execute()
  return devices.map(({ uuid }) => uuid)
}

function certificatesOfDevice(is: ExpressionBuilder<Schema, 'devices'>) {
  const certificates = is.selectFrom('certificates').select('certificates.id')
  return certificates.whereRef('certificates.device', '=', 'devices.id')
}

interface Changed {
  readonly id: number
  readonly uuid: string
}

async function changed(
  transaction: Transaction<Schema>,
  uuids: readonly Uint8Array[],
  { from, to }: Pick<End, 'from'> & { readonly to: DeviceState },
): Promise<readonly Changed[]> {
  const update = transaction.updateTable('devices').set({ state: to }).where('uuid', 'in', uuids)
  const rows = await update.where('state', 'in', from).returning(['id', 'uuid']).execute()
  return rows.map(({ id, uuid }) => ({
    id: integer(id, 'devices.id'),
    uuid: uuidText(octets(uuid, 'devices.uuid', 16)),
  }))
}

function idsOf(devices: readonly Changed[]): readonly number[] {
  return devices.map(({ id }) => id)
}
