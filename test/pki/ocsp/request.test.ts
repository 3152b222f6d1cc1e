import { expect, test } from 'vitest'
import { TAG } from '../../../src/pki/der.js'
import { der, explicit, integer, objectIdentifier, octetString, sequence } from '../../../src/pki/der-write.js'
import { readOcspRequest } from '../../../src/pki/ocsp/request.js'

const HASH = sequence(objectIdentifier('1.3.14.3.2.26'), der(TAG.null))
const CERT_ID = certId(integer(Buffer.from('5a01', 'hex')))
const CRITICAL = der(TAG.boolean, Uint8Array.of(0xff))

function certId(serial: Uint8Array, algorithm = HASH): Uint8Array {
  return sequence(algorithm, octetString(new Uint8Array(20)), octetString(new Uint8Array(20)), serial)
}

function request(list: Uint8Array, ...members: readonly Uint8Array[]): Uint8Array {
  return sequence(sequence(list, ...members))
}

function extension(oid: string, value: Uint8Array, ...critical: readonly Uint8Array[]): Uint8Array {
  return sequence(objectIdentifier(oid), ...critical, octetString(value))
}

function withNonce(octets: Uint8Array): Uint8Array {
  return request(sequence(sequence(CERT_ID)), explicit(2, sequence(extension('1.3.6.1.5.5.7.48.1.2', octets))))
}

test('a request has what the client asks for', () => {
  const { certIds, nonce } = readOcspRequest(request(sequence(sequence(CERT_ID))))
  expect(nonce).toBeNull()
  expect(certIds).toEqual([expect.objectContaining({ hash: 'SHA-1', serial: '5a01' })])
  expect(Buffer.from(certIds[0]?.raw ?? []).equals(CERT_ID)).toBe(true)
})

test('parameters may be absent, and another hash is no error', () => {
  const [sha256, md5] = ['2.16.840.1.101.3.4.2.1', '1.2.840.113549.2.5'].map((oid) => sequence(objectIdentifier(oid)))
  const list = sequence(...[sha256, md5].map((one) => sequence(certId(integer(Uint8Array.of(1)), one))))
  expect(readOcspRequest(request(list)).certIds.map(({ hash }) => hash)).toEqual(['SHA-256', null])
})

test('who asks, a signature and extensions that are not critical are read over', () => {
  const tbs = sequence(
    explicit(1, der(0x82, Buffer.from('gw.example'))),
    sequence(sequence(CERT_ID, explicit(0, sequence(extension('1.2.3', Uint8Array.of(5, 0)))))),
    explicit(2, sequence(extension('1.3.6.1.5.5.7.48.1.4', Uint8Array.of(5, 0)))),
  )
  const signature = explicit(0, sequence(sequence(objectIdentifier('1.2.3')), der(TAG.bitString, Uint8Array.of(0))))
  expect(readOcspRequest(sequence(tbs, signature)).certIds).toHaveLength(1)
})

test('zero and negative serial numbers are those of no certificate', () => {
  const serials = [integer(Uint8Array.of(0)), der(TAG.integer, Uint8Array.of(0xff))]
  const list = sequence(...serials.map((serial) => sequence(certId(serial))))
  expect(readOcspRequest(request(list)).certIds.map(({ serial }) => serial)).toEqual([null, null])
})

test('a nonce has 1 to 128 octets', () => {
  for (const size of [1, 32, 128]) {
    const nonce = Buffer.alloc(size, 7)
    expect(Buffer.from(readOcspRequest(withNonce(octetString(nonce))).nonce ?? []).equals(nonce)).toBe(true)
  }
  for (const size of [0, 129, 4000])
    expect(() => readOcspRequest(withNonce(octetString(new Uint8Array(size))))).toThrow(
      'its nonce has an invalid length',
    )
  expect(() => readOcspRequest(withNonce(Uint8Array.of(1, 2, 3)))).toThrow()
})

test('up to 32 certificates are asked for at once', () => {
  const many = (count: number) => request(sequence(...Array.from({ length: count }, () => sequence(CERT_ID))))
  expect(readOcspRequest(many(32)).certIds).toHaveLength(32)
  expect(() => readOcspRequest(many(33))).toThrow('unexpected number of members (33)')
  expect(() => readOcspRequest(many(0))).toThrow('unexpected number of members (0)')
  expect(() => readOcspRequest(many(1000))).toThrow('it is larger than 8192 octets')
})

test.each([
  ['version 2', sequence(sequence(explicit(0, integer(Uint8Array.of(1))), sequence(sequence(CERT_ID))))],
  [
    'an encoded default version',
    sequence(sequence(explicit(0, integer(Uint8Array.of(0))), sequence(sequence(CERT_ID)))),
  ],
  ['trailing octets', Buffer.concat([request(sequence(sequence(CERT_ID))), Uint8Array.of(0)])],
  [
    'a member too many',
    request(
      sequence(sequence(CERT_ID)),
      explicit(2, sequence(extension('1.2.3', Uint8Array.of(5, 0)))),
      octetString(Uint8Array.of()),
    ),
  ],
  [
    'an unknown critical extension',
    request(sequence(sequence(CERT_ID)), explicit(2, sequence(extension('1.2.3', Uint8Array.of(5, 0), CRITICAL)))),
  ],
  [
    'an unknown critical extension of one certificate',
    request(sequence(sequence(CERT_ID, explicit(0, sequence(extension('1.2.3', Uint8Array.of(5, 0), CRITICAL)))))),
  ],
  ['a long serial number', request(sequence(sequence(certId(integer(Buffer.alloc(41, 1))))))],
  ['BER', Buffer.from('308004', 'hex')],
  ['nothing', Uint8Array.of()],
  ['a certificate where a list is expected', request(CERT_ID)],
])('%s is malformed', (_, octets) => {
  expect(() => readOcspRequest(octets)).toThrow()
})
