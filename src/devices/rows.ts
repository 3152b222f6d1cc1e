import type { Selectable } from 'kysely'
import * as z from 'zod/mini'
import { FpkiError } from '../errors.js'
import { DENIAL_REASON_NAMES, type DenialReason, type Revocation } from './denial.js'
import {
  CERTIFICATE_STATES,
  type CertificateRecord,
  type CertificateState,
  DEVICE_STATES,
  type DeviceRecord,
  type Job,
  LINE_STATES,
  type Line,
  type StoredCertificate,
} from './register.js'
import type { Schema } from './schema.js'

/** Rows as they are read. Their types are what the schema promises; the file may be damaged, or forged. */
export type Rows = { readonly [Table in keyof Schema]: Selectable<Schema[Table]> }
/** A row of `devices` with the names of its line and CA. */
export type DeviceRow = Omit<Rows['devices'], 'line' | 'ca'> & { readonly line: string; readonly ca: string }
export type CertificateRow = Omit<Rows['certificates'], 'id' | 'device' | 'ca'>
export type JobRow = Omit<Rows['jobs'], 'line'> & { readonly line: string }

export function deviceOf(row: DeviceRow): DeviceRecord {
  const uuid = uuidText(octets(row.uuid, 'devices.uuid', 16))
  return {
    uuid,
    line: text(row.line, 'lines.name'),
    ca: text(row.ca, 'cas.fingerprint'),
    name: textOrNull(row.name, 'devices.name') ?? uuid,
    group: textOrNull(row.device_group, 'devices.device_group'),
    hardwareId: textOrNull(row.hardware_id, 'devices.hardware_id'),
    serialNumber: textOrNull(row.serial_number, 'devices.serial_number'),
    isProduction: integer(row.is_production, 'devices.is_production') === 1,
    createdAt: time(row.created_at, 'devices.created_at'),
    credential: textOrNull(row.credential, 'devices.credential'),
    state: DEVICE_STATES.find((state) => state === row.state) ?? damaged('devices.state'),
    issuedAt: time(row.issued_at, 'devices.issued_at'),
    notAfter: time(row.not_after, 'devices.not_after'),
    denied: denialOf(row),
  }
}

export function certificateOf(row: CertificateRow): StoredCertificate {
  return { ...certificateRecordOf(row), der: octets(row.der, 'certificates.der') }
}

/** A certificate without its octets. */
export function certificateRecordOf(row: Omit<CertificateRow, 'der'>): CertificateRecord {
  return {
    serial: serialHex(row.serial),
    keyHash: octets(row.key_hash, 'certificates.key_hash', 32),
    issuedAt: time(row.issued_at, 'certificates.issued_at'),
    notAfter: time(row.not_after, 'certificates.not_after'),
    state: certificateState(row.state, 'certificates.state'),
    endedAt: timeOrNull(row.ended_at, 'certificates.ended_at'),
    seenAt: timeOrNull(row.seen_at, 'certificates.seen_at'),
  }
}

/** Since when a device is denied, and why; null: it is not. */
export function denialOf({
  denied_at,
  denied_reason,
}: Pick<DeviceRow, 'denied_at' | 'denied_reason'>): Revocation | null {
  const at = timeOrNull(denied_at, 'devices.denied_at')
  return at === null ? null : { at, reason: denialReason(denied_reason, 'devices.denied_reason') }
}

export function lineOf(row: Rows['lines']): Line {
  return {
    name: text(row.name, 'lines.name'),
    state: LINE_STATES.find((state) => state === row.state) ?? damaged('lines.state'),
    ca: textOrNull(row.ca, 'lines.ca'),
    quota: integerOrNull(row.quota, 'lines.quota'),
    perDay: integerOrNull(row.per_day, 'lines.per_day'),
    from: timeOrNull(row.valid_from, 'lines.valid_from'),
    until: timeOrNull(row.valid_until, 'lines.valid_until'),
    hardwareIds: row.hardware_ids === null ? null : texts(row.hardware_ids, 'lines.hardware_ids'),
    allowsProduction: integer(row.allows_production, 'lines.allows_production') === 1,
    group: textOrNull(row.device_group, 'lines.device_group'),
    reissueWindow: integer(row.reissue_window, 'lines.reissue_window'),
    createdAt: time(row.created_at, 'lines.created_at'),
    issued: integer(row.issued, 'lines.issued'),
    day: integer(row.day, 'lines.day'),
    issuedOnDay: integer(row.issued_on_day, 'lines.issued_on_day'),
  }
}

export function jobOf(row: JobRow): Job {
  return {
    id: integer(row.id, 'jobs.id'),
    line: text(row.line, 'lines.name'),
    startedAt: time(row.started_at, 'jobs.started_at'),
    finishedAt: timeOrNull(row.finished_at, 'jobs.finished_at'),
    issued: integer(row.issued, 'jobs.issued'),
    reused: integer(row.reused, 'jobs.reused'),
    refused: integer(row.refused, 'jobs.refused'),
  }
}

/** A canonical UUID as its 16 octets, whose order is that of the text. */
export function uuidOctets(uuid: string): Uint8Array {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex')
}

export function uuidText(uuid: Uint8Array): string {
  const hex = Buffer.from(uuid.buffer, uuid.byteOffset, uuid.length).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Octets as the key of a Map. */
export function mapKey(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1')
}

export function text(value: unknown, column: string): string {
  return typeof value === 'string' ? value : damaged(column)
}

export function textOrNull(value: unknown, column: string): string | null {
  return value === null ? null : text(value, column)
}

/** PostgreSQL gives a bigint as text. */
export function integer(value: unknown, column: string): number {
  const number = typeof value === 'string' ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : damaged(column)
}

export function integerOrNull(value: unknown, column: string): number | null {
  return value === null ? null : integer(value, column)
}

/** ECMA-262, "Time Values and Time Range": what a Date can hold. */
const LAST_TIME = 8.64e15

export function time(value: unknown, column: string): number {
  const number = integer(value, column)
  return Math.abs(number) <= LAST_TIME ? number : damaged(column)
}

export function timeOrNull(value: unknown, column: string): number | null {
  return value === null ? null : time(value, column)
}

export function serialOctets(value: unknown): Uint8Array {
  const serial = octets(value, 'certificates.serial')
  return serial.length > 0 ? serial : damaged('certificates.serial')
}

/** A serial number as lower-case hex. */
export function serialHex(value: unknown): string {
  return Buffer.from(serialOctets(value)).toString('hex')
}

export function octets(value: unknown, column: string, size?: number): Uint8Array {
  return value instanceof Uint8Array && (size === undefined || value.length === size) ? value : damaged(column)
}

export function certificateState(value: unknown, column: string): CertificateState {
  return CERTIFICATE_STATES.find((state) => state === value) ?? damaged(column)
}

function denialReason(value: unknown, column: string): DenialReason {
  return DENIAL_REASON_NAMES.find((reason) => reason === value) ?? damaged(column)
}

const TEXTS = z.array(z.string())

function texts(json: unknown, column: string): readonly string[] {
  try {
    return TEXTS.parse(JSON.parse(text(json, column)))
  } catch {
    return damaged(column)
  }
}

/** Throws ERR_BAD_FILE. */
export function damaged(column: string): never {
  throw new FpkiError(
    'ERR_BAD_FILE',
    `The device register is damaged: a value of ${column} is invalid.`,
    'Nothing was changed. Restore the register from a backup.',
  )
}
