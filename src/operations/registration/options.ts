import type { OutboxEntry } from '../../devices/outbox.js'
import type { BatchIssuer, DeviceBatches } from '../../issuance/device-batch/model.js'
import type { KeyAccess } from '../../keystore/root-key.js'
import type { Clock, DurableFiles, Progress, Random, Who } from '../../ports.js'
import type { CloudMode } from './model.js'

/** Options of the registration service. */
export interface RegistrationOptions {
  /** Absolute path of the PKI directory or kit. */
  readonly directory: string
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** null: devices.sqlite in the directory. */
  readonly store: string | null
  /** The only line that registers devices; null: all but `default`, which never does. */
  readonly line: string | null
  /** URLs; null: the names in tls-crt. */
  readonly gateway: string | null
  readonly ostree: string | null
  readonly cloud: CloudMode
  /** How long certificates are valid; null: as long as the device CA, at most the years of the profile. */
  readonly days: number | null
  /** How many signatures a token makes at a time. */
  readonly hsmSessions: number
}

/** Ports of the registration service. */
export interface RegistrationPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
  readonly who: () => Who
  readonly progress: Progress
  readonly access?: KeyAccess
  newBatches(issuer: BatchIssuer): DeviceBatches
  /**
   * Informs the Factory API of a device, for the cloud mode `require`. `conflict`: it has another device with that UUID.
   * Throws ERR_API.
   */
  readonly announce?: (device: OutboxEntry) => Promise<'done' | 'conflict'>
}
