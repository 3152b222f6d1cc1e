import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { TLS_SERVER } from '../../../src/pki/profiles.js'
import type { Signer } from '../../../src/ports.js'
import { signCertificate } from '../../../src/signer/x509/certificate.js'
import { at, pem, readTlv, sequence } from '../../pki/support/der.js'
import { output } from '../../support/cli.js'
import { type Authority, certificateTemplate, newRoot, newSigner, unchecked } from '../../support/issue.js'

let root: Authority
const spki = newSigner().spki

beforeAll(async () => {
  root = await newRoot()
})

/** Issues a server certificate with a signer that does what `sign` does, and is the root's otherwise. */
function issueWith(sign: Signer['sign'], others: Partial<Signer> = {}) {
  const request = certificateTemplate('tls-crt', TLS_SERVER, spki, root.certificate, { dnsNames: ['a.example'] })
  return signCertificate(request, { ...root.signer, ...others, sign })
}

const REFUSED = expect.objectContaining({
  code: 'ERR_SIGNATURE',
  message: expect.stringContaining('Refusing the new certificate for tls-crt'),
})

describe('a certificate is not issued when the signer returns', () => {
  test('octets of any length that are not a signature', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (octets) => {
        await expect(issueWith(async () => octets)).rejects.toEqual(REFUSED)
      }),
    )
  })

  test('nothing', async () => {
    await expect(issueWith(async () => new Uint8Array())).rejects.toEqual(REFUSED)
  })

  test('70,000 octets', async () => {
    await expect(issueWith(async () => new Uint8Array(70_000))).rejects.toEqual(REFUSED)
  })

  test('a signature by another key', async () => {
    const other = newSigner()
    await expect(issueWith((data) => other.sign(data))).rejects.toEqual(REFUSED)
  })

  test('a signature over other data', async () => {
    await expect(issueWith((data) => root.signer.sign(unchecked(data.subarray(1))))).rejects.toEqual(REFUSED)
  })

  test('the signature of an earlier certificate', async () => {
    const earlier: Uint8Array[] = []
    await issueWith(async (data) => {
      const signature = await root.signer.sign(data)
      earlier.push(signature)
      return signature
    })
    await expect(issueWith(async () => earlier[0] ?? new Uint8Array())).rejects.toEqual(REFUSED)
  })

  test('r and s concatenated (PKCS #11) instead of DER', async () => {
    const raw: Signer['sign'] = async (data) => {
      const signature = readTlv(await root.signer.sign(data))
      const [r, s] = [0, 1].map((index) => at(signature, index).content)
      return Buffer.concat([padded(r), padded(s)])
    }
    await expect(issueWith(raw)).rejects.toEqual(REFUSED)
  })

  test('r and s as zero', async () => {
    await expect(issueWith(async () => Buffer.from('3006020100020100', 'hex'))).rejects.toEqual(REFUSED)
  })

  test('a valid signature with trailing octets', async () => {
    const long: Signer['sign'] = async (data) => Buffer.concat([await root.signer.sign(data), Buffer.of(0)])
    await expect(issueWith(long)).rejects.toEqual(REFUSED)
  })

  test('a valid signature, but declares another key', async () => {
    const { spki: publicKey } = newSigner()
    await expect(issueWith((data) => root.signer.sign(data), { spki: publicKey })).rejects.toEqual(REFUSED)
  })

  test('a signature of its own key, which is not the issuer’s', async () => {
    const other = newSigner()
    await expect(issueWith((data) => other.sign(data), { spki: other.spki })).rejects.toEqual(REFUSED)
  })

  test('a valid signature with another algorithm', async () => {
    const algorithm = { curve: 'P-384', hash: 'sha384' } as const
    await expect(issueWith((data) => root.signer.sign(data), { algorithm })).rejects.toMatchObject({
      name: 'FpkiError',
    })
  })
})

test('an error of the signer is passed on', async () => {
  const broken = new Error('the token was pulled out')
  await expect(issueWith(() => Promise.reject(broken))).rejects.toBe(broken)
})

test('the signer is called once, with the octets of the certificate', async () => {
  const asked: Uint8Array[] = []
  const { der } = await issueWith((data) => {
    asked.push(data)
    return root.signer.sign(data)
  })
  expect(asked.map((data) => Buffer.from(data).toString('hex'))).toEqual([at(readTlv(der), 0).der.toString('hex')])
})

test.each(['P-256', 'P-384', 'P-521'] as const)('a root on %s signs with the hash of its curve', async (curve) => {
  const { certificate } = await newRoot({}, newSigner(curve))
  const text = await output('openssl', ['x509', '-noout', '-text'], { stdin: pem('CERTIFICATE', certificate.der) })
  const hash = { 'P-256': 'SHA256', 'P-384': 'SHA384', 'P-521': 'SHA512' }[curve]
  expect(text.match(/Signature Algorithm: .*/g)).toEqual(Array(2).fill(`Signature Algorithm: ecdsa-with-${hash}`))
  const [inner, outer] = [at(readTlv(certificate.der), 0, 2), at(readTlv(certificate.der), 1)]
  expect(outer.der.toString('hex')).toBe(inner.der.toString('hex'))
  expect(inner.der.toString('hex')).toBe(sequence(inner.content).toString('hex'))
})

function padded(number: Buffer | undefined): Buffer {
  const octets = (number ?? Buffer.alloc(0)).subarray(-32)
  return Buffer.concat([Buffer.alloc(32 - octets.length), octets])
}
