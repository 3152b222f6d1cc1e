import type { KeyObject } from 'node:crypto'
import type { CredentialStore } from '../../../devices/credential-store.js'
import type { DeviceRegister, LineStore } from '../../../devices/register.js'
import type { FpkiCode, FpkiError, FpkiOption } from '../../../errors.js'
import type { RoundTerms } from '../../devices/issue/terms.js'
import type { Packed } from './chunk-message.js'

/** What the services for devices use of a register. */
export interface ServiceRegister
  extends Pick<DeviceRegister, 'lookUp' | 'commit' | 'abandon' | 'head' | 'outbox' | 'close'>,
    Pick<DeviceRegister, 'renew' | 'presented' | 'seen' | 'statuses' | 'lifeCounts'> {
  readonly lines: Pick<LineStore, 'get' | 'list'>
  readonly credentials: Pick<CredentialStore, 'token' | 'tokens' | 'stations' | 'stationByCertificate' | 'listed'>
}

/** Issues certificates beside the register: look-up, signature and commit without a message in between. */
export interface IssuingThread {
  /** Gives the thread the key of a device CA. */
  open(key: ThreadKey): Promise<void>
  /** See issueChunk; packed by chunk-message.ts. */
  issue(devices: Packed, terms: ChunkTerms): Promise<Packed>
}

/** A device CA whose key is in a file. */
interface ThreadKey {
  readonly factory: string
  /** DER. */
  readonly ca: Uint8Array
  /** The file of its certificate. */
  readonly file: string
  /** A handle. */
  readonly privateKey: KeyObject
}

/** What holds for a chunk. */
export interface ChunkTerms extends Omit<RoundTerms, 'issuer' | 'plans'> {
  /** The device CA: SHA-256 of its certificate, lower-case hex. */
  readonly ca: string
}

/** The register of a service, which may be beside the thread that issues. */
export interface IssuingRegister extends ServiceRegister {
  /** Resolves to the reason when it can never work again: its thread died. */
  readonly failure?: Promise<FpkiError>
  readonly issuing?: IssuingThread
}

/** What a thread does for its callers, by the names that messages have. */
export function callsOf({ lines, credentials, outbox, ...register }: ServiceRegister, issuing: IssuingThread) {
  return {
    'issuing.open': issuing.open,
    'issuing.issue': issuing.issue,
    lookUp: register.lookUp,
    commit: register.commit,
    abandon: register.abandon,
    renew: register.renew,
    presented: register.presented,
    seen: register.seen,
    statuses: register.statuses,
    lifeCounts: register.lifeCounts,
    head: register.head,
    close: register.close,
    'lines.get': lines.get,
    'lines.list': lines.list,
    'credentials.token': credentials.token,
    'credentials.tokens': credentials.tokens,
    'credentials.stations': credentials.stations,
    'credentials.stationByCertificate': credentials.stationByCertificate,
    'credentials.listed': credentials.listed,
    'outbox.take': outbox.take,
    'outbox.delivered': outbox.delivered,
    'outbox.conflict': outbox.conflict,
    'outbox.failed': outbox.failed,
    'outbox.state': outbox.state,
  }
}

/** See {@link callsOf}. */
export type Calls = ReturnType<typeof callsOf>

/** A message to the thread. */
export interface Call<Name extends keyof Calls = keyof Calls> {
  readonly id: number
  readonly name: Name
  readonly arguments: Parameters<Calls[Name]>
}

/** The answer to a call: what it resolved to, the parts of an FpkiError, or an error that is a bug. */
export type Answer<Result = unknown> = { readonly id: number } & (
  | { readonly result: Result }
  | { readonly error: ErrorParts }
  | { readonly bug: unknown }
)

/** An FpkiError without its cause. */
export interface ErrorParts {
  readonly code: FpkiCode
  readonly message: string
  readonly hint: string
  readonly option: FpkiOption | null
}

/** The id of the answer to the start: the register is open, or why not. */
export const OPENED = 0
