import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { parseAndVerifyCsr } from '../../src/pki/csr.js'
import { parseDer } from '../../src/pki/der.js'
import { attributeValues, formatName, readName, sameName } from '../../src/pki/name.js'
import { DEVICE_CA, TLS_SERVER } from '../../src/pki/profiles.js'
import { commonNameAndUnit } from '../../src/signer/x509/name.js'
import { output } from '../support/cli.js'
import { type Authority, accept, certify, newRoot } from '../support/issue.js'
import { ALL_POINTS } from '../support/points.js'
import { readCertificateFields } from './support/certificate-fields.js'
import { buildCsr, CN, csrPem, dnsNames, extensionRequest, newKey, OU } from './support/csr.js'
import { pem } from './support/der.js'
import { encodeName, rdns, STRING_TYPES, signableRdns, textIn, unicode } from './support/names.js'

const key = newKey()
let root: Authority

beforeAll(async () => {
  root = await newRoot()
})

/** The subject in the certificate that a CSR with `subject` becomes. */
async function subjectAfterIssuing(subject: Uint8Array, profile = DEVICE_CA): Promise<Buffer> {
  const csr = csrPem(buildCsr({ subject, key, attributes: [extensionRequest(dnsNames('gateway.example'))] }))
  const { der } = await certify(accept(csr, profile), profile, root)
  return readCertificateFields(der).subject
}

describe("a CSR's subject", () => {
  test('is copied exactly to the certificate, whatever its string types, attributes and order', async () => {
    await fc.assert(
      fc.asyncProperty(signableRdns, async (name) => {
        const subject = encodeName(name)
        expect((await subjectAfterIssuing(subject)).toString('hex')).toBe(subject.toString('hex'))
      }),
      { numRuns: ALL_POINTS ? 300 : 100 },
    )
  })

  test('is copied exactly to a server certificate too', async () => {
    await fc.assert(
      fc.asyncProperty(signableRdns, async (name) => {
        const subject = encodeName(name)
        expect((await subjectAfterIssuing(subject, TLS_SERVER)).toString('hex')).toBe(subject.toString('hex'))
      }),
      { numRuns: 50 },
    )
  })

  test.each(STRING_TYPES.filter((type) => type !== 'UniversalString'))(
    'keeps the string type %s according to OpenSSL',
    async (encoding) => {
      const subject = encodeName([[{ type: CN, encoding, value: '4711' }], [{ type: OU, encoding, value: '12 34' }]])
      const csr = csrPem(buildCsr({ subject, key }))
      const { der } = await certify(accept(csr, DEVICE_CA), DEVICE_CA, root)
      const [ofCsr, ofCertificate] = [await subjectOf('req', csr), await subjectOf('x509', pem('CERTIFICATE', der))]
      expect(ofCertificate).toBe(ofCsr)
      expect(ofCsr).toContain(
        { TeletexString: 'T61STRING', BMPString: 'BMPSTRING' }[encoding] ?? encoding.toUpperCase(),
      )
    },
  )
})

