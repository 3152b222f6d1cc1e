import { expect, test } from 'vitest'
import { type CsrTemplate, checkCsrInfo } from '../../src/pki/check-csr.js'
import { createCaCsr, createCsr } from '../../src/signer/x509/csr.js'
import { newSigner, utf8Subject } from '../support/issue.js'
import { buildCsr, CN, dnsNames, extensionRequest, newKey, spkiOf, utf8Name } from './support/csr.js'
import { at, derOf, objectIdentifier, readTlv, sequence, setOf, tlv } from './support/der.js'

const signer = newSigner()
const subject = utf8Subject('gateway.example', 'acme')
const names = [
  { type: 'DNS', value: 'gateway.example' },
  { type: 'IP', value: '192.0.2.1' },
] as const
const SERVER: CsrTemplate = { subject, spki: signer.spki, requested: { kind: 'server', names } }
const CA: CsrTemplate = { subject, spki: signer.spki, requested: { kind: 'ca' } }
const infoOf = (csr: string) => at(readTlv(derOf(csr)), 0).der
const server = infoOf(await createCsr(subject, names, signer))
const ca = infoOf(await createCaCsr(subject, signer))

function refused(octets: Uint8Array, template: CsrTemplate, what: string) {
  expect(() => checkCsrInfo(octets, template)).toThrow(
    expect.objectContaining({ code: 'ERR_PROFILE', message: expect.stringContaining(what) }),
  )
}

test('a request that matches its template passes', () => {
  expect(checkCsrInfo(server, SERVER)).toBe(server)
  expect(checkCsrInfo(ca, CA)).toBe(ca)
})

test.each<[string, CsrTemplate]>([
  ['subject', { ...SERVER, subject: utf8Subject('evil.example', 'acme') }],
  ['public key', { ...SERVER, spki: newSigner().spki }],
  ['extensions', { ...SERVER, requested: { kind: 'server', names: names.slice(0, 1) } }],
  ['extensions', { ...SERVER, requested: { kind: 'server', names: [] } }],
  ['extensions', { ...SERVER, requested: { kind: 'server', names: names.toReversed() } }],
  ['extensions', CA],
])('another %s is refused before it is signed', (what, template) => {
  refused(server, template, what)
})

test('a request for a CA is not signed as one for a server', () => {
  refused(ca, SERVER, 'extensions')
})

test('unrequested attributes are refused', () => {
  const key = newKey()
  const password = sequence(objectIdentifier('1.2.840.113549.1.9.7'), setOf(tlv(0x0c, Buffer.from('x'))))
  const der = buildCsr({ subject: subject.der, key, attributes: [extensionRequest(dnsNames('a.example')), password] })
  const requested = { kind: 'server', names: [{ type: 'DNS', value: 'a.example' }] } as const
  refused(at(readTlv(der), 0).der, { subject, spki: spkiOf(key), requested }, 'attributes')
})

test('a subject that some programs cannot read is refused', () => {
  const key = newKey()
  const bell = utf8Name([CN, 'a\u0007'])
  const info = at(readTlv(buildCsr({ subject: bell, key })), 0).der
  const requested = { kind: 'server', names: [] } as const
  const attributes = [{ type: 'CN', value: 'a\u0007', encoding: 'UTF8String' }]
  refused(info, { subject: { der: bell, attributes }, spki: spkiOf(key), requested }, 'subject')
})

test('octets that are not a request are refused', () => {
  for (const octets of [server.subarray(1), Buffer.concat([server, Buffer.of(0)]), Buffer.alloc(0)])
    expect(() => checkCsrInfo(octets, SERVER)).toThrow(expect.objectContaining({ code: 'ERR_PROFILE' }))
})
