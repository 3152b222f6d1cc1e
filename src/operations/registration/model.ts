import type { Credential } from '../../devices/credential-store.js'
import type { OutboxEntry, OutboxState } from '../../devices/outbox.js'
import type { RefusalCode } from '../../devices/refusal.js'
import type { Line } from '../../devices/register.js'

/** Registers devices one at a time, for many at once, without HTTP: the registration service. */
export interface RegistrationService {
  /** Why no device could be registered right now, as a clause; null: one could. Answers the ping of clients, and `/readyz`. */
  whyUnavailable(): Promise<string | null>
  /** Who asks; null: nobody that the register knows now. Takes as long for a wrong token as for a right one. */
  authenticate(proof: Proof): Promise<Caller | null>
  /**
   * Registers a device: what it resolves to is committed.
   *
   * @throws FpkiError when no device can be registered now, as the register, the key or the CA is not available
   */
  register(request: RegistrationRequest, caller: Caller): Promise<RegistrationOutcome>
  /** What the register has at the moment, for metrics. Throws as the register. */
  state(): Promise<RegistrationState>
  /** Finishes what was accepted, and releases the register and the key. */
  close(): Promise<void>
}

/** See {@link RegistrationService.state}. */
export interface RegistrationState {
  /** Also those that register no devices. */
  readonly lines: readonly Line[]
  /** null: the Factory API is not informed. */
  readonly outbox: OutboxState | null
}

/** What a client proves its right with: a token (secret), or the certificate of its TLS connection, DER. */
export type Proof =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'station'; readonly certificate: Uint8Array }

/** A credential that is valid now, and its line. */
export interface Caller {
  readonly credential: Credential
  readonly line: string
}

/** The request of a device (docs/registration.md), read from JSON and not yet decided. */
export interface RegistrationRequest {
  /** PEM. */
  readonly csr: string
  /** null: left to the request. */
  readonly uuid: string | null
  readonly name: string | null
  readonly hardwareId: string | null
  readonly group: string | null
  readonly usesOstree: boolean
  /** Absolute, without a slash at its end. */
  readonly configDirectory: string
  /** Section, key, TOML literal as text. */
  readonly overrides: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** How a request ended. */
export type RegistrationOutcome =
  | {
      readonly kind: 'issued' | 'reused'
      readonly uuid: string
      /** Lower-case hex. */
      readonly serial: string
      readonly files: RegistrationFiles
    }
  | {
      readonly kind: 'refused'
      /** Canonical; null: unknown. */
      readonly uuid: string | null
      readonly code: RefusalCode
      /** A clause. */
      readonly reason: string
    }

/** The answer to a device: exactly these members, because a client writes each into a file of its name. */
export interface RegistrationFiles {
  readonly 'root.crt': string
  readonly 'sota.toml': string
  readonly 'client.pem': string
  readonly 'client.chained': string
}

/** What happens with the Factory API: it is informed later, at once, or never. */
export const CLOUD_MODES = ['queue', 'require', 'off'] as const
/** See {@link CLOUD_MODES}. */
export type CloudMode = (typeof CLOUD_MODES)[number]

/**
 * Informs the Factory API of a device whose certificate has just been committed with an entry in the outbox, and settles the
 * entry: what `require` does before it answers.
 */
export type Announce = (device: Omit<OutboxEntry, 'attempts'>) => Promise<Announced>

/** How an {@link Announce} ended. `failed`: the entry waits for another attempt. */
export type Announced =
  | { readonly kind: 'delivered' }
  | {
      readonly kind: 'conflict' | 'failed'
      /** A clause. */
      readonly reason: string
    }
