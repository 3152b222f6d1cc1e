import { type Kysely, sql, type Transaction } from 'kysely'
import { type Bulk, bulk, placeholders } from './bulk.js'
import { credentialText } from './credential-store.js'
import type { Entry } from './decide.js'
import type { DeviceRecord } from './register.js'
import { integer, mapKey, uuidOctets } from './rows.js'
import type { Schema } from './schema.js'

/** Thrown when a row is there already: the transaction is rolled back, and decided again from what the register has. */
export class Conflict extends Error {
  override readonly name = 'Conflict'
}

/** Entries that were decided on. */
interface Accepted {
  readonly line: number
  readonly fresh: readonly Entry[]
  readonly reissued: readonly Reissue[]
  /** Whether the Factory API is to be informed of the devices. */
  readonly announce: boolean
}

/** A further certificate of a device. */
export interface Reissue {
  readonly entry: Entry
  readonly deviceId: number
  /** Whether the key is the device's already. */
  readonly hasKey: boolean
  /** Whether the device has no newer certificate. */
  readonly isNewest: boolean
  /** Whether also those end that have an end in the future; otherwise that stays as another register has it. */
  readonly endsAll: boolean
  /** What the decision was made on. */
  readonly replaced: Pick<DeviceRecord, 'state' | 'issuedAt'>
}

/** Records entries in a transaction. Throws {@link Conflict}. */
export type Recorder = (transaction: Transaction<Schema>, accepted: Accepted) => Promise<void>

const OCTETS = new Uint8Array()

/**
 * Rows are inserted in the order of UUIDs, then of keys, whatever the order of the entries: two transactions that wait for
 * each other's rows would otherwise be a deadlock.
 */
export function recorder(db: Kysely<Schema>): Recorder {
  const [devices, keys, certificates] = [insertDevices(db), insertKeys(db), insertCertificates(db)]
  const announcements = announceCertificates(db)
  return async (transaction, accepted) => {
    const [fresh, reissued] = [accepted.fresh.toSorted(byUuid), accepted.reissued.toSorted(byUuidOfEntry)]
    const uuids = fresh.map(({ certificate }) => uuidOctets(certificate.uuid))
    const inserted = await devices.run(
      transaction,
      fresh.map((entry, at) => deviceParameters(entry, uuids[at], accepted.line)),
    )
    if (inserted.rows.length !== fresh.length) throw new Conflict('a device exists')
    const ids = new Map(inserted.rows.map(({ id, uuid }) => [mapKey(uuid), integer(id, 'devices.id')]))
    const all = [
      ...fresh.map((entry, at) => {
        const deviceId = ids.get(mapKey(uuids[at] ?? OCTETS))
        return { entry, deviceId, hasKey: false, isNewest: true }
      }),
      ...reissued,
    ]
    await supersede(transaction, reissued)
    const newKeys = all.filter(({ hasKey }) => !hasKey).toSorted(byKey)
    const owned = await keys.run(
      transaction,
      newKeys.map(({ entry, deviceId }) => [entry.certificate.keyHash, deviceId]),
    )
    if (owned.changes !== newKeys.length) throw new Conflict('a key exists')
    const recorded = await certificates.run(
      transaction,
      all.map(({ entry, deviceId, isNewest }) => certificateParameters(entry, deviceId, isNewest)),
    )
    if (recorded.changes !== all.length) throw new Conflict('a serial number exists')
    if (accepted.announce) await announcements.run(transaction, all.filter(({ isNewest }) => isNewest).map(serialOf))
  }
}

function byUuid(a: Entry, b: Entry): number {
  return a.certificate.uuid < b.certificate.uuid ? -1 : 1
}

function byUuidOfEntry(a: { readonly entry: Entry }, b: { readonly entry: Entry }): number {
  return byUuid(a.entry, b.entry)
}

function byKey(a: { readonly entry: Entry }, b: { readonly entry: Entry }): number {
  return Buffer.compare(a.entry.certificate.keyHash, b.entry.certificate.keyHash)
}

function serialOf({ entry }: { readonly entry: Entry }) {
  return [Buffer.from(entry.certificate.serial, 'hex')]
}

/** Inserts devices that do not exist, and returns them. */
export function insertDevices(db: Kysely<Schema>): Bulk<{ readonly id: number; readonly uuid: Uint8Array }> {
  const row = {
    uuid: OCTETS,
    line: 0,
    ca: 0,
    name: null,
    device_group: null,
    hardware_id: null,
    serial_number: null,
    is_production: 0,
    created_at: 0,
    credential: null,
    state: 'active' as const,
    issued_at: 0,
    not_after: 0,
  }
  return bulk((count) =>
    db
      .insertInto('devices')
      .values(placeholders(count, row))
      .onConflict((conflict) => conflict.doNothing())
      .returning(['id', 'uuid']),
  )
}

