import { createPrivateKey, createPublicKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { contentOf, parseDer, sequenceMembers } from '../../src/pki/der.js'
import { newEcPrivateKey } from '../../src/pki/ec-keys.js'
import { decodeOnePem } from '../../src/pki/pem.js'
import type { Curve, NewPrivateKey } from '../../src/ports.js'

test.each(['P-256', 'P-384', 'P-521'] as const)('OpenSSL encodes a new key on %s in the same octets', (curve) => {
  const keys = [...Array.from({ length: 20 }, () => newEcPrivateKey(curve)), keyWithShortScalar(curve)]
  for (const { pem, spki } of keys) {
    const key = createPrivateKey(pem)
    expect(key.export({ format: 'pem', type: 'sec1' })).toBe(pem)
    expect(createPublicKey(key).export({ format: 'der', type: 'spki' })).toEqual(Buffer.from(spki))
  }
  expect(new Set(keys.map(({ pem }) => pem)).size).toBe(keys.length)
})

/** A key whose scalar is shorter than a coordinate: every other one on P-521, one in 256 on the others. */
function keyWithShortScalar(curve: Curve): NewPrivateKey {
  for (;;) {
    const key = newEcPrivateKey(curve)
    const [, scalar] = sequenceMembers(parseDer(decodeOnePem('EC PRIVATE KEY', key.pem, 'the key')), 4)
    if (contentOf(scalar, 'octetString')[0] === 0) return key
  }
}
