import { createHash, randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { checkRequest } from '../../../src/issuance/device-batch/check-request.js'
import { REQUEST_REFUSALS } from '../../../src/pki/device-policy.js'
import { buildCsr, CN, csrPem, newKey, O, OU } from '../../pki/support/csr.js'
import { at, objectIdentifier, readTlv, sequence, tlv } from '../../pki/support/der.js'
import { opensslCsr } from '../../pki/support/openssl-csr.js'
import {
  asksFor,
  BUSINESS_CATEGORY,
  deviceCsr,
  deviceSubject,
  PRINTABLE,
  registeredCsrs,
  type SubjectPart,
  subjectOf,
} from './batch-scene.js'

const POLICY = { factory: 'acme', allowsProduction: true }
const NO_PRODUCTION = { ...POLICY, allowsProduction: false }
const UUID = '0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001'
const PRODUCTION = [BUSINESS_CATEGORY, 'production'] as const
const NO_EXTENSIONS: readonly Buffer[] = []

const csrs = await registeredCsrs()

describe('accepted', () => {
  test.each(csrs.map((csr, index) => [index, csr] as const))('request %i of lmp-device-register', (_, csr) => {
    const der = Buffer.from(csr.replace(/-----.*-----|\s/g, ''), 'base64')
    const [subject, spki] = [1, 2].map((index) => at(readTlv(der), 0, index).der)
    const hash = createHash('sha256')
      .update(spki ?? '')
      .digest()
    const checked = checkRequest(csr, POLICY)
    expect(checked).toMatchObject({ kind: 'request', uuid: expect.stringMatching(/^0f3a8a7e-/) })
    if (checked.kind === 'refused') return
    expect([checked.subject, checked.spki, checked.keyHash].map(hex)).toEqual([subject, spki, hash].map(hex))
  })

  test('a request like fioup’s: another order, PrintableString, no extensions, made by OpenSSL', async () => {
    const subject = `/OU=acme/CN=${UUID}/businessCategory=production`
    const csr = await opensslCsr({ subject, words: ['-nameopt', 'utf8'] })
    expect(checkRequest(csr, POLICY)).toMatchObject({ kind: 'request', uuid: UUID, isProduction: true })
    const printable = deviceCsr(
      subjectOf([OU, 'acme', PRINTABLE], [CN, UUID, PRINTABLE], [BUSINESS_CATEGORY, 'production', PRINTABLE]),
      [],
    )
    expect(checkRequest(printable, POLICY)).toMatchObject({ kind: 'request', uuid: UUID, isProduction: true })
  })

  test('PEM and DER alike', () => {
    const der = deviceCsr()
    const checked = checkRequest(der, POLICY)
    expect(checked.kind).toBe('request')
    expect(checkRequest(`text before\r\n${csrPem(der).replaceAll('\n', '\r\n')}`, POLICY)).toEqual(checked)
  })
})

const withSubject = (...parts: readonly SubjectPart[]) => deviceCsr(subjectOf(...parts))
const withExtension = (oid: string, value: Uint8Array) => deviceCsr(deviceSubject(), [asksFor(oid, value)])
const brokenSignature = () => {
  const der = deviceCsr()
  const position = der.length - 4
  der.writeUInt8(der.readUInt8(position) ^ 1, position)
  return der
}
const otherKey = () => {
  const [info, algorithm] = [0, 1].map((index) => at(readTlv(deviceCsr()), index).der)
  const signature = at(readTlv(deviceCsr()), 2).der
  return sequence(info ?? Buffer.of(), algorithm ?? Buffer.of(), signature)
}
const offTheCurve = () => {
  const spki = newKey().publicKey.export({ format: 'der', type: 'spki' })
  return buildCsr({ subject: deviceSubject(), spki: Buffer.concat([spki.subarray(0, 27), Buffer.alloc(64, 1)]) })
}
const compressed = () => {
  const key = newKey()
  const spki = key.publicKey.export({ format: 'der', type: 'spki' })
  const point = Buffer.concat([Buffer.of(2 + (spki.readUInt8(90) & 1)), spki.subarray(27, 59)])
  const header = at(readTlv(spki), 0).der
  return buildCsr({ subject: deviceSubject(), key, spki: sequence(header, tlv(0x03, Buffer.of(0), point)) })
}
const purposes = (...oids: readonly string[]) => withExtension('2.5.29.37', sequence(...oids.map(objectIdentifier)))
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

const REFUSALS = [
  ['no octets', 'csr-malformed', () => Buffer.alloc(0)],
  ['no text', 'csr-malformed', () => ''],
  ['text that is not PEM', 'csr-malformed', () => 'a request'],
  ['two blocks', 'csr-malformed', () => csrPem(deviceCsr()).repeat(2)],
  ['a certificate block', 'csr-malformed', () => csrPem(deviceCsr()).replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE')],
  ['octets cut off', 'csr-malformed', () => deviceCsr().subarray(0, 100)],
  ['trailing octets', 'csr-malformed', () => Buffer.concat([deviceCsr(), Buffer.of(0)])],
  ['10 MB', 'csr-malformed', () => 'x'.repeat(10_000_000)],
  ['another attribute value than a string', 'csr-malformed', () => withSubject([CN, UUID, 0x04], [OU, 'acme'])],
  ['a changed signature', 'csr-signature', brokenSignature],
  ['a signature of another key', 'csr-signature', otherKey],
  ['a point off its curve', 'csr-key', offTheCurve],
  ['a compressed point', 'csr-key', compressed],
  ['an RSA key', 'csr-key', () => opensslCsr({ key: 'RSA-2048', subject: `/CN=${UUID}/OU=acme` })],
  ['a key on P-384', 'csr-key', () => opensslCsr({ key: 'P-384', subject: `/CN=${UUID}/OU=acme` })],
  ['an Ed25519 key', 'csr-key', () => opensslCsr({ key: 'Ed25519', subject: `/CN=${UUID}/OU=acme` })],
  ['a key on explicit parameters', 'csr-key', () => opensslCsr({ key: 'explicit', subject: `/CN=${UUID}/OU=acme` })],
  ['an empty subject', 'csr-common-name', () => withSubject()],
  ['no CN', 'csr-common-name', () => withSubject([OU, 'acme'])],
  ['two CNs', 'csr-common-name', () => withSubject([CN, UUID], [CN, randomUUID()], [OU, 'acme'])],
  ['a CN that is no UUID', 'csr-common-name', () => withSubject([CN, 'device-1'], [OU, 'acme'])],
  ['a UUID with a line feed', 'csr-subject', () => withSubject([CN, `${UUID}\n`], [OU, 'acme'])],
  ['no OU', 'csr-factory', () => withSubject([CN, UUID])],
  ['two OUs', 'csr-factory', () => withSubject([CN, UUID], [OU, 'acme'], [OU, 'acme'])],
  ['another factory', 'csr-factory', () => withSubject([CN, UUID], [OU, 'other'])],
  ['the factory in capitals', 'csr-factory', () => withSubject([CN, UUID], [OU, 'ACME'])],
  ['another attribute', 'csr-subject', () => withSubject([CN, UUID], [OU, 'acme'], [O, 'Acme'])],
  ['two attributes in one RDN', 'csr-subject', () => opensslCsr({ subject: `/CN=${UUID}+OU=acme` })],
  [
    'production in the RDN of the CN',
    'csr-subject',
    () => opensslCsr({ subject: `/OU=acme/CN=${UUID}+businessCategory=production` }),
  ],
  ['a TeletexString', 'csr-subject', () => withSubject([CN, UUID, 0x14], [OU, 'acme'])],
  ['an IA5String', 'csr-subject', () => withSubject([CN, UUID], [OU, 'acme', 0x16])],
  ['another businessCategory', 'csr-production', () => withSubject([CN, UUID], [OU, 'acme'], [BUSINESS_CATEGORY, 'x'])],
  ['two businessCategory', 'csr-production', () => withSubject([CN, UUID], [OU, 'acme'], PRODUCTION, PRODUCTION)],
  ['CA:TRUE', 'csr-extension', () => withExtension('2.5.29.19', Buffer.from('30030101ff', 'hex'))],
  ['CA:FALSE', 'csr-extension', () => withExtension('2.5.29.19', Buffer.from('3000', 'hex'))],
  ['serverAuth', 'csr-extension', () => purposes(SERVER_AUTH)],
  ['serverAuth beside clientAuth', 'csr-extension', () => purposes(CLIENT_AUTH, SERVER_AUTH)],
  ['clientAuth twice', 'csr-extension', () => purposes(CLIENT_AUTH, CLIENT_AUTH)],
  ['keyCertSign', 'csr-extension', () => withExtension('2.5.29.15', Buffer.from('03020284', 'hex'))],
  ['a name', 'csr-extension', () => withExtension('2.5.29.17', sequence(tlv(0x82, Buffer.from('a.example'))))],
  ['an unknown extension', 'csr-extension', () => withExtension('1.3.6.1.4.1.99999.1', sequence())],
] as const

test.each(REFUSALS)('refused: %s (%s)', async (_, code, make) => {
  const checked = checkRequest(await make(), POLICY)
  expect(checked).toEqual({ kind: 'refused', code, reason: expect.stringMatching(/^.{10,320}$/s) })
})

test('refused: a production device on a line that makes none', () => {
  const csr = withSubject([CN, UUID], [OU, 'acme'], PRODUCTION)
  expect(checkRequest(csr, POLICY)).toMatchObject({ kind: 'request', isProduction: true })
  expect(checkRequest(csr, NO_PRODUCTION)).toMatchObject({ kind: 'refused', code: 'csr-production' })
})

test('every code has a case', () => {
  expect(new Set(REFUSALS.map(([, code]) => code))).toEqual(new Set(REQUEST_REFUSALS))
})

test('a request of any octets is refused, and nothing is thrown', () => {
  const whole = deviceCsr(deviceSubject(), NO_EXTENSIONS.slice())
  for (let position = 0; position < whole.length; position++) {
    const changed = Buffer.from(whole)
    changed.writeUInt8(changed.readUInt8(position) ^ 0x15, position)
    expect(checkRequest(changed, POLICY).kind).toBe('refused')
  }
})

function hex(octets: Uint8Array | undefined): string {
  return Buffer.from(octets ?? []).toString('hex')
}