function deviceParameters({ certificate, ca, issuedAt, state }: Entry, uuid: unknown, line: number) {
  const { name, group, hardwareId, serialNumber, isProduction, notAfter, proof } = certificate
  const named = name === certificate.uuid ? null : name
  const facts = [named, group, hardwareId, serialNumber, isProduction ? 1 : 0]
  const credential = proof === null ? null : credentialText(proof.credential)
  return [uuid, line, ca, ...facts, issuedAt, credential, state, issuedAt, notAfter]
}

/** Inserts keys that do not exist. */
export function insertKeys(db: Kysely<Schema>): Bulk<never> {
  return bulk((count) =>
    db
      .insertInto('keys')
      .values(placeholders(count, { key_hash: OCTETS, device: 0 }))
      .onConflict((conflict) => conflict.doNothing())
      .$castTo<never>(),
  )
}

/** Inserts certificates whose serial numbers do not exist. */
export function insertCertificates(db: Kysely<Schema>): Bulk<never> {
  const times = { issued_at: 0, not_after: 0, state: 'active' as const, ended_at: null, ca: 0 }
  const row = { device: 0, serial: OCTETS, key_hash: OCTETS, der: OCTETS, ...times }
  return bulk((count) =>
    db
      .insertInto('certificates')
      .values(placeholders(count, row))
      .onConflict((conflict) => conflict.doNothing())
      .$castTo<never>(),
  )
}

function certificateParameters(
  { certificate, issuedAt, state, endedAt, ca }: Entry,
  device: unknown,
  isNewest: boolean,
) {
  const { serial, keyHash, der, notAfter } = certificate
  const own = state === 'active' && !isNewest ? 'superseded' : state
  const ownEnd = own === 'active' ? null : (endedAt ?? issuedAt)
  return [device, Buffer.from(serial, 'hex'), keyHash, der, issuedAt, notAfter, own, ownEnd, ca]
}

/** Whoever is informing the Factory API of an older certificate of the device finishes that first: `taken_until` stays. */
function announceCertificates(db: Kysely<Schema>): Bulk<never> {
  const columns = ['device', 'certificate', 'created_at', 'next_at'] as const
  return bulk((count) =>
    db
      .insertInto('outbox')
      .columns([...columns])
      .expression((is) =>
        is
          .selectFrom('certificates')
          .select(['device', 'id', 'issued_at', 'issued_at as next_at'])
          .where('serial', 'in', placeholders(count, OCTETS)),
      )
      .onConflict((conflict) =>
        conflict.column('device').doUpdateSet((is) => ({
          certificate: is.ref('excluded.certificate'),
          next_at: is.ref('excluded.next_at'),
          attempts: sql.lit(0),
          reason: sql.lit(null),
        })),
      )
      .$castTo<never>(),
  )
}

/**
 * Brings the devices up to date, and ends the certificates that have a newer one from now on. The device is changed first:
 * its row is locked then, and stays as it was when this was decided. Throws {@link Conflict} when it has changed meanwhile.
 */
async function supersede(transaction: Transaction<Schema>, reissued: readonly Reissue[]): Promise<void> {
  for (const { entry, deviceId, isNewest, endsAll, replaced } of reissued) {
    if (!isNewest) continue
    const { certificate, ca, issuedAt, state } = entry
    const { uuid, name, group, hardwareId, serialNumber, isProduction, notAfter, proof } = certificate
    const { numUpdatedRows } = await transaction
      .updateTable('devices')
      .set({ ca, issued_at: issuedAt, not_after: notAfter, is_production: isProduction ? 1 : 0 })
      // Another register, whose certificate it is, may not know that the device is denied.
      .set({ state: sql`case when denied_at is null then ${state} else state end` })
      .set({ name: name === uuid ? null : name, device_group: group })
      .set({ hardware_id: hardwareId, serial_number: serialNumber })
      .set({ credential: proof === null ? null : credentialText(proof.credential) })
      .where('id', '=', deviceId)
      .where('state', '=', replaced.state)
      .where('issued_at', '=', replaced.issuedAt)
      .executeTakeFirst()
    if (numUpdatedRows !== 1n) throw new Conflict('a device was changed')
    await transaction
      .updateTable('certificates')
      .set({ state: 'superseded', ended_at: issuedAt })
      .where('device', '=', deviceId)
      .where((is) => {
        const isActive = is('state', '=', 'active')
        return endsAll
          ? is.or([isActive, is.and([is('state', '=', 'superseded'), is('ended_at', '>', issuedAt)])])
          : isActive
      })
      .execute()
  }
}
