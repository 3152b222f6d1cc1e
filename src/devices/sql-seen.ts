import type { Kysely, Transaction } from 'kysely'
import { slicesOf } from '../chunks.js'
import { bulk, placeholders } from './bulk.js'
import { endOlder, markSeen } from './bulk-updates.js'
import type { LockDevices } from './denials.js'
import type { DeviceRegister } from './register.js'
import { integer, octets, type Rows, serialHex, uuidOctets, uuidText } from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'
import { wavesOf } from './waves.js'

const OCTETS = new Uint8Array()

/** A certificate that is recorded as seen. */
interface Seen {
  readonly id: number
  readonly device: number
  readonly uuid: string
  readonly at: number
}

type SeenRow = Pick<Rows['certificates'], 'id' | 'device' | 'serial' | 'seen_at'> & Pick<Rows['devices'], 'uuid'>

/** How many serial numbers are looked up, and recorded, at once. */
const AT_ONCE = 1024

/**
 * Records certificates as seen, in a SQL database. Those that were seen before, nearly all in the log of a gateway, are only
 * looked up.
 */
export function sqlSeen(db: Kysely<Schema>, lock: LockDevices, transactions: Transactions): DeviceRegister['seen'] {
  const bySerial = bulk<SeenRow>((count) =>
    db
      .selectFrom('certificates')
      .innerJoin('devices', 'devices.id', 'certificates.device')
      .select(['certificates.id', 'certificates.device', 'certificates.serial', 'certificates.seen_at', 'devices.uuid'])
      .where('certificates.serial', 'in', placeholders(count, OCTETS)),
  )
  const [mark, end] = [markSeen(db), endOlder(db)]
  const record = async (transaction: Transaction<Schema>, seen: readonly Seen[]) => {
    const counts = { first: 0, superseded: 0 }
    await lock(transaction, [...new Set(seen.map(({ uuid }) => uuid))].sort().map(uuidOctets))
    for (const wave of wavesOf(seen, ({ uuid }) => [uuid])) {
      const marked = await mark.run(
        transaction,
        wave.map(({ id, at }) => [id, at]),
      )
      const ended = await end.run(
        transaction,
        wave.map(({ device, id, at }) => [device, id, at]),
      )
      counts.first += marked.changes
      counts.superseded += ended.changes
    }
    return counts
  }
  return async (certificates) => {
    const counts = { known: 0, first: 0, superseded: 0 }
    const earliest = new Map<string, number>()
    for (const { serial, at } of certificates) earliest.set(serial, Math.min(at, earliest.get(serial) ?? at))
    for (const some of slicesOf([...earliest.keys()], AT_ONCE)) {
      const serials = some.map((serial) => [Buffer.from(serial, 'hex')])
      const known = (await bySerial.run(db, serials)).rows.filter(({ serial }) => earliest.has(serialHex(serial)))
      counts.known += known.length
      const unseen = known.filter((row) => row.seen_at === null)
      if (unseen.length === 0) continue
      const seen = unseen.map((row) => seenOf(row, earliest.get(serialHex(row.serial)) ?? 0))
      const { first, superseded } = await transactions((transaction) => record(transaction, seen))
      counts.first += first
      counts.superseded += superseded
    }
    return counts
  }
}

function seenOf({ id, device, uuid }: SeenRow, at: number): Seen {
  return {
    id: integer(id, 'certificates.id'),
    device: integer(device, 'certificates.device'),
    uuid: uuidText(octets(uuid, 'devices.uuid', 16)),
    at,
  }
}
