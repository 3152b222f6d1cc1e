import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { NODE_CURVE } from '../../../src/pki/public-key.js'
import { curveOfParameters, ecParameters, spkiOfPoint } from '../../../src/signer/pkcs11/public-point.js'

const CURVES = [
  ['P-256', 65, '0441'],
  ['P-384', 97, '0461'],
  ['P-521', 133, '048185'],
] as const

describe.each(CURVES)('CKA_EC_POINT on %s', (curve, size, header) => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: NODE_CURVE[curve] })
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  const raw = spki.subarray(-size)

  test('raw or in an OCTET STRING, is the same key', () => {
    for (const value of [raw, Buffer.concat([Buffer.from(header, 'hex'), raw])]) {
      const read = spkiOfPoint(value, curve)
      expect(Buffer.from(read ?? [])).toEqual(spki)
      expect(createPublicKey({ key: Buffer.from(read ?? []), format: 'der', type: 'spki' }).equals(publicKey)).toBe(
        true,
      )
    }
  })

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a compressed point', Buffer.concat([Buffer.of(2), raw.subarray(1, (size + 1) / 2)])],
    ['one octet less', raw.subarray(1)],
    ['one octet more', Buffer.concat([raw, Buffer.of(0)])],
    ['another header', Buffer.concat([Buffer.from(header, 'hex').fill(3), raw])],
    ['another length', Buffer.concat([Buffer.of(4, size - 1), raw])],
  ])('%s is not a point', (_, value) => expect(spkiOfPoint(value, curve)).toBeNull())

  test('CKA_EC_PARAMS names the curve', () => {
    expect(curveOfParameters(ecParameters(curve))).toBe(curve)
    expect(curveOfParameters(Buffer.from('06052b8104000a', 'hex'))).toBeNull()
  })
})
