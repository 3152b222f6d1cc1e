import { sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { parseAndVerifyCsr } from '../../src/pki/csr.js'
import { TLS_SERVER } from '../../src/pki/profiles.js'
import { isIssuedBy, readCertificate, readPemList } from '../../src/pki/read-certificate.js'
import { runProgram } from '../support/cli.js'
import { accept, certify, newRoot } from '../support/issue.js'
import { ALL_POINTS } from '../support/points.js'
import { buildCsr, CN, csrPem, dnsNames, extensionRequest, newKey, OU, utf8Name } from './support/csr.js'
import { at, bitString, derOf, integer, objectIdentifier, pem, readTlv, sequence, tlv } from './support/der.js'
import { fioctlFile } from './support/fioctl.js'
import { mutationsOf } from './support/mutations.js'

const subject = utf8Name([CN, 'gateway.example'], [OU, 'acme'])
const attributes = [extensionRequest(dnsNames('a.example', 'b.example'))]
const key = newKey()
const csr = buildCsr({ subject, key, attributes })
const root = await newRoot()
const certificate = await certify(accept(csrPem(csr), TLS_SERVER), TLS_SERVER, root)
const certificates = [certificate.der, derOf(await fioctlFile('factory_ca.pem'))]

/** What reading `der` ends with: `read`, or the code of the FpkiError. Any other error fails the test. */
function outcome(read: () => unknown): string {
  try {
    read()
    return 'read'
  } catch (error) {
    if (error instanceof FpkiError) return error.code
    throw error
  }
}

const certificateOutcome = (der: Uint8Array) => outcome(() => readCertificate(der, 'it'))
const csrOutcome = (der: Uint8Array) => outcome(() => parseAndVerifyCsr(csrPem(der), 'it'))

/** Is `der` read, and taken for a certificate that the root issued? */
function isTakenFor(der: Uint8Array): boolean {
  const found = certificateOutcome(der)
  expect(['read', 'ERR_BAD_CERTIFICATE']).toContain(found)
  return found === 'read' && isIssuedBy(readCertificate(der, 'it'), root.certificate)
}

function flipped(der: Uint8Array, bit: number): Buffer {
  const octets = Buffer.from(der)
  octets.writeUInt8(octets.readUInt8(bit >> 3) ^ (0x80 >> (bit & 7)), bit >> 3)
  return octets
}

/** One bit of each octet; with FPKI_TEST_ALL_POINTS, all. */
function bitsOf(der: Uint8Array): readonly number[] {
  const bits = Array.from({ length: der.length * 8 }, (_, bit) => bit)
  return bits.filter((bit) => ALL_POINTS || bit % 8 === (bit >> 3) % 8)
}

describe('a certificate', () => {
  test('in a list, with any one value replaced, parses with its own serial number or is refused', () => {
    for (const { der } of certificates.flatMap(mutationsOf)) {
      const read = () => readPemList(pem('CERTIFICATE', der), 'it')
      const found = outcome(read)
      expect(['read', 'ERR_BAD_CERTIFICATE', 'ERR_BAD_FILE']).toContain(found)
      if (certificateOutcome(der) !== 'read') continue
      expect(read().map(({ serialNumber }) => serialNumber)).toEqual([readCertificate(der, 'it').serialNumber])
    }
  })

  test('that is truncated anywhere is refused', () => {
    for (const der of certificates) {
      const outcomes = Array.from(der, (_, length) => certificateOutcome(der.subarray(0, length)))
      expect(new Set(outcomes)).toEqual(new Set(['ERR_BAD_CERTIFICATE']))
    }
  })

  test('with trailing octets is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (more) => {
        expect(certificateOutcome(Buffer.concat([certificate.der, more]))).toBe('ERR_BAD_CERTIFICATE')
      }),
    )
  })

  test('with any one bit flipped is refused, or no longer verifies', () => {
    const issued = bitsOf(certificate.der).filter((bit) => isTakenFor(flipped(certificate.der, bit)))
    expect(issued).toEqual([])
  })

  test('with any one value replaced is refused, or no longer verifies', () => {
    const issued = mutationsOf(certificate.der).filter(({ der }) => isTakenFor(der))
    expect(issued.map(({ what }) => what)).toEqual([])
  })

  test('whose inner and outer algorithms differ is refused', () => {
    const [tbs, signature] = [0, 2].map((index) => at(readTlv(certificate.der), index).der)
    for (const other of ['1.2.840.10045.4.3.3', '1.2.840.10045.4.1', '1.2.840.113549.1.1.11']) {
      const changed = sequence(tbs ?? csr, sequence(objectIdentifier(other)), signature ?? csr)
      expect(certificateOutcome(changed)).toBe('ERR_BAD_CERTIFICATE')
    }
  })

  test('of random octets is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), (der) => {
        expect(certificateOutcome(der)).toBe('ERR_BAD_CERTIFICATE')
      }),
    )
  })

  test('with random octets inserted is refused or parses', () => {
    const span = fc.record({
      start: fc.nat(certificate.der.length),
      length: fc.nat(40),
      put: fc.uint8Array({ maxLength: 40 }),
    })
    fc.assert(
      fc.property(span, ({ start, length, put }) => {
        const [before, after] = [certificate.der.subarray(0, start), certificate.der.subarray(start + length)]
        expect(['read', 'ERR_BAD_CERTIFICATE']).toContain(certificateOutcome(Buffer.concat([before, put, after])))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a request', () => {
  test('that is truncated anywhere is refused', () => {
    const outcomes = Array.from(csr, (_, length) => csrOutcome(csr.subarray(0, length)))
    expect(new Set(outcomes)).toEqual(new Set(['ERR_BAD_CSR']))
  })

  test('with trailing octets is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (more) => {
        expect(csrOutcome(Buffer.concat([csr, more]))).toBe('ERR_BAD_CSR')
      }),
    )
  })

  test('with any one bit flipped is refused', () => {
    const read = bitsOf(csr).filter((bit) => csrOutcome(flipped(csr, bit)) !== 'ERR_BAD_CSR')
    expect(read).toEqual([])
  })

  test('of random octets is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), (der) => {
        expect(csrOutcome(der)).toBe('ERR_BAD_CSR')
      }),
    )
  })

  test('with any one value replaced after signing is refused', () => {
    const read = mutationsOf(csr).filter(({ der }) => csrOutcome(der) !== 'ERR_BAD_CSR')
    expect(read.map(({ what }) => what)).toEqual([])
  })

  test('with any one value replaced before signing is refused, or OpenSSL accepts it too', async () => {
    const read = signedMutations().filter(({ der }) => csrOutcome(der) === 'read')
    const answers = await Promise.all(
      read.map(async ({ what, der }) => {
        const { stderr } = await runProgram('openssl', ['req', '-verify', '-noout'], { stdin: csrPem(der) })
        return stderr.includes('verify OK') ? null : what
      }),
    )
    expect(answers.filter((what) => what !== null)).toEqual([])
  })

  test('with any one value replaced before signing is refused, or becomes a certificate', async () => {
    const accepted = signedMutations().filter(({ der }) => outcome(() => accept(csrPem(der), TLS_SERVER)) === 'read')
    const failures: string[] = []
    for (const { what, der } of accepted) {
      await certify(accept(csrPem(der), TLS_SERVER), TLS_SERVER, root).catch((error: unknown) => {
        failures.push(`${what}: ${error instanceof FpkiError ? error.code : String(error)}`)
      })
    }
    expect(failures).toEqual([])
  })
})

