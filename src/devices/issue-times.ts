import type { Kysely } from 'kysely'
import { bulk, placeholders } from './bulk.js'
import { integer, time } from './rows.js'
import type { Schema } from './schema.js'

/** When the certificates of devices were issued, by the row of the device. */
export type IssueTimes = (
  db: Kysely<Schema>,
  devices: readonly number[],
) => Promise<ReadonlyMap<number, readonly number[]>>

export function issueTimes(db: Kysely<Schema>): IssueTimes {
  const ofDevices = bulk((count) =>
    db.selectFrom('certificates').select(['device', 'issued_at']).where('device', 'in', placeholders(count, 0)),
  )
  return async (on, devices) => {
    const { rows } = await ofDevices.run(
      on,
      devices.map((device) => [device]),
    )
    const times = new Map<number, number[]>()
    for (const row of rows) {
      const device = integer(row.device, 'certificates.device')
      const own = times.get(device) ?? []
      own.push(time(row.issued_at, 'certificates.issued_at'))
      times.set(device, own)
    }
    return times
  }
}
