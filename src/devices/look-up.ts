import { type Kysely, sql } from 'kysely'
import { type Bulk, bulk, placeholders } from './bulk.js'
import type { CertificateState, DeviceKey, LookUp, StoredCertificate } from './register.js'
import {
  type CertificateRow,
  certificateOf,
  type DeviceRow,
  deviceOf,
  integer,
  mapKey,
  uuidOctets,
  uuidText,
} from './rows.js'
import type { Schema } from './schema.js'

/** A {@link LookUp}, and the row of the device. */
export interface Found extends LookUp {
  readonly deviceId: number | null
}

/** Looks up requests, in a transaction or outside of one. */
export type LookUpAll = (db: Kysely<Schema>, requests: readonly DeviceKey[]) => Promise<readonly Found[]>

const NO_OCTETS = new Uint8Array()

/** Three queries for each 256 requests. */
export function lookUps(db: Kysely<Schema>): LookUpAll {
  const [devices, owners, certificates] = [devicesByUuid(db), ownersOfKeys(db), certificatesByKey(db)]
  return async (on, requests) => {
    if (requests.length === 0) return []
    const keys = requests.map(({ uuid, keyHash }) => ({ uuid: uuidOctets(uuid), keyHash }))
    const deviceRows = await devices.run(
      on,
      keys.map(({ uuid }) => [uuid]),
    )
    const ownerRows = await owners.run(
      on,
      keys.map(({ keyHash }) => [keyHash]),
    )
    const byUuid = new Map(deviceRows.rows.map((row) => [mapKey(row.uuid), row]))
    const owner = new Map(ownerRows.rows.map((row) => [mapKey(row.key_hash), row.uuid]))
    const owned = keys.filter(({ uuid, keyHash }) => isSame(owner.get(mapKey(keyHash)), uuid))
    const stored = await certificates.run(
      on,
      owned.map(({ keyHash }) => [keyHash]),
    )
    const newest = newestOf(stored.rows)
    return keys.map(({ uuid, keyHash }) => {
      const keyOwner = owner.get(mapKey(keyHash))
      const certificate = isSame(keyOwner, uuid) ? newest.get(mapKey(keyHash)) : undefined
      return found(byUuid.get(mapKey(uuid)), certificate, keyOwner)
    })
  }
}

function found(
  row: DeviceRow | undefined,
  certificate: StoredCertificate | undefined,
  keyOwner: Uint8Array | undefined,
): Found {
  return {
    device: row === undefined ? null : deviceOf(row),
    deviceId: row === undefined ? null : integer(row.id, 'devices.id'),
    certificate: certificate ?? null,
    keyOwner: keyOwner === undefined ? null : uuidText(keyOwner),
  }
}

function isSame(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0
}

function devicesByUuid(db: Kysely<Schema>): Bulk<DeviceRow> {
  return bulk((count) => selectDevices(db).where('devices.uuid', 'in', placeholders(count, NO_OCTETS)))
}

/** All of a device; what narrows the query down is added by the caller. */
export function selectDevices(db: Kysely<Schema>) {
  return db
    .selectFrom('devices')
    .innerJoin('lines', 'lines.id', 'devices.line')
    .innerJoin('cas', 'cas.id', 'devices.ca')
    .select(['lines.name as line', 'cas.fingerprint as ca'])
    .select(['devices.id', 'devices.uuid', 'devices.name', 'devices.device_group', 'devices.hardware_id'])
    .select([
      'devices.serial_number',
      'devices.is_production',
      'devices.created_at',
      'devices.credential',
      'devices.state',
    ])
    .select(['devices.issued_at', 'devices.not_after', 'devices.denied_at', 'devices.denied_reason'])
}

/** The UUIDs of the devices that keys belong to. */
export function ownersOfKeys(db: Kysely<Schema>): Bulk<{ readonly key_hash: Uint8Array; readonly uuid: Uint8Array }> {
  return bulk((count) =>
    db
      .selectFrom('keys')
      .innerJoin('devices', 'devices.id', 'keys.device')
      .select(['keys.key_hash', 'devices.uuid'])
      .where('keys.key_hash', 'in', placeholders(count, NO_OCTETS)),
  )
}

/** By way of the key's device, because certificates have no index of their keys. */
function certificatesByKey(db: Kysely<Schema>): Bulk<CertificateRow & { readonly id: number }> {
  return bulk((count) =>
    db
      .selectFrom('keys')
      .innerJoin('certificates', (join) =>
        join.onRef('certificates.device', '=', 'keys.device').onRef('certificates.key_hash', '=', 'keys.key_hash'),
      )
      .selectAll('certificates')
      .where('keys.key_hash', 'in', placeholders(count, NO_OCTETS))
      .where('certificates.state', '!=', sql.lit<CertificateState>('abandoned')),
  )
}

/** The newest certificate for each key. */
function newestOf(rows: readonly (CertificateRow & { readonly id: number })[]): ReadonlyMap<string, StoredCertificate> {
  const oldestFirst = rows.toSorted((a, b) => a.id - b.id)
  return new Map(oldestFirst.map((row) => [mapKey(row.key_hash), certificateOf(row)]))
}
