import { describe, expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { checkTbsCertificate } from '../../src/pki/check.js'
import { DEVICE_CA, ROOT_CA, TLS_SERVER } from '../../src/pki/profiles.js'
import type { CertificateTemplate } from '../../src/pki/template.js'
import { signCertificate } from '../../src/signer/x509/certificate.js'
import {
  accept,
  certificateTemplate,
  certify,
  newDeviceCa,
  newRoot,
  newSigner,
  type Unusual,
  utf8Subject,
} from '../support/issue.js'
import { readTbs, type TbsFields, writeTbs } from './support/certificate-fields.js'
import { buildCsr, CN, csrPem, extension, OU, utf8Name } from './support/csr.js'
import { integer, objectIdentifier, octetString, readTlv, sequence, setOf, tlv } from './support/der.js'

const DNS_NAMES = ['gateway.example', 'www.example']
const root = await newRoot()
const spki = newSigner().spki
const otherRoot = await newRoot()

const requests = {
  'factory_ca.pem': (unusual: Unusual = {}) => certificateTemplate('factory_ca.pem', ROOT_CA, spki, null, unusual),
  'local-ca.pem': (unusual: Unusual = {}) =>
    certificateTemplate('local-ca.pem', DEVICE_CA, spki, root.certificate, unusual),
  'tls-crt': (unusual: Unusual = {}) =>
    certificateTemplate('tls-crt', TLS_SERVER, spki, root.certificate, { dnsNames: DNS_NAMES, ...unusual }),
} as const

type Role = keyof typeof requests

/** A change of the fields. */
type Tamper = (fields: TbsFields) => Partial<TbsFields>

/** What the check says of a TBSCertificate for `role` after `tamper`. */
async function verdict(role: Role, tamper: Tamper, template: CertificateTemplate = requests[role]()): Promise<string> {
  const fields = readTbs(await layOut(template))
  return verdictOn(template, writeTbs({ ...fields, ...tamper(fields) }))
}

/** What is signed for a template that nothing is wrong with. */
async function layOut(template: CertificateTemplate): Promise<Uint8Array> {
  const octets: Uint8Array[] = []
  const sign = async (data: Uint8Array) => {
    octets.push(data)
    return new Uint8Array()
  }
  await expect(signCertificate(template, { ...root.signer, sign })).rejects.toMatchObject({ code: 'ERR_SIGNATURE' })
  return octets[0] ?? new Uint8Array()
}

/** What becomes of a template: the rule that it breaks. A key is never asked for it. */
async function verdictOnTemplate(template: CertificateTemplate): Promise<string> {
  const sign = () => Promise.reject(new Error('the key was asked'))
  return ruleOf(template, await signCertificate(template, { ...root.signer, sign }).catch((error: unknown) => error))
}

/** `accepted`, or the rule that is broken, or the reason why it cannot be read. */
function verdictOn(template: CertificateTemplate, tbs: Uint8Array): string {
  try {
    expect(checkTbsCertificate(tbs, template, 'P-256')).toBe(tbs)
    return 'accepted'
  } catch (error) {
    return ruleOf(template, error)
  }
}

function ruleOf({ role }: CertificateTemplate, error: unknown): string {
  if (!(error instanceof FpkiError)) throw error
  expect(error.code).toBe('ERR_PROFILE')
  expect(error.message).toContain(`Refusing to sign ${role}`)
  return /\(rule ([a-z-]+);/.exec(error.message)?.[1] ?? error.message
}

const time = (tag: number, text: string) => tlv(tag, Buffer.from(text))
const utc = (text: string) => time(0x17, text)
const named = (...names: readonly string[]) => sequence(...names.map((name) => tlv(0x82, Buffer.from(name))))
const critical = (oid: string, value: Uint8Array) =>
  sequence(objectIdentifier(oid), Buffer.of(1, 1, 0xff), octetString(value))

const OIDS = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
} as const
const SERVER_AUTH = objectIdentifier('1.3.6.1.5.5.7.3.1')
const CLIENT_AUTH = objectIdentifier('1.3.6.1.5.5.7.3.2')

function isOf(type: keyof typeof OIDS) {
  return (der: Buffer) => der.includes(objectIdentifier(OIDS[type]))
}

/** Puts another Extension in the place of the one of `type`. */
function replacing(type: keyof typeof OIDS, other: Uint8Array): Tamper {
  return ({ extensions }) => ({ extensions: extensions.map((der) => (isOf(type)(der) ? Buffer.from(other) : der)) })
}

function adding(...more: readonly Buffer[]): Tamper {
  return ({ extensions }) => ({ extensions: [...extensions, ...more] })
}

describe('a TBSCertificate issued by fpki', () => {
  test.each(Object.keys(requests))('for %s passes', async (role) => {
    expect(await verdict(role as Role, () => ({}))).toBe('accepted')
  })
})

describe('a TBSCertificate is refused for its serial number', () => {
  test.each([
    ['of 21 octets', tlv(0x02, Buffer.of(0), Buffer.alloc(20, 0xc3))],
    ['of zero', integer(0)],
    ['below zero', tlv(0x02, Buffer.alloc(20, 0xc3))],
    ['of 64 bits', integer(0x7edcba9876543210n)],
    ['of 15 octets', tlv(0x02, Buffer.alloc(15, 0x5a))],
  ])('%s', async (_, serialNumber) => {
    expect(await verdict('tls-crt', () => ({ serialNumber }))).toBe('serial-number')
  })

  test('with a redundant leading octet', async () => {
    const padded = tlv(0x02, Buffer.of(0), Buffer.alloc(19, 0x5a))
    expect(await verdict('tls-crt', () => ({ serialNumber: padded }))).not.toBe('accepted')
  })
})

describe('a TBSCertificate is refused for its names and key', () => {
  const printable = (type: string, text: string) => setOf(sequence(objectIdentifier(type), time(0x13, text)))

  test.each<[string, Role, Tamper, string]>([
    ['another issuer', 'tls-crt', () => ({ issuer: utf8Name([CN, 'Evil-CA'], [OU, 'acme']) }), 'issuer-name'],
    [
      'its issuer in another order',
      'tls-crt',
      () => ({ issuer: utf8Name([OU, 'acme'], [CN, 'Factory-CA']) }),
      'issuer-name',
    ],
    [
      'its issuer in other string types',
      'tls-crt',
      () => ({ issuer: sequence(printable(CN, 'Factory-CA'), printable(OU, 'acme')) }),
      'issuer-name',
    ],
    [
      'another issuer than itself for a root',
      'factory_ca.pem',
      () => ({ issuer: utf8Name([CN, 'Evil-CA']) }),
      'issuer-name',
    ],
    ['another subject', 'tls-crt', () => ({ subject: utf8Name([CN, 'evil.example'], [OU, 'acme']) }), 'subject-kept'],
    [
      'its subject in other string types',
      'local-ca.pem',
      () => ({ subject: sequence(printable(CN, 'local-ca.pem'), printable(OU, 'acme')) }),
      'subject-kept',
    ],
    ['another key', 'tls-crt', () => ({ spki: Buffer.from(newSigner().spki) }), 'public-key-kept'],
  ])('%s', async (_, role, tamper, rule) => {
    expect(await verdict(role, tamper)).toBe(rule)
  })
})

describe('a TBSCertificate is refused for its validity', () => {
  test.each<[string, Role, Tamper, string]>([
    ['after its issuer ends', 'tls-crt', () => ({ notAfter: utc('461123094356Z') }), 'validity-within-issuer'],
    ['before its issuer begins', 'tls-crt', () => ({ notBefore: utc('261123084354Z') }), 'validity-within-issuer'],
    ['that ends before it begins', 'tls-crt', () => ({ notAfter: utc('261123084354Z') }), 'validity-order'],
    ['of no second', 'factory_ca.pem', ({ notBefore }) => ({ notAfter: notBefore }), 'validity-order'],
    ['a second too long', 'tls-crt', () => ({ notAfter: utc('361123094356Z') }), 'validity-as-profile'],
    ['a second too short', 'local-ca.pem', () => ({ notAfter: utc('361123094354Z') }), 'validity-as-profile'],
    ['that begins a second late', 'local-ca.pem', () => ({ notBefore: utc('261123084356Z') }), 'validity-as-profile'],
  ])('%s', async (_, role, tamper, rule) => {
    expect(await verdict(role, tamper)).toBe(rule)
  })

  test.each<[Role, number]>([
    ['factory_ca.pem', 21],
    ['local-ca.pem', 11],
    ['tls-crt', 11],
  ])('of %s for %i years, even if requested', async (role, years) => {
    expect(await verdictOnTemplate(requests[role]({ years }))).toBe('validity-as-profile')
  })

  test.each([
    ['with parts of a second', time(0x18, '20361123094355.5Z')],
    ['without seconds', utc('3611230943Z')],
    ['in local time', utc('361123094355+0000')],
    ['on a day that does not exist', utc('361332094355Z')],
    ['as GeneralizedTime before 2050', time(0x18, '20361123094355Z')],
  ])('whose end is written %s', async (_, notAfter) => {
    expect(await verdict('tls-crt', () => ({ notAfter }))).not.toBe('accepted')
  })
})

describe('a TBSCertificate is refused for an invalid date', () => {
  test.each([
    ['29 February 2037', '2027-03-01T09:43:55Z', '370229094355Z'],
    ['31 November', '2026-12-01T09:43:55Z', '361131094355Z'],
    ['24 hours', '2026-11-24T00:00:00Z', '361123240000Z'],
  ])('%s, which a lenient parser takes for the requested time', async (_, now, notAfter) => {
    const request = requests['tls-crt']({ now: new Date(now) })
    expect(await verdict('tls-crt', () => ({ notAfter: utc(notAfter) }), request)).not.toBe('accepted')
  })
})

describe('a TBSCertificate is refused for its extensions', () => {
  const types: readonly [Role, keyof typeof OIDS][] = [
    ['factory_ca.pem', 'keyUsage'],
    ['factory_ca.pem', 'extKeyUsage'],
    ['factory_ca.pem', 'basicConstraints'],
    ['factory_ca.pem', 'subjectKeyIdentifier'],
    ['local-ca.pem', 'keyUsage'],
    ['local-ca.pem', 'basicConstraints'],
    ['local-ca.pem', 'subjectKeyIdentifier'],
    ['local-ca.pem', 'authorityKeyIdentifier'],
    ['tls-crt', 'keyUsage'],
    ['tls-crt', 'extKeyUsage'],
    ['tls-crt', 'subjectKeyIdentifier'],
    ['tls-crt', 'authorityKeyIdentifier'],
    ['tls-crt', 'subjectAltName'],
  ]

  test.each(types)('of %s without %s', async (role, type) => {
    const without: Tamper = ({ extensions }) => ({ extensions: extensions.filter((der) => !isOf(type)(der)) })
    expect(await verdict(role, without)).toBe('extensions-as-profile')
  })

  test.each(Object.keys(requests))('of %s in another order', async (role) => {
    const reversed: Tamper = ({ extensions }) => ({ extensions: extensions.toReversed() })
    expect(await verdict(role as Role, reversed)).toBe('extensions-as-profile')
  })

  test.each<[string, Role, Tamper]>([
    [
      'keyUsage that is not critical',
      'tls-crt',
      replacing('keyUsage', extension(OIDS.keyUsage, Buffer.from('03020780', 'hex'))),
    ],
    [
      'basicConstraints that is not critical',
      'local-ca.pem',
      replacing('basicConstraints', extension(OIDS.basicConstraints, Buffer.from('30060101ff020100', 'hex'))),
    ],
    ['a critical extKeyUsage', 'tls-crt', replacing('extKeyUsage', critical(OIDS.extKeyUsage, sequence(SERVER_AUTH)))],
    [
      'CA:TRUE on a server certificate',
      'tls-crt',
      adding(critical(OIDS.basicConstraints, sequence(Buffer.of(1, 1, 0xff)))),
    ],
    ['CA:FALSE on a server certificate', 'tls-crt', adding(extension(OIDS.basicConstraints, sequence()))],
    ['extKeyUsage on a device CA', 'local-ca.pem', adding(extension(OIDS.extKeyUsage, sequence(CLIENT_AUTH)))],
    ['subjectAltName on a device CA', 'local-ca.pem', adding(extension(OIDS.subjectAltName, named('a.example')))],
    ['one that nobody knows', 'tls-crt', adding(extension('1.3.6.1.4.1.99999.1', Buffer.of(5, 0)))],
  ])('with %s', async (_, role, tamper) => {
    expect(await verdict(role, tamper)).toBe('extensions-as-profile')
  })

  test('with an explicit FALSE, which DER omits', async () => {
    const purposes = sequence(
      objectIdentifier(OIDS.extKeyUsage),
      Buffer.of(1, 1, 0),
      octetString(sequence(SERVER_AUTH)),
    )
    expect(await verdict('tls-crt', replacing('extKeyUsage', purposes))).not.toBe('accepted')
  })

  test('with a duplicate', async () => {
    expect(
      await verdict('tls-crt', ({ extensions }) => ({ extensions: [...extensions, ...extensions.slice(0, 1)] })),
    ).toMatch(/duplicate extensions/)
  })

  test('with none', async () => {
    expect(await verdict('tls-crt', () => ({ extensions: [] }))).toBe('extensions-as-profile')
  })
})

describe('a TBSCertificate is refused for the value of an extension', () => {
  const usage = (hex: string) => replacing('keyUsage', critical(OIDS.keyUsage, Buffer.from(hex, 'hex')))
  const constraints = (hex: string) =>
    replacing('basicConstraints', critical(OIDS.basicConstraints, Buffer.from(hex, 'hex')))
  const purposes = (...list: readonly Buffer[]) =>
    replacing('extKeyUsage', extension(OIDS.extKeyUsage, sequence(...list)))
  const names = (value: Uint8Array) => replacing('subjectAltName', extension(OIDS.subjectAltName, value))
  const authority = (...parts: readonly Uint8Array[]) =>
    replacing('authorityKeyIdentifier', extension(OIDS.authorityKeyIdentifier, sequence(...parts)))
  const identifier = Buffer.from(root.certificate.parsedExtensions.subjectKeyIdentifier ?? [])
  const otherIdentifier = Buffer.from(otherRoot.certificate.parsedExtensions.subjectKeyIdentifier ?? [])

  test('a keyUsage without bits, which does not parse', async () => {
    expect(await verdict('tls-crt', usage('030100'))).toMatch(/keyUsage has no bit set\.$/)
  })

  test.each<[string, Role, Tamper]>([
    ['keyEncipherment besides digitalSignature', 'tls-crt', usage('030205a0')],
    ['keyCertSign on a server certificate', 'tls-crt', usage('03020204')],
    ['cRLSign on a device CA', 'local-ca.pem', usage('03020106')],
    ['no cRLSign on a root', 'factory_ca.pem', usage('03020204')],
    ['clientAuth besides serverAuth', 'tls-crt', purposes(SERVER_AUTH, CLIENT_AUTH)],
    ['clientAuth only', 'tls-crt', purposes(CLIENT_AUTH)],
    ['the purposes of a root in another order', 'factory_ca.pem', purposes(CLIENT_AUTH, SERVER_AUTH)],
    ['CA:FALSE on a device CA', 'local-ca.pem', constraints('3000')],
    ['pathlen:1 on a device CA', 'local-ca.pem', constraints('30060101ff020101')],
    ['no pathlen on a device CA', 'local-ca.pem', constraints('30030101ff')],
    ['pathlen:0 on a root', 'factory_ca.pem', constraints('30060101ff020100')],
    [
      "another key's SKI",
      'tls-crt',
      replacing('subjectKeyIdentifier', extension(OIDS.subjectKeyIdentifier, octetString(identifier))),
    ],
    ["another issuer's AKI", 'tls-crt', authority(tlv(0x80, otherIdentifier))],
    ["an AKI without the issuer's identifier", 'local-ca.pem', authority()],
    ['a name that was not asked for', 'tls-crt', names(named('gateway.example', 'evil.example'))],
    ['one name more', 'tls-crt', names(named(...DNS_NAMES, 'evil.example'))],
    ['one name less', 'tls-crt', names(named('gateway.example'))],
    [
      'an address besides the names',
      'tls-crt',
      names(sequence(...DNS_NAMES.map((name) => tlv(0x82, Buffer.from(name))), tlv(0x87, Buffer.of(192, 0, 2, 1)))),
    ],
  ])('%s', async (_, role, tamper) => {
    expect(await verdict(role, tamper)).toBe('extension-values-as-profile')
  })

  test.each<[string, Role, Tamper]>([
    [
      'an AKI with issuer and serial number besides',
      'tls-crt',
      authority(tlv(0x80, identifier), tlv(0xa1, tlv(0xa4, utf8Name([CN, 'x']))), tlv(0x82, Buffer.of(1))),
    ],
    ['one name that has two written into it', 'tls-crt', names(named(DNS_NAMES.join(',DNS:')))],
    ['keyUsage bits that have no name', 'tls-crt', usage('03030780ff')],
    ['keyUsage with zero bits at its end', 'tls-crt', usage('03020080')],
    ['members of basicConstraints that are none', 'local-ca.pem', constraints('30090101ff020100020105')],
    ['a CA flag that is not DER', 'local-ca.pem', constraints('3006010101020100')],
  ])('%s', async (_, role, tamper) => {
    expect(await verdict(role, tamper)).not.toBe('accepted')
  })
})

describe('a TBSCertificate is refused for its form', async () => {
  const request = requests['tls-crt']()
  const fields = readTbs(await layOut(request))

  test.each<[string, Partial<TbsFields>]>([
    ['version 1', { version: Buffer.alloc(0) }],
    ['version 2', { version: tlv(0xa0, integer(1)) }],
    ["the algorithm of another curve's signatures", { signature: sequence(objectIdentifier('1.2.840.10045.4.3.4')) }],
    [
      'the algorithm of RSA signatures',
      { signature: sequence(objectIdentifier('1.2.840.113549.1.1.11'), Buffer.of(5, 0)) },
    ],
    [
      'parameters of an algorithm that has none',
      { signature: sequence(objectIdentifier('1.2.840.10045.4.3.2'), Buffer.of(5, 0)) },
    ],
  ])('%s', (_, change) => {
    expect(verdictOn(request, writeTbs({ ...fields, ...change }))).not.toBe('accepted')
  })

  test('a member after the extensions', () => {
    expect(verdictOn(request, writeTbs(fields, integer(1)))).not.toBe('accepted')
  })

  test('unique identifiers, which RFC 5280 forbids', () => {
    const { content } = readTlv(writeTbs({ ...fields, extensions: [] }))
    const extensions = tlv(0xa3, sequence(...fields.extensions))
    const unique = sequence(content, tlv(0x81, Buffer.of(0, 1, 2, 3)), extensions)
    expect(verdictOn(request, unique)).not.toBe('accepted')
  })

  test('truncation or trailing octets', () => {
    const tbs = writeTbs(fields)
    expect(verdictOn(request, tbs.subarray(0, -1))).not.toBe('accepted')
    expect(verdictOn(request, Buffer.concat([tbs, Buffer.of(0)]))).not.toBe('accepted')
    expect(verdictOn(request, new Uint8Array())).not.toBe('accepted')
  })
})

describe('a TBSCertificate is refused for its issuer', () => {
  test('which is a server certificate', async () => {
    const issuer = await certify(
      accept(csrPem(buildCsr({ subject: utf8Name([CN, 'a.example']) })), TLS_SERVER),
      TLS_SERVER,
      root,
    )
    const request = certificateTemplate('tls-crt', TLS_SERVER, spki, issuer)
    expect(await verdictOnTemplate(request)).toBe('issuer-is-ca')
  })

  test('which expired before the certificate starts', async () => {
    const now = new Date('2046-11-23T09:43:56Z')
    expect(await verdictOnTemplate(requests['tls-crt']({ now }))).toBe('validity-order')
  })

  test('which starts after the certificate', async () => {
    const now = new Date('2026-11-23T08:43:54Z')
    expect(await verdictOnTemplate(requests['tls-crt']({ now }))).toBe('validity-within-issuer')
  })

  test('but not because it is another CA', async () => {
    const ca = await newDeviceCa(root, { subject: utf8Subject('other', 'acme') })
    expect(await verdict('tls-crt', () => ({}), certificateTemplate('tls-crt', TLS_SERVER, spki, ca.certificate))).toBe(
      'accepted',
    )
  })
})
