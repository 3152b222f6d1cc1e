/**
 * The devices that the Factory API is still to be informed of. A device has one entry, that of its newest certificate, so that
 * the order of its certificates does not matter. Entries are made by the transaction that records the certificate or the denial.
 * A denial, and its end, take the place of whatever is waiting; a certificate that is recorded after that belongs to the end.
 *
 * Times are milliseconds since 1970 (UTC).
 */
export interface Outbox {
  /**
   * Takes up to `count` entries that are due at `at`, those that have waited longest first. Nobody else gets them before
   * `until`: whoever took them and ended leaves them to others then.
   */
  take(order: { readonly count: number; readonly at: number; readonly until: number }): Promise<readonly OutboxEntry[]>
  /**
   * Removes entries in one transaction: the API knows their devices. What took the place of an entry meanwhile stays, and is due.
   */
  delivered(entries: readonly OutboxEntry[]): Promise<void>
  /**
   * Removes an entry, and puts the device into the state `conflict`: the API has another device with that UUID. What took the
   * place of the entry meanwhile is tried for itself.
   */
  conflict(entry: OutboxEntry): Promise<void>
  /** Keeps an entry for another attempt. */
  failed(entry: OutboxEntry, next: { readonly at: number; readonly reason: string }): Promise<void>
  state(): Promise<OutboxState>
}

/**
 * What the Factory API is to be informed of: a new certificate, a denial, or the end of a denial of a device with that certificate,
 * which the API may not know yet.
 */
export const OUTBOX_ACTIONS = ['announce', 'deny', 'allow'] as const
/** See {@link OUTBOX_ACTIONS}. */
export type OutboxAction = (typeof OUTBOX_ACTIONS)[number]

/** A device that the Factory API is to be informed of. */
export interface OutboxEntry {
  readonly action: OutboxAction
  readonly uuid: string
  readonly name: string
  readonly group: string | null
  /** Of its newest certificate, lower-case hex; null: another service registered the device, and the register has none. */
  readonly serial: string | null
  readonly der: Uint8Array | null
  /** The device CA: SHA-256 of its certificate, lower-case hex. */
  readonly ca: string
  /** How often it was tried and failed. */
  readonly attempts: number
}

/** What is in the outbox, without what waits for the end of a denial. */
export interface OutboxState {
  readonly waiting: number
  /** When the oldest entry was made; null: the outbox is empty. */
  readonly oldest: number | null
  /** The devices in the state `conflict`. */
  readonly conflicts: number
  /** Why an attempt failed, of those that are due again last; null: none failed. */
  readonly lastFailure: string | null
}
