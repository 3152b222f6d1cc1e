import type { RefusalCode } from '../../devices/refusal.js'
import type { DeviceFacts } from '../../devices/register.js'

/** What became of one row of a batch. */
export type DeviceResult = IssuedDevice | RefusedDevice | PlannedDevice

/**
 * A device with its certificate, which is committed. `reused`: the register had it, and nothing was signed. In a rehearsal, a
 * device that was planned before is reused too: then the certificate and its serial number are empty.
 */
export interface IssuedDevice extends DeviceFacts {
  readonly kind: 'issued' | 'reused'
  /** Where it is in the input: `line 7`, or the name of a file. */
  readonly at: string
  /** Canonical. */
  readonly uuid: string
  /** Lower-case hex. */
  readonly serial: string
  readonly der: Uint8Array
  /** Milliseconds since 1970 (UTC). */
  readonly issuedAt: number
  readonly notAfter: number
}

/** A row that would get a new certificate: nothing is signed in a rehearsal. */
export interface PlannedDevice extends DeviceFacts {
  readonly kind: 'planned'
  readonly at: string
  /** Canonical. */
  readonly uuid: string
}

/** A row that gets no certificate. */
export interface RefusedDevice {
  readonly kind: 'refused'
  readonly at: string
  /** Canonical; null: it is not known. */
  readonly uuid: string | null
  readonly code: RefusalCode
  /** A clause. */
  readonly reason: string
}

/** Where certificates go: a port that the operation writes to after every commit. */
export interface DeviceOutput {
  /** For keys that fpki makes; null: this output has no place for keys. */
  readonly keys: KeyPlaces | null
  /** Writes what is committed. May be called again for the same device with the same certificate. */
  write(devices: readonly IssuedDevice[]): Promise<void>
  /** Makes the output durable and complete, and gives it its name. Called once, when all is written. */
  finish(): Promise<void>
  /** Called instead of {@link finish} after an error or an interruption: leaves no half output under the final name. */
  stop(): Promise<void>
}

/** Where the keys of devices go that fpki makes: their only copy. */
export interface KeyPlaces {
  /** The SubjectPublicKeyInfo (DER) of the key that is there for a device; null: none, or none that can be read. */
  read(uuid: string): Promise<Uint8Array | null>
  /** Whether the output has a folder for a device, with a key or without. */
  has(uuid: string): Promise<boolean>
  /** Resolves when all are on the disk, with mode 0600 and their directories. A folder that has a key already is kept under another name. */
  write(keys: readonly { readonly uuid: string; readonly privateKeyPem: string }[]): Promise<void>
}
