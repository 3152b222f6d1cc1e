import type { DeviceFacts, Line } from '../../../devices/register.js'
import type { CertificateOrder, DeviceBatches } from '../../../issuance/device-batch/model.js'
import type { Validity } from '../../../pki/validity.js'
import type { Clock, Progress } from '../../../ports.js'
import type { DeviceOutput, IssuedDevice, RefusedDevice } from '../model.js'
import type { DeviceIssuer } from '../open-issuer.js'
import type { BatchRegister } from './rehearsal.js'

/** What a batch is made for. */
export interface IssueBatch {
  /** Of the PKI or kit. */
  readonly directory: string
  readonly factory: string
  readonly issuer: DeviceIssuer
  readonly line: Line
  /** What holds for all rows that do not say otherwise. */
  readonly production: boolean
  readonly group: string | null
  /** How long the certificates are valid; null: the years of the profile. Never longer than the CA. */
  readonly days: number | null
  /** Make the keys of the devices, and write them to the output. */
  readonly makeKeys: boolean
  /** Decide, and sign and record nothing. */
  readonly dryRun: boolean
  /** Stop when more rows are refused; null: never. */
  readonly maxRefused: number | null
  /** When this batch began, in milliseconds since 1970 (UTC). */
  readonly startedAt: number
  /** When the oldest interrupted job of the line began; null: none. */
  readonly interruptedSince: number | null
}

/** Ports of {@link issueBatch}. */
export interface IssueBatchPorts {
  readonly clock: Clock
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly register: BatchRegister
  readonly batches: DeviceBatches
  /** null: results are the only output. */
  readonly output: DeviceOutput | null
  /** Called before devices whose keys were lost get new ones, which abandons their earlier certificates. */
  onAbandon(count: number): void
}

/** A row whose request was verified, and which its line makes. */
export interface WantedDevice {
  readonly kind: 'wanted'
  readonly at: string
  readonly uuid: string
  readonly facts: DeviceFacts
  /** null: fpki makes the key. */
  readonly order: CertificateOrder | null
}

/** What holds while a chunk is issued. */
export interface RoundTerms extends IssueBatch {
  readonly validity: Validity
  /** What was planned so far; null: this is no rehearsal. */
  readonly plans: Plans | null
}

/** A device that gets a new certificate, unless the register refuses it in the end. */
export interface NewDevice extends Omit<WantedDevice, 'kind'> {
  readonly kind: 'new'
  /** It takes one of the line's quota. */
  readonly isFirst: boolean
  /** The device has a certificate already, for a key that was lost before anybody had it. */
  readonly keyWasLost: boolean
}

/** A device with the order for its certificate. */
export interface OrderedDevice extends NewDevice {
  readonly order: CertificateOrder
}

/** What a rehearsal has planned so far, so that it counts a device or key that is there twice as the batch itself would. */
export interface Plans {
  add(device: NewDevice): void
  /** What the batch itself would do with a row after what was planned; null: this is the first row of its device and key. */
  decide(row: WantedDevice, terms: RoundTerms, now: number): IssuedDevice | RefusedDevice | null
}
