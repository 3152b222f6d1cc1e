import type { FpkiCode, FpkiOption } from '../../errors.js'
import type { CredentialStore } from '../credential-store.js'
import type { DeviceRegister, LineStore } from '../register.js'

/** What the registration service uses of a register. */
export interface ServiceRegister
  extends Pick<
    DeviceRegister,
    'lookUp' | 'commit' | 'abandon' | 'renew' | 'presented' | 'seen' | 'statuses' | 'head' | 'outbox' | 'close'
  > {
  readonly lines: Pick<LineStore, 'get' | 'list'>
  readonly credentials: Pick<CredentialStore, 'token' | 'tokens' | 'stations' | 'stationByCertificate' | 'listed'>
}

/** What a thread does for its callers, by the names that messages have. */
export function callsOf({ lines, credentials, outbox, ...register }: ServiceRegister) {
  return {
    lookUp: register.lookUp,
    commit: register.commit,
    abandon: register.abandon,
    renew: register.renew,
    presented: register.presented,
    seen: register.seen,
    statuses: register.statuses,
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
