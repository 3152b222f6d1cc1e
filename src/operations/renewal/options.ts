import { DAY } from '../../day.js'
import type { Certificate } from '../../pki/read-certificate.js'

/** What the renewal service allows. */
export interface RenewalTerms {
  /** The only line whose devices are served; null: all. */
  readonly line: string | null
  /** For how many days after their end certificates may be renewed; 0: not at all. */
  readonly renewExpired: number
  /** How much of a certificate's validity must have passed, in percent; 0: it may be renewed at any time. */
  readonly renewFrom: number
  /** How long the earlier certificate remains good beside the new one, in milliseconds. */
  readonly overlap: number
  /** Whether devices that another service registered are recorded with their first renewal. */
  readonly adopt: boolean
  /** The CAs whose certificates identify devices in simpleenroll. */
  readonly clientCas: readonly Certificate[]
  /** The UUIDs of devices by the CN or serialNumber of such a certificate; null: these are the UUID. */
  readonly clientMap: ReadonlyMap<string, readonly string[]> | null
}

/** The overlap that nobody set: 30 days, in milliseconds. */
export const DEFAULT_OVERLAP = 30 * DAY

/** How much of its validity must have passed for a device that keeps its key to get another certificate. */
export const SAME_KEY_UNTIL = 2 / 3
