import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAndVerifyCsr } from '../../../src/pki/csr.js'
import { parseDer } from '../../../src/pki/der.js'
import type { GeneralName } from '../../../src/pki/extensions.js'
import { type Name, readName } from '../../../src/pki/name.js'
import { DEVICE_CA, type Profile, ROOT_CA, TLS_SERVER } from '../../../src/pki/profiles.js'
import { readCertificate } from '../../../src/pki/read-certificate.js'
import { readCrl } from '../../../src/pki/read-crl.js'
import { serverNames } from '../../../src/pki/server-name.js'
import { signCertificate } from '../../../src/signer/x509/certificate.js'
import { signCrl } from '../../../src/signer/x509/crl.js'
import { createCaCsr, createCsr } from '../../../src/signer/x509/csr.js'
import {
  at,
  derOf,
  integer,
  objectIdentifier,
  octetString,
  readTlv,
  sequence,
  setOf,
  tlv,
} from '../../pki/support/der.js'
import { encodeName, signableRdns } from '../../pki/support/names.js'
import { type Authority, certificateTemplate, newRoot, newSigner } from '../../support/issue.js'
import { ALL_POINTS } from '../../support/points.js'

/** How many cases to try of each kind; `npm run test:all` tries more. */
const RUNS = ALL_POINTS ? 60 : 15
const CURVES = ['P-256', 'P-384', 'P-521'] as const
const ECDSA = {
  'P-256': '1.2.840.10045.4.3.2',
  'P-384': '1.2.840.10045.4.3.3',
  'P-521': '1.2.840.10045.4.3.4',
} as const
const KEYS = Object.fromEntries(CURVES.map((curve) => [curve, newSigner(curve)]))

/** Any second from 2026, across the change from UTCTime to GeneralizedTime in 2050. */
const moments = fc
  .integer({ min: Date.UTC(2026, 0, 1) / 1000, max: Date.UTC(2080, 0, 1) / 1000 })
  .map((seconds) => new Date(seconds * 1000))
const serials = fc.uint8Array({ minLength: 19, maxLength: 19 }).map((rest) => Buffer.concat([Buffer.of(0x5a), rest]))
const subjects = signableRdns.map((rdns) => readName(parseDer(encodeName(rdns))))

const labels = fc.stringMatching(/^[a-z0-9_]([a-z0-9-]{0,20}[a-z0-9])?$/)
const dns = fc.array(labels, { minLength: 1, maxLength: 4 }).map((parts) => `${parts.join('.')}.example`)
const generalName: fc.Arbitrary<GeneralName> = fc.oneof(
  dns.map((value): GeneralName => ({ type: 'DNS', value })),
  fc.ipV4().map((value): GeneralName => ({ type: 'IP', value })),
  fc
    .ipV6()
    .map(
      (text): GeneralName =>
        serverNames([new URL(`http://[${text}]`).hostname.slice(1, -1)])[0] ?? { type: 'IP', value: '' },
    ),
  fc.emailAddress().map((value): GeneralName => ({ type: 'email', value })),
  fc.webUrl().map((value): GeneralName => ({ type: 'URI', value })),
)
const namesOfServers = fc.array(generalName, { maxLength: 5 })

