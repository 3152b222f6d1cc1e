import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { readPemCertificate } from '../../src/pki/read-certificate.js'
import { type Crl, readCrl } from '../../src/pki/read-crl.js'
import { isSignedBy } from '../../src/pki/signature.js'
import { bitString, derOf, integer, objectIdentifier, pem, sequence, tlv } from './support/der.js'
import { fioctlFile, fioctlUploads } from './support/fioctl.js'
import { mutationsOf } from './support/mutations.js'

const crls = [...(await fioctlUploads('ca-revoke-crl')), ...(await fioctlUploads('ca-revoke-crl', 'hsm'))]
const root = readPemCertificate(await fioctlFile('factory_ca.pem'), 'it')
const [first = ''] = crls

/** What OpenSSL prints of `crl`. */
function openssl(crl: string, ...words: readonly string[]): string {
  return execFileSync('openssl', ['crl', '-noout', ...words], { input: crl, encoding: 'utf8' })
}

function opensslTime(time: Date): string {
  const [, day, month, year, clock] = time.toUTCString().match(/, (..) (...) (....) (\S+)/) ?? []
  return `${month} ${day?.replace(/^0/, ' ')} ${clock} ${year} GMT`
}

/** The reason why `crl` is refused; null when it is read. Any other error fails the test. */
function refusal(crl: string | Uint8Array): string | null {
  try {
    readCrl(crl, 'it')
    return null
  } catch (error) {
    if (!(error instanceof FpkiError) || error.code !== 'ERR_BAD_FILE') throw error
    return error.message
  }
}

function verifies(crl: Crl): boolean {
  try {
    return isSignedBy(crl, root.publicKey)
  } catch {
    return false
  }
}

/** A CRL, unsigned, whose TBSCertList has these members. */
function listOf(...members: readonly Uint8Array[]): Buffer {
  return sequence(sequence(...members), ECDSA, bitString(Buffer.alloc(8)))
}

const ECDSA = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
const NAME = sequence()
const TIME = tlv(0x17, Buffer.from('261123094355Z'))

function entryOf(serial: number, ...extensions: readonly Uint8Array[]): Buffer {
  return sequence(integer(serial), TIME, ...(extensions.length === 0 ? [] : [sequence(...extensions)]))
}

function extensionOf(oid: string, value: Uint8Array, critical = false): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [Buffer.of(1, 1, 255)] : []), tlv(4, value))
}

describe("fioctl's CRLs", () => {
  test('parse as in OpenSSL', () => {
    expect(crls).toHaveLength(4)
    for (const pemText of crls) {
      const crl = readCrl(pemText, 'it')
      expect([crl.version, crl.algorithm, crl.entries.length]).toEqual([2, 'ecdsa-with-SHA256', 1])
      expect(openssl(pemText, '-lastupdate')).toBe(`lastUpdate=${opensslTime(crl.thisUpdate)}\n`)
      expect(openssl(pemText, '-nextupdate')).toBe(`nextUpdate=${opensslTime(crl.nextUpdate ?? new Date(0))}\n`)
      expect(openssl(pemText, '-crlnumber')).toBe(`crlNumber=0x${crl.crlNumber?.toString(16).padStart(2, '0')}\n`)
      const text = openssl(pemText, '-text')
      const [entry] = crl.entries
      expect(text).toContain(`Serial Number: ${entry?.serialNumber.toString(16).toUpperCase().padStart(40, '0')}\n`)
      expect(text).toContain(`Revocation Date: ${opensslTime(entry?.revocationDate ?? new Date(0))}\n`)
      expect(text).toContain(entry?.reasonCode === 6 ? 'Certificate Hold\n' : 'Privilege Withdrawn\n')
      const keyId = Buffer.from(crl.authorityKeyIdentifier ?? [])
        .toString('hex')
        .toUpperCase()
      expect(text).toContain(`${keyId.match(/../g)?.join(':')}\n`)
    }
    expect(crls.map((crl) => readCrl(crl, 'it').entries[0]?.reasonCode)).toEqual([6, 9, 6, 9])
  })

  test('verify with their root only, in PEM and in DER', () => {
    expect(crls.map((crl) => verifies(readCrl(derOf(crl), 'it')))).toEqual([true, true, false, false])
    expect(readCrl(first, 'it').issuer.der).toEqual(root.subject.der)
  })
})

