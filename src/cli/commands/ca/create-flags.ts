import type { Curve } from '../../../ports.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'

/** The flags of `ca create`. */
export interface CreateFlags extends CommonFlags, HsmFlags {
  readonly onlineCa: boolean
  readonly localCa: boolean
  readonly tlsName?: readonly string[]
  readonly keyType?: Curve
  readonly localCaInHsm?: true
  readonly encryptKeys?: true
  readonly rootKey?: string
  readonly rootCert?: string
  readonly backup?: string
}
