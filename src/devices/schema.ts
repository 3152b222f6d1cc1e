import type { ColumnType, Generated } from 'kysely'
import type { CertificateState, LineState } from './register.js'

/** Times are milliseconds since 1970, truth values 0 or 1. See migrations.ts, which creates the tables. */
export interface Schema {
  readonly register: RegisterTable
  readonly lines: LineTable
  readonly cas: CaTable
  readonly devices: DeviceTable
  readonly keys: KeyTable
  readonly certificates: CertificateTable
  readonly jobs: JobTable
}

/** The only row of `register`. */
interface RegisterTable {
  /** Lower-case hex. */
  id: string
}

/** A row of `lines`. */
interface LineTable {
  id: Generated<number>
  name: string
  state: LineState
  ca: string | null
  quota: number | null
  per_day: number | null
  valid_from: number | null
  valid_until: number | null
  /** JSON: a list of strings. */
  hardware_ids: string | null
  allows_production: number
  device_group: string | null
  reissue_window: number
  created_at: number
  issued: ColumnType<number, number | undefined>
  /** Days since 1970 (UTC), and how many devices were issued on it. */
  day: ColumnType<number, number | undefined>
  issued_on_day: ColumnType<number, number | undefined>
}

/** A device CA: a fingerprint has 64 characters, too many to repeat for each device. */
interface CaTable {
  id: Generated<number>
  fingerprint: string
}

/** A row of `devices`; `state`, `issued_at` and `not_after` are those of the newest certificate. */
interface DeviceTable {
  id: Generated<number>
  /** 16 octets. */
  uuid: Uint8Array
  line: number
  ca: number
  /** null: the UUID. */
  name: string | null
  device_group: string | null
  hardware_id: string | null
  serial_number: string | null
  is_production: number
  created_at: number
  state: CertificateState
  issued_at: number
  not_after: number
}

/** A row of `keys`: a public key belongs to one device for ever. */
interface KeyTable {
  key_hash: Uint8Array
  device: number
}

/** A row of `certificates`; a higher id is newer. */
interface CertificateTable {
  id: Generated<number>
  device: number
  /** 20 octets. */
  serial: Uint8Array
  key_hash: Uint8Array
  der: Uint8Array
  issued_at: number
  not_after: number
  state: CertificateState
  /** When it stopped to be active; null: it is. */
  ended_at: number | null
}

/** A row of `jobs`. */
interface JobTable {
  id: Generated<number>
  line: number
  started_at: number
  finished_at: number | null
  issued: ColumnType<number, number | undefined>
  reused: ColumnType<number, number | undefined>
  refused: ColumnType<number, number | undefined>
}
