import type { FactoryApiError } from './api.js'

/** What a Factory API is to know of a device. */
export interface PublishedDevice {
  /** Its certificate, PEM. */
  readonly certificate: string
  /** null: the API names it. */
  readonly name: string | null
  readonly group: string | null
}

/** How a call of a {@link DeviceApi} is carried out. */
export interface PutOptions {
  /** Aborts the call; its reason is thrown. */
  readonly signal: AbortSignal
  /** Whether to try again after transient failures before giving up. */
  readonly retries: boolean
}

/** How a call of a {@link DeviceApi} ended. */
export type PutOutcome =
  | { readonly kind: 'done' }
  /** The API has another device with that UUID. */
  | { readonly kind: 'conflict'; readonly error: FactoryApiError }
  /** The API does not take this device; it may take others. */
  | { readonly kind: 'refused'; readonly error: FactoryApiError }
  /** The API takes no device now. `retryAfter`: the wait that it asks for, in milliseconds; null: it asks for none. */
  | { readonly kind: 'unavailable'; readonly error: FactoryApiError; readonly retryAfter: number | null }

/** How {@link DeviceApi.deny} ended; `unknown`: the API does not know the device. */
export type DenyOutcome = PutOutcome | { readonly kind: 'unknown'; readonly error: FactoryApiError }

/** The part of a Factory API that is informed of devices (docs/api.md#devices). */
export interface DeviceApi {
  /** Identifies the API in messages and records. */
  readonly name: string
  /** Informs the API of a device. Doing so again changes nothing. */
  put(device: PublishedDevice, options: PutOptions): Promise<PutOutcome>
  /** Denies a device by its UUID. Doing so again changes nothing. */
  deny(uuid: string, options: PutOptions): Promise<DenyOutcome>
  /** Ends the denial of a device by its UUID, if there is one. `refused`: the API denies it for ever. */
  allow(uuid: string, options: PutOptions): Promise<PutOutcome>
}
