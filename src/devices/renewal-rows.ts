import type { Kysely } from 'kysely'
import { bulk, placeholders } from './bulk.js'
import type { KnownCertificate, KnownForRenewal } from './decide-renewal.js'
import { ownersOfKeys } from './look-up.js'
import type { RenewedCertificate } from './renewal.js'
import { certificateRecordOf, integer, mapKey, octets, type Rows, serialOctets, uuidOctets, uuidText } from './rows.js'
import type { Schema } from './schema.js'

/** Reads what the register has for renewals, in their order. */
export type ReadForRenewal = (
  db: Kysely<Schema>,
  renewed: readonly RenewedCertificate[],
) => Promise<readonly KnownForRenewal[]>

const OCTETS = new Uint8Array()

/** Four queries for each 256 renewals. */
export function readsForRenewal(db: Kysely<Schema>): ReadForRenewal {
  const devices = bulk((count) =>
    db.selectFrom('devices').select(['id', 'uuid', 'denied_at']).where('uuid', 'in', placeholders(count, OCTETS)),
  )
  const certificates = bulk((count) =>
    db
      .selectFrom('certificates')
      .select(['id', 'device', 'serial', 'key_hash', 'issued_at', 'not_after', 'state', 'ended_at', 'seen_at'])
      .where('device', 'in', placeholders(count, 0)),
  )
  const serials = bulk((count) =>
    db.selectFrom('certificates').select('serial').where('serial', 'in', placeholders(count, OCTETS)),
  )
  const owners = ownersOfKeys(db)
  return async (on, renewed) => {
    const deviceRows = (
      await devices.run(
        on,
        renewed.map(({ uuid }) => [uuidOctets(uuid)]),
      )
    ).rows
    const certificateRows = (
      await certificates.run(
        on,
        deviceRows.map(({ id }) => [id]),
      )
    ).rows
    const keys = renewed.flatMap(({ keyHash, adopted }) => (adopted === null ? [keyHash] : [keyHash, adopted.keyHash]))
    const keyRows = (
      await owners.run(
        on,
        keys.map((key) => [key]),
      )
    ).rows
    const named = renewed.flatMap(({ serial, presented, adopted }) =>
      adopted === null ? [serial] : [serial, presented],
    )
    const serialRows = (
      await serials.run(
        on,
        named.map((serial) => [Buffer.from(serial, 'hex')]),
      )
    ).rows
    const taken = new Set(serialRows.map(({ serial }) => mapKey(serialOctets(serial))))
    const owner = new Map(keyRows.map((row) => [mapKey(row.key_hash), uuidText(row.uuid)]))
    const device = new Map(deviceRows.map((row) => [uuidText(octets(row.uuid, 'devices.uuid', 16)), row]))
    const ofDevice = byDevice(certificateRows)
    const isTaken = (serial: string) => taken.has(mapKey(Buffer.from(serial, 'hex')))
    return renewed.map(({ uuid, keyHash, serial, presented, adopted }) => {
      const row = device.get(uuid)
      return {
        device: row === undefined ? null : deviceOf(row, ofDevice.get(String(row.id)) ?? []),
        keyOwner: owner.get(mapKey(keyHash)) ?? null,
        adoptedKeyOwner: (adopted === null ? undefined : owner.get(mapKey(adopted.keyHash))) ?? null,
        isSerialTaken: isTaken(serial),
        isAdoptedSerialTaken: adopted !== null && isTaken(presented),
      }
    })
  }
}

type CertificateRow = Pick<
  Rows['certificates'],
  'id' | 'device' | 'serial' | 'key_hash' | 'issued_at' | 'not_after' | 'state' | 'ended_at' | 'seen_at'
>

function byDevice(rows: readonly CertificateRow[]): ReadonlyMap<string, readonly CertificateRow[]> {
  const grouped = new Map<string, CertificateRow[]>()
  for (const row of rows) {
    const group = grouped.get(String(row.device)) ?? []
    group.push(row)
    grouped.set(String(row.device), group)
  }
  return grouped
}

function deviceOf(
  { id, denied_at }: Pick<Rows['devices'], 'id' | 'denied_at'>,
  certificates: readonly CertificateRow[],
): KnownForRenewal['device'] {
  return { id: integer(id, 'devices.id'), isDenied: denied_at !== null, certificates: certificates.map(certificateOf) }
}

function certificateOf(row: CertificateRow): KnownCertificate {
  return { id: integer(row.id, 'certificates.id'), ...certificateRecordOf(row) }
}
