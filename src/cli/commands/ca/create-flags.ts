import type { KeyPlaceFlags } from '../../key-places.js'
import type { CommonFlags } from '../../options.js'

/** The flags of `ca create`. */
export interface CreateFlags extends CommonFlags, KeyPlaceFlags {
  readonly onlineCa: boolean
  readonly tlsName?: readonly string[]
  readonly backup?: string
}
