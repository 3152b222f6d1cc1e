import type { SqliteOptions } from '../../devices/open.js'
import type { Outbox } from '../../devices/outbox.js'
import type { BatchIssuer, DeviceBatches } from '../../issuance/device-batch/model.js'
import type { KeyAccess } from '../../keystore/root-key.js'
import type { Clock, DurableFiles, Progress, Random, Who } from '../../ports.js'
import type { IssuingRegister } from './issuing-thread/calls.js'
import type { Announce, CloudMode } from './model.js'

/** What all services for devices are opened with. */
export interface DeviceServiceOptions {
  /** Absolute path of the PKI directory or kit. */
  readonly directory: string
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** null: devices.sqlite in the directory. */
  readonly store: string | null
  /** How long certificates are valid; null: as long as the device CA, at most the years of the profile. */
  readonly days: number | null
  /** How many signatures a token makes at a time. */
  readonly hsmSessions: number
}

/** Options of the registration service. */
export interface RegistrationOptions extends DeviceServiceOptions {
  /** The only line that registers devices; null: all but `default`, which never does. */
  readonly line: string | null
  /** URLs; null: the names in tls-crt. */
  readonly gateway: string | null
  readonly ostree: string | null
  readonly cloud: CloudMode
}

/** Ports of all services for devices. */
export interface DeviceServicePorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
  readonly who: () => Who
  readonly progress: Progress
  readonly access?: KeyAccess
  /** Waits, or until `signal` is aborted; never rejects. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
  newBatches(issuer: BatchIssuer): DeviceBatches
  /** Opens a register in a SQLite database; by default in this thread. Throws as openDeviceRegister. */
  readonly openRegister?: (options: SqliteOptions) => Promise<IssuingRegister>
}

/** Ports of the registration service. */
export interface RegistrationPorts extends DeviceServicePorts {
  /** Opens what informs the Factory API of the devices in the outbox; needed unless the cloud mode is `off`. */
  readonly openCloud?: (outbox: Outbox) => RegistrationCloud
}

/** Informs the Factory API of devices that registered. */
export interface RegistrationCloud {
  /** For the mode `require`. */
  readonly announce: Announce
  /** A device was put into the outbox. */
  nudge(): void
  /** Leaves what is in the outbox to the next start. */
  stop(): Promise<void>
}