describe('values crafted to take long', () => {
  const slow: readonly (readonly [string, Buffer])[] = [
    ['20,000 SEQUENCEs in each other', nested(20_000, (inner) => sequence(inner))],
    ['20,000 SEQUENCEs of indefinite length', Buffer.alloc(40_000, Buffer.of(0x30, 0x80))],
    ['20,000 OCTET STRINGs in each other', nested(20_000, (inner) => tlv(0x24, inner))],
    ['30,000 empty SEQUENCEs', sequence(Buffer.alloc(60_000, Buffer.of(0x30, 0)))],
    ['a length of 2 to the 31', Buffer.of(0x30, 0x84, 0x7f, 0xff, 0xff, 0xff)],
    ['a length of 126 octets', Buffer.concat([Buffer.of(0x30, 0xfe), Buffer.alloc(126, 0xff)])],
    ['a tag of many octets', Buffer.concat([Buffer.of(0x3f), Buffer.alloc(60_000, 0xff)])],
    ['an INTEGER of 45,000 octets as its version', sequence(sequence(tlv(0x02, Buffer.alloc(45_000, 0x7f))))],
    ['an OBJECT IDENTIFIER of one number of 45,000 octets', hugeIdentifier()],
    ['a name of 1,500 attributes', csrWith(sequence(...Array(1500).fill(at(readTlv(subject), 0).der)))],
  ]

  test.each(slow)('%s are parsed or refused quickly', (_, der) => {
    const started = performance.now()
    expect(['read', 'ERR_BAD_CSR']).toContain(csrOutcome(der))
    expect(['read', 'ERR_BAD_CERTIFICATE']).toContain(certificateOutcome(der))
    expect(performance.now() - started).toBeLessThan(20_000)
  })
})

/** The request with each of its signed values replaced in turn, signed again with its own key. */
function signedMutations(): readonly { readonly what: string; readonly der: Buffer }[] {
  return mutationsOf(at(readTlv(csr), 0).der).map(({ what, der }) => ({ what, der: signAgain(der) }))
}

function signAgain(info: Uint8Array): Buffer {
  return sequence(info, at(readTlv(csr), 1).der, bitString(sign('sha256', info, key.privateKey)))
}

function csrWith(name: Uint8Array): Buffer {
  return buildCsr({ subject: name, key })
}

function nested(depth: number, wrap: (inner: Buffer) => Buffer): Buffer {
  let value: Buffer = Buffer.alloc(0)
  for (let level = 0; level < depth && value.length < 45_000; level++) value = wrap(value)
  return value
}

function hugeIdentifier(): Buffer {
  const octets = Buffer.concat([Buffer.of(0x2b), Buffer.alloc(45_000, 0xff), Buffer.of(0x7f)])
  const name = sequence(tlv(0x31, sequence(tlv(0x06, octets), tlv(0x0c, Buffer.from('x')))))
  return sequence(sequence(integer(0), name, objectIdentifier('1.2.3')))
}