describe('a CRL', () => {
  test('without version, entries, number and nextUpdate parses', () => {
    const crl = readCrl(listOf(ECDSA, NAME, TIME), 'it')
    expect(crl).toMatchObject({
      version: 1,
      nextUpdate: null,
      crlNumber: null,
      authorityKeyIdentifier: null,
      entries: [],
    })
    expect(readCrl(listOf(integer(1), ECDSA, NAME, TIME, sequence(entryOf(5))), 'it').entries).toEqual([
      { serialNumber: 5n, revocationDate: new Date('2026-11-23T09:43:55Z'), reasonCode: null },
    ])
  })

  const reason = (code: number) => extensionOf('2.5.29.21', tlv(0x0a, Buffer.of(code)))
  test.each<[string, Buffer, string]>([
    ['of version 3', listOf(integer(2), ECDSA, NAME, TIME), 'its version is not 2'],
    ['with an empty list', listOf(integer(1), ECDSA, NAME, TIME, sequence()), 'members (0)'],
    ['with a serial twice', listOf(ECDSA, NAME, TIME, sequence(entryOf(5), entryOf(5))), 'a serial number twice'],
    ['of version 1 with a reason', listOf(ECDSA, NAME, TIME, sequence(entryOf(5, reason(9)))), 'its version is not 2'],
    [
      'with the reason 7',
      listOf(integer(1), ECDSA, NAME, TIME, sequence(entryOf(5, reason(7)))),
      'the undefined reason code 7',
    ],
    [
      'with an entry extension twice',
      listOf(integer(1), ECDSA, NAME, TIME, sequence(entryOf(5, reason(9), reason(9)))),
      'duplicate extensions',
    ],
    [
      'with two lists',
      listOf(integer(1), ECDSA, NAME, TIME, sequence(entryOf(5)), sequence(entryOf(6))),
      'an unexpected member',
    ],
    [
      'with a critical extension that is unknown',
      listOf(integer(1), ECDSA, NAME, TIME, tlv(0xa0, sequence(extensionOf('2.5.29.28', sequence(), true)))),
      '2.5.29.28',
    ],
    [
      'whose algorithms differ',
      sequence(sequence(ECDSA, NAME, TIME), sequence(objectIdentifier('1.2.3')), bitString(Buffer.alloc(8))),
      'algorithms differ',
    ],
    ['with trailing octets', Buffer.concat([derOf(first), Buffer.of(0)]), 'trailing octets'],
    [
      'with a serial of 9.9 MB',
      listOf(integer(1), ECDSA, NAME, TIME, sequence(sequence(tlv(2, Buffer.alloc(9_900_000, 1)), TIME))),
      'an INTEGER is too long (9900000 octets',
    ],
    [
      'with a number of 9.9 MB',
      listOf(
        ...[integer(1), ECDSA, NAME, TIME],
        tlv(0xa0, sequence(extensionOf('2.5.29.20', tlv(2, Buffer.alloc(9_900_000, 1))))),
      ),
      'an INTEGER is too long (9900000 octets',
    ],
    ['of more than 10 MB', Buffer.alloc(10 * 1024 * 1024 + 1), 'larger than 10 MB'],
  ])('%s is refused', (_, der, words) => {
    expect(refusal(der)).toContain(words)
  })

  test('under another PEM label, or next to a second one, is refused', () => {
    expect(refusal(first + first)).toContain('2 PEM blocks')
    expect(refusal(pem('CERTIFICATE', derOf(first)))).toContain('is not a CRL (found "CERTIFICATE")')
  })

  test('that is truncated, or has any one value replaced, is refused or no longer verifies', () => {
    const der = derOf(first)
    for (let length = 0; length < der.length; length += 1) expect(refusal(der.subarray(0, length))).not.toBeNull()
    const changed = mutationsOf(der).filter((mutation) => refusal(mutation.der) === null)
    expect(changed.filter((mutation) => verifies(readCrl(mutation.der, 'it')))).toEqual([])
  })

  test('of random octets is refused', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 1000 }), (der) => void expect(refusal(der)).not.toBeNull()))
  })

  test('of a hundred thousand entries parses quickly', () => {
    const entries = Array.from({ length: 100_000 }, (_, at) => entryOf(at + 1))
    const der = listOf(integer(1), ECDSA, NAME, TIME, sequence(Buffer.concat(entries)))
    expect(readCrl(pem('X509 CRL', der), 'it').entries).toHaveLength(100_000)
  })
})