describe('reading a name', () => {
  test.each(STRING_TYPES)('decodes the characters of a %s', (encoding) => {
    fc.assert(
      fc.property(textIn(encoding), (value) => {
        const { attributes } = readName(parseDer(encodeName([[{ type: CN, encoding, value }]])))
        expect(attributes).toEqual([{ type: 'CN', encoding, value }])
      }),
    )
  })

  test('returns the attributes in the order of their RDNs', () => {
    fc.assert(
      fc.property(rdns, (name) => {
        const { attributes } = readName(parseDer(encodeName(name)))
        const found = name.map((rdn, at) => {
          const before = name.slice(0, at).flat().length
          return attributes.slice(before, before + rdn.length).map(({ encoding }) => encoding)
        })
        expect(found.map((encodings) => encodings.toSorted())).toEqual(
          name.map((rdn) => rdn.map(({ encoding }) => encoding).toSorted()),
        )
      }),
    )
  })

  test('keeps the encoding of a name with many string types', () => {
    fc.assert(
      fc.property(rdns, (name) => {
        const der = encodeName(name)
        expect(Buffer.from(readName(parseDer(der)).der).toString('hex')).toBe(der.toString('hex'))
      }),
      { numRuns: 500 },
    )
  })

  test('returns the dotted form of an unknown attribute type, however large its arcs', () => {
    for (const type of [
      '1.3.6.1.4.1.99999.1',
      '2.25.340282366920938463463374607431768211455',
      '2.999.3',
      '0.0',
      '1.39',
    ]) {
      const name = readName(parseDer(encodeName([[{ type, encoding: 'UTF8String', value: 'x' }]])))
      expect(name.attributes.map((attribute) => attribute.type)).toEqual([type])
    }
  })

  test('finds all attributes of a type, in multi-valued RDNs too', () => {
    const name = readName(
      parseDer(
        encodeName([
          [
            { type: OU, encoding: 'UTF8String', value: 'one' },
            { type: CN, encoding: 'PrintableString', value: 'name' },
          ],
          [{ type: OU, encoding: 'BMPString', value: 'two' }],
        ]),
      ),
    )
    expect(attributeValues(name, 'OU')).toEqual(['one', 'two'])
    expect(attributeValues(name, 'CN')).toEqual(['name'])
    expect(attributeValues(name, 'O')).toEqual([])
    expect(formatName(name)).toBe('OU=one, CN=name, OU=two')
  })

  test('distinguishes names that differ only in their string types', () => {
    const [utf8, printable] = ['UTF8String', 'PrintableString'].map((encoding) =>
      commonNameOf({ type: CN, encoding, value: 'x' }),
    )
    if (utf8 === undefined || printable === undefined) throw new Error('two names')
    expect(sameName(utf8, utf8)).toBe(true)
    expect(sameName(utf8, printable)).toBe(false)
  })
})

describe('commonNameAndUnit', () => {
  test('encodes CN then OU, both UTF8String according to OpenSSL', async () => {
    const der = Buffer.from((await commonNameAndUnit('Factory-CA', 'acme')).der)
    expect(await asn1(der)).toEqual([
      'SEQUENCE',
      'SET',
      'SEQUENCE',
      'OBJECT:commonName',
      'UTF8STRING:Factory-CA',
      'SET',
      'SEQUENCE',
      'OBJECT:organizationalUnitName',
      'UTF8STRING:acme',
    ])
  })

  test('always encodes UTF-8', async () => {
    await fc.assert(
      fc.asyncProperty(unicode, unicode, async (commonName, unit) => {
        const wanted = encodeName([
          [{ type: CN, encoding: 'UTF8String', value: commonName }],
          [{ type: OU, encoding: 'UTF8String', value: unit }],
        ])
        expect(Buffer.from((await commonNameAndUnit(commonName, unit)).der).toString('hex')).toBe(
          wanted.toString('hex'),
        )
      }),
      { numRuns: 500 },
    )
  })
})

test('a CSR with a subject of every string type is read', () => {
  for (const encoding of STRING_TYPES) {
    const subject = encodeName([[{ type: CN, encoding, value: '1 2' }]])
    expect(parseAndVerifyCsr(csrPem(buildCsr({ subject, key })), 'the CSR').subject.attributes).toEqual([
      { type: 'CN', value: '1 2', encoding },
    ])
  }
})

function commonNameOf(attribute: { type: string; encoding: string; value: string }) {
  return readName(parseDer(encodeName([[attribute]])))
}

/** The subject as OpenSSL prints it, with the type of each string. */
async function subjectOf(command: 'req' | 'x509', text: string): Promise<string> {
  return output('openssl', [command, '-noout', '-subject', '-nameopt', 'show_type,sname,utf8'], { stdin: text })
}

/** What `openssl asn1parse` sees, one line a value. */
async function asn1(der: Buffer): Promise<readonly string[]> {
  const text = await output('openssl', ['asn1parse', '-inform', 'PEM'], { stdin: pem('ANY', der) })
  return text
    .trim()
    .split('\n')
    .map((line) =>
      line
        .replace(/^.*?(?:cons|prim): */, '')
        .replace(/ *:/, ':')
        .trim(),
    )
}
