import type { Kysely } from 'kysely'
import { bulk, placeholders } from './bulk.js'
import { selectDevices } from './look-up.js'
import type { DeviceRegister } from './register.js'
import { type CertificateRow, certificateOf, type DeviceRow, deviceOf, integer, serialHex } from './rows.js'
import type { Schema } from './schema.js'

const OCTETS = new Uint8Array()

/** What the register has of certificates that are presented, in a SQL database. */
export function sqlPresented(db: Kysely<Schema>): DeviceRegister['presented'] {
  type Row = CertificateRow & { readonly device: number; readonly newer_seen: unknown }
  const bySerial = bulk<Row>((count) =>
    db
      .selectFrom('certificates')
      .selectAll('certificates')
      .select((is) =>
        is
          .selectFrom('certificates as newer')
          .select(({ fn }) => fn.countAll().as('count'))
          .whereRef('newer.device', '=', 'certificates.device')
          .whereRef('newer.id', '>', 'certificates.id')
          .where('newer.seen_at', 'is not', null)
          .as('newer_seen'),
      )
      .where('certificates.serial', 'in', placeholders(count, OCTETS)),
  )
  const byId = bulk<DeviceRow>((count) => selectDevices(db).where('devices.id', 'in', placeholders(count, 0)))
  return async (serials) => {
    const { rows } = await bySerial.run(
      db,
      serials.map((serial) => [Buffer.from(serial, 'hex')]),
    )
    const found = await byId.run(
      db,
      rows.map(({ device }) => [device]),
    )
    const devices = new Map(found.rows.map((row) => [String(row.id), deviceOf(row)]))
    const presented = new Map(rows.map((row) => [serialHex(row.serial), row]))
    return serials.map((serial) => {
      const row = presented.get(serial)
      const device = devices.get(String(row?.device))
      if (row === undefined || device === undefined) return null
      return { device, certificate: certificateOf(row), isReplaced: integer(row.newer_seen, 'certificates') > 0 }
    })
  }
}
