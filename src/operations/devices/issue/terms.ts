import type { Refusal } from '../../../devices/refusal.js'
import type { DeviceFacts, Line, RegistrationProof } from '../../../devices/register.js'
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
  /** Whether the Factory API is to be informed of new devices. */
  readonly announce: boolean
  /** Stop when more rows are refused; null: never. */
  readonly maxRefused: number | null
  /** When this batch began, in milliseconds since 1970 (UTC). */
  readonly startedAt: number
  /** When the oldest interrupted job of the line began; null: none. */
  readonly interruptedSince: number | null
}

/** Ports of {@link issueBatch}. */
export interface IssueBatchPorts extends IssueChunkPorts {
  readonly register: BatchRegister
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Ports of issueChunk. */
export interface IssueChunkPorts {
  readonly clock: Clock
  readonly register: Pick<BatchRegister, 'lookUp' | 'commit' | 'abandon'>
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
  /** null: it is issued offline. */
  readonly registration: Registration | null
}

/** What a device registers itself with. */
interface Registration {
  readonly proof: RegistrationProof
  /** Why it gets no new certificate, although it gets the one that it has; null: it does. */
  readonly refusal: Refusal | null
  /** The same for a device that has none yet. */
  readonly firstRefusal: Refusal | null
}

/** What holds while a chunk is issued. */
export interface RoundTerms extends Omit<IssueBatch, 'issuer'> {
  readonly issuer: Pick<DeviceIssuer, 'fingerprint'>
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