describe('@peculiar/x509 encodes exactly what the standard requires', () => {
  test.each([
    ['a root CA', ROOT_CA],
    ['a device CA', DEVICE_CA],
    ['a TLS server', TLS_SERVER],
  ] as const)('in the certificate of %s', async (_, profile) => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ subject: subjects, now: moments, serialNumber: serials, names: namesOfServers }),
        fc.constantFrom(...CURVES),
        async ({ names, ...unusual }, curve) => {
          const root = await newRoot({ now: unusual.now }, KEYS[curve])
          const isRoot = profile === ROOT_CA
          const spki = isRoot ? root.signer.spki : newSigner().spki
          const template = certificateTemplate('it', profile, spki, isRoot ? null : root.certificate, {
            ...unusual,
            names: profile === TLS_SERVER ? names : [],
          })
          const { der } = await signCertificate(template, root.signer)
          const wanted = tbsOf(profile, template, root, curve)
          expect(at(readTlv(der), 0).der.toString('hex')).toBe(wanted.toString('hex'))
          const read = readCertificate(der, 'it')
          expect(read).toMatchObject({ notBefore: template.validity.notBefore, notAfter: template.validity.notAfter })
          expect(read.subject.attributes).toEqual(template.subject.attributes)
          expect(read.parsedExtensions.subjectAltName ?? []).toEqual(template.names)
        },
      ),
      { numRuns: RUNS },
    )
  })

  test('in a server certificate without a subject, whose names are critical', async () => {
    const root = await newRoot()
    const subject = readName(parseDer(sequence()))
    const template = certificateTemplate('it', TLS_SERVER, newSigner().spki, root.certificate, {
      subject,
      dnsNames: ['a.example', '192.0.2.1'],
    })
    const { der } = await signCertificate(template, root.signer)
    const wanted = tbsOf(TLS_SERVER, template, root, 'P-256')
    expect(at(readTlv(der), 0).der.toString('hex')).toBe(wanted.toString('hex'))
  })

  test('in a CRL', async () => {
    const reasons = { certificateHold: 6, removeFromCRL: 8, privilegeWithdrawn: 9 } as const
    await fc.assert(
      fc.asyncProperty(
        moments,
        fc.constantFrom('certificateHold', 'removeFromCRL', 'privilegeWithdrawn'),
        fc.bigInt({ min: 1n, max: 2n ** 150n }),
        fc.uniqueArray(fc.bigInt({ min: 1n, max: 2n ** 160n - 1n }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(...CURVES),
        async (now, reason, crlNumber, serialNumbers, curve) => {
          const { certificate, signer } = await newRoot({ now }, KEYS[curve])
          const crl = await signCrl({ issuer: certificate, crlNumber, now, reason, serialNumbers }, signer)
          const reasonCode = extension('2.5.29.21', false, tlv(0x0a, Buffer.of(reasons[reason])))
          const wanted = sequence(
            integer(1),
            sequence(objectIdentifier(ECDSA[curve])),
            certificate.subject.der,
            time(now),
            time(new Date(now.getTime() + 15 * 60_000)),
            sequence(...serialNumbers.map((serial) => sequence(integer(serial), time(now), sequence(reasonCode)))),
            tlv(
              0xa0,
              sequence(
                extension('2.5.29.35', false, sequence(tlv(0x80, keyId(signer.spki)))),
                extension('2.5.29.20', false, integer(crlNumber)),
              ),
            ),
          )
          expect(at(readTlv(crl.der), 0).der.toString('hex')).toBe(wanted.toString('hex'))
          const read = readCrl(crl.der, 'it')
          const nextUpdate = new Date(now.getTime() + 15 * 60_000)
          expect(read).toMatchObject({ thisUpdate: now, nextUpdate, crlNumber })
          const entry = { revocationDate: now, reasonCode: reasons[reason] }
          expect(read.entries).toMatchObject(serialNumbers.map((serialNumber) => ({ serialNumber, ...entry })))
        },
      ),
      { numRuns: RUNS },
    )
  })

  test('in a request', async () => {
    await fc.assert(
      fc.asyncProperty(subjects, namesOfServers, fc.constantFrom(...CURVES), async (subject, names, curve) => {
        const signer = newSigner(curve)
        const server = derOf(await createCsr(subject, names, signer))
        const asked =
          names.length === 0 ? [] : [extension('2.5.29.17', false, sequence(...names.map(encodeGeneralName)))]
        expect(infoOf(server)).toBe(info(subject, signer.spki, asked))
        const read = parseAndVerifyCsr(server, 'it')
        expect(read.subject.attributes).toEqual(subject.attributes)
        expect(read.parsedExtensions.subjectAltName ?? []).toEqual(names)
        const ca = derOf(await createCaCsr(subject, signer))
        const ofCa = [
          extension('2.5.29.15', true, Buffer.from('03020106', 'hex')),
          extension('2.5.29.19', true, Buffer.from('30030101ff', 'hex')),
        ]
        expect(infoOf(ca)).toBe(info(subject, signer.spki, ofCa))
      }),
      { numRuns: RUNS },
    )
  })
})

