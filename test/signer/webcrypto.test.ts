import { verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { readPublicKey } from '../../src/pki/public-key.js'
import { statement } from '../../src/pki/statement.js'
import type { CheckedOctets, Curve, Signer } from '../../src/ports.js'
import { signingCrypto } from '../../src/signer/webcrypto.js'
import { createCaCsr, createCsr } from '../../src/signer/x509/csr.js'
import { commonNameAndUnit } from '../../src/signer/x509/name.js'
import { newSigner, unchecked } from '../support/issue.js'

const OCTETS = Buffer.from('3003020105', 'hex')
const CURVES = [
  ['P-256', 'sha256', 32],
  ['P-384', 'sha384', 48],
  ['P-521', 'sha512', 66],
] as const

/** Signs as @peculiar/x509 does. */
function signWith(signer: Signer, check: (octets: Uint8Array) => CheckedOctets = unchecked) {
  const { crypto, key, algorithm } = signingCrypto(signer, check, 'the new thing')
  return crypto.subtle.sign(algorithm, key, new Uint8Array(OCTETS).buffer)
}

const REFUSED = expect.objectContaining({
  code: 'ERR_SIGNATURE',
  message: 'Refusing the new thing: the signature that the key returned does not verify.',
})

describe('the adapter', () => {
  test.each(CURVES)(
    'returns WebCrypto signatures on %s, including those with short numbers',
    async (curve, hash, size) => {
      const signer = newSigner(curve)
      const { key } = readPublicKey(signer.spki)
      for (let count = 0; count < 300; count++) {
        const signature = Buffer.from(await signWith(signer))
        expect(signature.length).toBe(2 * size)
        expect(verify(hash, OCTETS, { key, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true)
      }
    },
  )

  test.each(CURVES)('names the algorithm of %s', (curve, hash) => {
    const { algorithm, key } = signingCrypto(newSigner(curve), unchecked, 'it')
    expect(algorithm).toEqual({ name: 'ECDSA', namedCurve: curve, hash: hash.replace('sha', 'SHA-') })
    expect(key.algorithm).toEqual(algorithm)
  })

  test('returns the exact public key', async () => {
    const signer = newSigner()
    const { crypto, key } = signingCrypto(signer, unchecked, 'it')
    expect(Buffer.from(await crypto.subtle.exportKey('spki', key))).toEqual(Buffer.from(signer.spki))
  })

  test('passes the octets to the check, and does not sign when it refuses them', async () => {
    const asked: Uint8Array[] = []
    const sign = async (data: Uint8Array) => {
      asked.push(data)
      return new Uint8Array()
    }
    const seen: string[] = []
    const refusal = new FpkiError('ERR_PROFILE', 'It is not as it should be.', 'Look again.')
    const check = (octets: Uint8Array): CheckedOctets => {
      seen.push(Buffer.from(octets).toString('hex'))
      throw refusal
    }
    await expect(signWith({ ...newSigner(), sign }, check)).rejects.toBe(refusal)
    expect(seen).toEqual([OCTETS.toString('hex')])
    expect(asked).toEqual([])
  })

  test('refuses anything other than a valid signature', async () => {
    const signer = newSigner()
    const other = newSigner()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (octets) => {
        await expect(signWith({ ...signer, sign: async () => octets })).rejects.toEqual(REFUSED)
      }),
    )
    const wrong: readonly Signer['sign'][] = [
      (data) => other.sign(data),
      (data) => signer.sign(unchecked(data.subarray(1))),
      async (data) => Buffer.concat([await signer.sign(data), Buffer.of(0)]),
      async () => Buffer.from('3006020100020100', 'hex'),
    ]
    for (const sign of wrong) await expect(signWith({ ...signer, sign })).rejects.toEqual(REFUSED)
  })

  test('refuses an invalid public key', async () => {
    await expect(signWith({ ...newSigner(), spki: Buffer.from('3000', 'hex') })).rejects.toEqual(REFUSED)
  })
})

describe('no request is created when the signer returns', () => {
  const make = async (curve: Curve, change: (signer: Signer) => Partial<Signer>) => {
    const signer = newSigner(curve)
    const subject = await commonNameAndUnit('gateway', 'acme')
    const changed = { ...signer, ...change(signer) }
    return [createCsr(subject, [{ type: 'DNS', value: 'a.example' }], changed), createCaCsr(subject, changed)]
  }

  test.each<[string, (signer: Signer) => Partial<Signer>]>([
    ['a signature by another key', () => ({ sign: (data) => newSigner().sign(data) })],
    ['a signature over other octets', ({ sign }) => ({ sign: () => sign(statement('something else')) })],
    ['nothing', () => ({ sign: async () => new Uint8Array() })],
    ['a signature of its key, which it says is another', () => ({ spki: newSigner().spki })],
  ])('%s', async (_, change) => {
    for (const made of await make('P-256', change)) {
      await expect(made).rejects.toMatchObject({
        code: 'ERR_SIGNATURE',
        message: expect.stringContaining('Refusing the new certificate request'),
      })
    }
  })
})

test('a statement that starts like a certificate is not signed', () => {
  expect(() => statement(OCTETS)).toThrow('must not start like a certificate')
  expect(() => statement('0 is the number of the first octet of a SEQUENCE')).toThrow(Error)
  expect(Buffer.from(statement('text')).toString()).toBe('text')
})
