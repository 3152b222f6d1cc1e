import type { Curve } from '../ports.js'
import { objectIdentifier, sequence } from './der-write.js'
import { type OidName, oid } from './oids.js'

/** The signature algorithm of each curve (RFC 5758, 3.2). */
const ECDSA_OF_CURVE: Readonly<Record<Curve, OidName>> = {
  'P-256': 'ecdsa-with-SHA256',
  'P-384': 'ecdsa-with-SHA384',
  'P-521': 'ecdsa-with-SHA512',
}

/** The AlgorithmIdentifier of a signature by a key on `curve`; ECDSA has no parameters (RFC 5758, 3.2). */
export function algorithmIdentifier(curve: Curve): Uint8Array {
  return sequence(objectIdentifier(oid(ECDSA_OF_CURVE[curve])))
}
