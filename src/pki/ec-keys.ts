import { generateKeyPairSync } from 'node:crypto'
import type { Curve, NewPrivateKey } from '../ports.js'
import { NODE_CURVE } from './public-key.js'

/**
 * An EC private key that Node generates, and encodes meanwhile. To export the key object of a new key later would save some
 * microseconds, but stop the thread for ever when the garbage collector removes just then what generated the key: in Node 20,
 * both wait for one lock. One in some ten thousand keys did.
 */
export function newEcPrivateKey(curve: Curve): NewPrivateKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: NODE_CURVE[curve],
    privateKeyEncoding: { format: 'pem', type: 'sec1' },
    publicKeyEncoding: { format: 'der', type: 'spki' },
  })
  return { pem: privateKey, spki: new Uint8Array(publicKey) }
}
