import type { ColumnType, Generated } from 'kysely'
import type { DenialReason } from './denial.js'
import type { OutboxAction } from './outbox.js'
import type { CertificateState, DeviceState, LineState } from './register.js'

/** Times are milliseconds since 1970, truth values 0 or 1. See migrations.ts, which creates the tables. */
export interface Schema {
  readonly register: RegisterTable
  readonly lines: LineTable
  readonly cas: CaTable
  readonly devices: DeviceTable
  readonly keys: KeyTable
  readonly certificates: CertificateTable
  readonly jobs: JobTable
  readonly tokens: TokenTable
  readonly listed_devices: ListedDeviceTable
  readonly stations: StationTable
  readonly outbox: OutboxTable
}

/** The only row of `register`. */
interface RegisterTable {
  /** Lower-case hex. */
  id: string
  /** Where the register was moved to, as in `--store`; null: it is in use. See moved.ts. */
  moved_to: string | null
  /** SHA-256 of the public key of the root that it belongs to, lower-case hex; null: nobody has used it. See same-root.ts. */
  root_key: ColumnType<string | null, string | null | undefined>
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
  /** Of its newest CRL; 0: none. */
  crl_number: ColumnType<number, number | undefined>
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
  credential: string | null
  state: DeviceState
  issued_at: number
  not_after: number
  /** Both null: it is not denied. */
  denied_at: ColumnType<number | null, number | null | undefined>
  denied_reason: ColumnType<DenialReason | null, DenialReason | null | undefined>
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
  /** When it stopped to be active, or will; null: it is. */
  ended_at: number | null
  ca: number
  /** When it was first seen in use; null: never. */
  seen_at: ColumnType<number | null, number | null | undefined>
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

/** A row of `tokens`. */
interface TokenTable {
  id: string
  hash: Uint8Array
  line: number
  /** 16 octets; null: for any device. */
  uuid: Uint8Array | null
  uses: number | null
  used: ColumnType<number, number | undefined>
  /** How many entries its allow list has; null: no list. */
  listed: number | null
  created_at: number
  expires_at: number | null
  revoked_at: number | null
}

/** A row of `listed_devices`: an entry of a token's allow list. */
interface ListedDeviceTable {
  id: Generated<number>
  token: string
  uuid: Uint8Array | null
  serial_number: string | null
  key_hash: Uint8Array | null
  /** The UUID of the device that has used the entry; null: none has. */
  used_by: Uint8Array | null
}

/** A row of `stations`. */
interface StationTable {
  id: Generated<number>
  line: number
  name: string
  /** SHA-256 of its certificate, lower-case hex. */
  fingerprint: string
  not_after: number
  created_at: number
  revoked_at: number | null
}

/** A row of `outbox`. */
interface OutboxTable {
  device: number
  /** null: another service registered the device. */
  certificate: number | null
  created_at: number
  next_at: number
  /** Until when it belongs to whoever has taken it; null: nobody has. */
  taken_until: number | null
  attempts: ColumnType<number, number | undefined>
  reason: string | null
  action: ColumnType<OutboxAction, OutboxAction | undefined>
}
