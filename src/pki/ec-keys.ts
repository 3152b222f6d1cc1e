import { createECDH } from 'node:crypto'
import type { Curve, NewPrivateKey } from '../ports.js'
import { bitString, explicit, integer, objectIdentifier, octetString, sequence } from './der-write.js'
import { oid } from './oids.js'
import { encodePem } from './pem.js'
import { ecSpki, NODE_CURVE } from './public-key.js'

/**
 * A new EC private key (SEC 1, C.4, and RFC 5915) with its public key (RFC 5480, 2.2). Node generates the pair, and the code
 * below encodes it: OpenSSL takes longer to encode a key than to generate it. A key object would be worse than slow: in
 * Node 20, exporting one stops its thread for ever when the garbage collector removes just then what generated the key.
 */
export function newEcPrivateKey(curve: Curve): NewPrivateKey {
  const pair = createECDH(NODE_CURVE[curve])
  const point = pair.generateKeys()
  const key = sequence(
    integer(Uint8Array.of(1)),
    octetString(paddedScalar(pair.getPrivateKey(), point)),
    explicit(0, objectIdentifier(oid(curve))),
    explicit(1, bitString(point)),
  )
  // A copy: what the writer of DER returns may share memory with the private key.
  return { pem: encodePem('EC PRIVATE KEY', key), spki: Uint8Array.from(ecSpki(curve, point)) }
}

/** The scalar in as many octets as a coordinate of the uncompressed point (RFC 5915, 3); Node leaves out leading zeros. */
function paddedScalar(scalar: Uint8Array, point: Uint8Array): Uint8Array {
  const padded = new Uint8Array((point.length - 1) / 2)
  padded.set(scalar, padded.length - scalar.length)
  return padded
}