function infoOf(csr: Uint8Array): string {
  return at(readTlv(csr), 0).der.toString('hex')
}

function info(subject: Name, spki: Uint8Array, extensions: readonly Buffer[]): string {
  const request = sequence(objectIdentifier('1.2.840.113549.1.9.14'), setOf(sequence(...extensions)))
  const attributes = extensions.length === 0 ? tlv(0xa0) : tlv(0xa0, request)
  return sequence(integer(0), subject.der, spki, attributes).toString('hex')
}

/** The TBSCertificate that a template stands for (RFC 5280, 4.1; docs/profile.md#profiles), written by the tests' own writer. */
function tbsOf(
  profile: Profile,
  { serialNumber, subject, validity, spki, names, issuer }: ReturnType<typeof certificateTemplate>,
  root: Authority,
  curve: keyof typeof ECDSA,
): Buffer {
  const { notBefore, notAfter } = validity
  return sequence(
    tlv(0xa0, integer(2)),
    tlv(0x02, serialNumber),
    sequence(objectIdentifier(ECDSA[curve])),
    (issuer?.subject ?? subject).der,
    sequence(time(notBefore), time(notAfter)),
    subject.der,
    spki,
    tlv(0xa3, sequence(...extensionsOf(profile, spki, root.signer.spki, subject, names))),
  )
}

function extensionsOf(
  profile: Profile,
  spki: Uint8Array,
  issuer: Uint8Array,
  { attributes }: Name,
  names: readonly GeneralName[],
) {
  const purposes = (...last: readonly number[]) =>
    extension('2.5.29.37', false, sequence(...last.map((one) => objectIdentifier(`1.3.6.1.5.5.7.3.${one}`))))
  const usage = (hex: string) => extension('2.5.29.15', true, Buffer.from(hex, 'hex'))
  const constraints = (hex: string) => extension('2.5.29.19', true, Buffer.from(hex, 'hex'))
  const subjectKey = extension('2.5.29.14', false, octetString(keyId(spki)))
  const authorityKey = extension('2.5.29.35', false, sequence(tlv(0x80, keyId(issuer))))
  if (profile === ROOT_CA) return [usage('03020106'), purposes(1, 2), constraints('30030101ff'), subjectKey]
  if (profile === DEVICE_CA) return [usage('03020204'), constraints('30060101ff020100'), subjectKey, authorityKey]
  const alternative = extension('2.5.29.17', attributes.length === 0, sequence(...names.map(encodeGeneralName)))
  return [usage('03020780'), purposes(1), subjectKey, authorityKey, ...(names.length === 0 ? [] : [alternative])]
}

function extension(oid: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(oid), critical ? Buffer.of(1, 1, 0xff) : Buffer.alloc(0), octetString(value))
}

function encodeGeneralName({ type, value }: GeneralName): Buffer {
  const address = () =>
    value.includes(':') ? Buffer.from(value.replaceAll(':', ''), 'hex') : Buffer.from(value.split('.').map(Number))
  const tag = { email: 0x81, DNS: 0x82, URI: 0x86, IP: 0x87, other: 0x80 }[type]
  return tlv(tag, type === 'IP' ? address() : Buffer.from(value, 'ascii'))
}

function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]|\.000/g, '')
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(text.slice(2))) : tlv(0x18, Buffer.from(text))
}

/** RFC 5280, 4.2.1.2, method 1. */
function keyId(spki: Uint8Array): Buffer {
  return createHash('sha1')
    .update(at(readTlv(spki), 1).content.subarray(1))
    .digest()
}
