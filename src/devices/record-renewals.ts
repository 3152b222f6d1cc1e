import type { Kysely, Transaction } from 'kysely'
import { type Bulk, bulk, placeholders } from './bulk.js'
import { markSeen, renewDevices, supersedeAt } from './bulk-updates.js'
import type { RenewedRows } from './decide-renewal.js'
import { Conflict, insertCertificates, insertDevices, insertKeys } from './record.js'
import type { AdoptedDevice, RenewedCertificate } from './renewal.js'
import { integer, mapKey, serialHex, uuidOctets } from './rows.js'
import type { Schema } from './schema.js'

/** A renewal that was decided on, with the rows of its device, its certificate, and their CAs. */
export interface AcceptedRenewal extends RenewedRows {
  readonly renewed: RenewedCertificate
  readonly ca: number
  /** Only when it is recorded. */
  readonly adopted: (Omit<AdoptedDevice, 'line' | 'ca'> & { readonly line: number; readonly ca: number }) | null
}

interface Times {
  readonly at: number
  /** Until when the certificate that a device has is good. */
  readonly end: number
}

/** Records renewals in a transaction in which their devices are locked. Throws {@link Conflict}. */
export type RenewalRecorder = (
  transaction: Transaction<Schema>,
  accepted: readonly AcceptedRenewal[],
  times: Times,
) => Promise<void>

const OCTETS = new Uint8Array()

export function renewalRecorder(db: Kysely<Schema>): RenewalRecorder {
  const tools = toolsOf(db)
  const { keys, certificates, supersede, seen, renew } = tools
  return async (transaction, accepted, times) => {
    const devices = await devicesOf(transaction, accepted, tools)
    const newKeys = accepted.flatMap((one, at) => newKeysOf(one).map((key) => [key, devices[at]] as const))
    const inserted = await keys.run(
      transaction,
      newKeys.toSorted(([a], [b]) => Buffer.compare(a, b)),
    )
    if (inserted.changes !== newKeys.length) throw new Conflict('a key exists')
    const presented = await presentedOf(transaction, accepted, devices, tools)
    const rows = accepted.map((one, at) => ({ ...one, device: devices[at], presented: presented[at] }))
    const ends = rows.flatMap((row) => [[row.presented, times.end], ...row.others.map((id) => [id, times.at])])
    await supersede.run(transaction, ends)
    await seen.run(
      transaction,
      rows.map((row) => [row.presented, times.at]),
    )
    const recorded = await certificates.run(
      transaction,
      rows.map(({ renewed, device, ca }) => certificateParameters(renewed, device, ca, times.at)),
    )
    if (recorded.changes !== rows.length) throw new Conflict('a serial number exists')
    const renewed = await renew.run(
      transaction,
      rows.map((row) => [row.device, row.ca, times.at, row.renewed.notAfter]),
    )
    if (renewed.changes !== rows.length) throw new Conflict('a device was changed')
  }
}

interface Tools {
  readonly devices: ReturnType<typeof insertDevices>
  readonly keys: Bulk<never>
  readonly certificates: Bulk<never>
  readonly bySerial: Bulk<{ readonly id: number; readonly serial: Uint8Array }>
  readonly supersede: Bulk<never>
  readonly seen: Bulk<never>
  readonly renew: Bulk<never>
}

function toolsOf(db: Kysely<Schema>): Tools {
  return {
    ...{ devices: insertDevices(db), keys: insertKeys(db), certificates: insertCertificates(db) },
    bySerial: bulk((count) =>
      db.selectFrom('certificates').select(['id', 'serial']).where('serial', 'in', placeholders(count, OCTETS)),
    ),
    ...{ supersede: supersedeAt(db), seen: markSeen(db), renew: renewDevices(db) },
  }
}

/** The rows of the devices; those that do not exist are recorded. */
async function devicesOf(
  transaction: Transaction<Schema>,
  accepted: readonly AcceptedRenewal[],
  { devices }: Tools,
): Promise<readonly number[]> {
  const fresh = accepted
    .filter(({ device }) => device === null)
    .toSorted((a, b) => (a.renewed.uuid < b.renewed.uuid ? -1 : 1))
  const inserted = await devices.run(transaction, fresh.map(deviceParameters))
  if (inserted.rows.length !== fresh.length) throw new Conflict('a device exists')
  const ids = new Map(inserted.rows.map(({ id, uuid }) => [mapKey(uuid), integer(id, 'devices.id')]))
  return accepted.map(({ device, renewed }) => device ?? ids.get(mapKey(uuidOctets(renewed.uuid))) ?? missing())
}

/** In the order of insertDevices. */
function deviceParameters({ renewed: { uuid }, adopted }: AcceptedRenewal) {
  if (adopted === null) return missing()
  const { line, ca, name, isProduction, issuedAt, notAfter } = adopted
  const [noGroup, noHardwareId, noSerialNumber, noCredential] = [null, null, null, null]
  const facts = [name === uuid ? null : name, noGroup, noHardwareId, noSerialNumber, isProduction ? 1 : 0]
  return [uuidOctets(uuid), line, ca, ...facts, issuedAt, noCredential, 'active', issuedAt, notAfter]
}

function newKeysOf({ renewed: { keyHash }, adopted, hasKey, hasAdoptedKey }: AcceptedRenewal): readonly Uint8Array[] {
  const isKept = adopted !== null && Buffer.compare(adopted.keyHash, keyHash) === 0
  return [...(adopted === null || hasAdoptedKey ? [] : [adopted.keyHash]), ...(hasKey || isKept ? [] : [keyHash])]
}

/** The rows of the certificates that the devices have; those that do not exist are recorded. */
async function presentedOf(
  transaction: Transaction<Schema>,
  accepted: readonly AcceptedRenewal[],
  devices: readonly number[],
  { certificates, bySerial }: Tools,
): Promise<readonly number[]> {
  const adopted = accepted.flatMap(({ renewed, adopted }, at) =>
    adopted === null ? [] : [{ ...adopted, serial: renewed.presented, device: devices[at] }],
  )
  const inserted = await certificates.run(
    transaction,
    adopted.map(({ device, ca, issuedAt, ...one }) => certificateParameters(one, device, ca, issuedAt)),
  )
  if (inserted.changes !== adopted.length) throw new Conflict('a serial number exists')
  const found = await bySerial.run(
    transaction,
    adopted.map(({ serial }) => [Buffer.from(serial, 'hex')]),
  )
  const ids = new Map(found.rows.map(({ id, serial }) => [serialHex(serial), integer(id, 'certificates.id')]))
  return accepted.map(({ presented, renewed }) => presented ?? ids.get(renewed.presented) ?? missing())
}

/** In the order of insertCertificates: an active one. */
function certificateParameters(
  { serial, keyHash, der, notAfter }: Pick<RenewedCertificate, 'serial' | 'keyHash' | 'der' | 'notAfter'>,
  device: unknown,
  ca: number,
  issuedAt: number,
) {
  return [device, Buffer.from(serial, 'hex'), keyHash, der, issuedAt, notAfter, 'active', null, ca]
}

function missing(): never {
  throw new Error('a row was not recorded')
}
