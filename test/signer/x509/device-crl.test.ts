import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkTbsDeviceCrl, entriesDigest, type RevokedEntry } from '../../../src/pki/check-device-crl.js'
import { parseDer, rawDer, sequenceMembers } from '../../../src/pki/der.js'
import { encodePem } from '../../../src/pki/pem.js'
import { DEVICE_CA_WITH_CRLS } from '../../../src/pki/profiles.js'
import { signDeviceCrl } from '../../../src/signer/x509/device-crl.js'
import { output, temporaryDirectory } from '../../support/cli.js'
import { NOW, newDeviceCa, newRoot, newSigner } from '../../support/issue.js'
import { ALL_POINTS } from '../../support/points.js'

const WEEK = 7 * 86_400_000

async function authority() {
  const root = await newRoot()
  return newDeviceCa(root, { profile: DEVICE_CA_WITH_CRLS })
}

async function* each(entries: Iterable<RevokedEntry>): AsyncGenerator<RevokedEntry> {
  yield* entries
}

function orderOf(issuer: Awaited<ReturnType<typeof authority>>['certificate'], entries: Iterable<RevokedEntry>) {
  return { issuer, crlNumber: 5n, thisUpdate: NOW, nextUpdate: new Date(NOW.getTime() + WEEK), entries: each(entries) }
}

const ENTRIES: readonly RevokedEntry[] = [
  { serialNumber: 0x0fn, revocationDate: new Date('2026-01-02T03:04:05.678Z'), reason: 0 },
  { serialNumber: 0x8a1b2cn, revocationDate: new Date('2026-11-01T00:00:00Z'), reason: 1 },
  { serialNumber: 2n ** 158n + 7n, revocationDate: new Date('2049-12-31T23:59:59Z'), reason: 6 },
  { serialNumber: 3n, revocationDate: new Date('2050-01-01T00:00:00Z'), reason: 9 },
]

test('OpenSSL reads what a CRL of a device CA says, and verifies it', async () => {
  const { certificate, signer } = await authority()
  const { der, entries } = await signDeviceCrl(orderOf(certificate, ENTRIES), signer)
  expect(entries).toBe(4)
  const folder = await temporaryDirectory()
  const [crl, ca] = [join(folder, 'ca.crl'), join(folder, 'ca.pem')]
  await writeFile(crl, der)
  await writeFile(ca, encodePem('CERTIFICATE', certificate.der))
  const text = await output('openssl', [
    'crl',
    '-inform',
    'DER',
    '-in',
    crl,
    '-noout',
    '-text',
    '-verify',
    '-CAfile',
    ca,
  ])
  expect(text).toMatch(/Version 2 \(0x1\)\n +Signature Algorithm: ecdsa-with-SHA256\n/)
  expect(text).toContain('Last Update: Nov 23 09:43:55 2026 GMT\n        Next Update: Nov 30 09:43:55 2026 GMT\n')
  expect(text).toMatch(/X509v3 CRL Number: \n +5\n/)
  expect(text).toContain('X509v3 Authority Key Identifier:')
  const read = [
    ...text.matchAll(
      /Serial Number: (\w+)\n +Revocation Date: (.*)\n(?: +CRL entry extensions:\n +X509v3 CRL Reason Code: \n +(.*)\n)?/g,
    ),
  ]
  expect(read.map(([, ...parts]) => parts)).toEqual([
    ['0F', 'Jan  2 03:04:05 2026 GMT', undefined],
    ['8A1B2C', 'Nov  1 00:00:00 2026 GMT', 'Key Compromise'],
    ['4000000000000000000000000000000000000007', 'Dec 31 23:59:59 2049 GMT', 'Certificate Hold'],
    ['03', 'Jan  1 00:00:00 2050 GMT', 'Privilege Withdrawn'],
  ])
})

test('a CRL without entries has no list', async () => {
  const { certificate, signer } = await authority()
  const { der } = await signDeviceCrl(orderOf(certificate, []), signer)
  const folder = await temporaryDirectory()
  await writeFile(join(folder, 'crl'), der)
  const text = await output('openssl', ['crl', '-inform', 'DER', '-in', join(folder, 'crl'), '-noout', '-text'])
  expect(text).toContain('No Revoked Certificates.')
})

test('a serial number that is listed twice is not signed', async () => {
  const { certificate, signer } = await authority()
  const [first = ENTRIES[0]] = ENTRIES
  const order = orderOf(certificate, first === undefined ? [] : [first, first])
  await expect(
    signDeviceCrl(order, { ...signer, sign: () => Promise.reject(new Error('signed')) }),
  ).rejects.toMatchObject({
    code: 'ERR_PROFILE',
    message: expect.stringContaining('listed twice'),
  })
})

test("a signature of another key is not a CRL of the CA's", async () => {
  const { certificate } = await authority()
  await expect(signDeviceCrl(orderOf(certificate, ENTRIES), newSigner())).rejects.toMatchObject({
    code: 'ERR_SIGNATURE',
  })
})

describe('what is to be signed is compared with', () => {
  test.each([
    ['its number', { crlNumber: 6n }, 'crlNumber'],
    ['the end of its validity', { nextUpdate: new Date(NOW.getTime() + 1000) }, 'nextUpdate'],
    ['its beginning', { thisUpdate: new Date(NOW.getTime() - 1000) }, 'thisUpdate'],
  ])('%s', async (_, change, field) => {
    const { certificate, signer } = await authority()
    const { der } = await signDeviceCrl(orderOf(certificate, ENTRIES), signer)
    const tbs = rawDer(sequenceMembers(parseDer(der), 3)[0])
    const { entries: __, ...template } = orderOf(certificate, [])
    const digest = entriesDigest()
    for (const entry of ENTRIES) digest.add(entry)
    const all = digest.result()
    expect(checkTbsDeviceCrl(tbs, template, all, 'P-256')).toBe(tbs)
    expect(() => checkTbsDeviceCrl(tbs, { ...template, ...change }, all, 'P-256')).toThrow(`unexpected ${field}`)
  })

  test('each of its entries', async () => {
    const { certificate, signer } = await authority()
    const { der } = await signDeviceCrl(orderOf(certificate, ENTRIES), signer)
    const tbs = rawDer(sequenceMembers(parseDer(der), 3)[0])
    const { entries: __, ...template } = orderOf(certificate, [])
    for (const at of ENTRIES.keys()) {
      const digest = entriesDigest()
      for (const [place, entry] of ENTRIES.entries()) digest.add(place === at ? { ...entry, reason: 3 } : entry)
      expect(() => checkTbsDeviceCrl(tbs, template, digest.result(), 'P-256')).toThrow('unexpected entries')
    }
  })
})

test.runIf(ALL_POINTS)('a million entries', async () => {
  const { certificate, signer } = await authority()
  function* many() {
    for (let number = 0; number < 1_000_000; number++)
      yield { serialNumber: 2n ** 158n + BigInt(number), revocationDate: NOW, reason: 1 }
  }
  const { der, entries } = await signDeviceCrl(orderOf(certificate, many()), signer)
  expect(entries).toBe(1_000_000)
  const folder = await temporaryDirectory()
  const [crl, ca] = [join(folder, 'ca.crl'), join(folder, 'ca.pem')]
  await writeFile(crl, der)
  await writeFile(ca, encodePem('CERTIFICATE', certificate.der))
  const words = ['crl', '-inform', 'DER', '-in', crl, '-noout', '-crlnumber', '-verify', '-CAfile', ca]
  expect(await output('openssl', words)).toContain('crlNumber=0x05')
})
