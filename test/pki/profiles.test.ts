import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { DEVICE_CA, type Profile, ROOT_CA, TLS_SERVER } from '../../src/pki/profiles.js'
import { readPemCertificate } from '../../src/pki/read-certificate.js'
import { pemSigner } from '../../src/signer/file.js'
import { output } from '../support/cli.js'
import { type Authority, accept, certify, FACTORY, newDeviceCa, newRoot, utf8Subject } from '../support/issue.js'
import { type ExtensionFields, readCertificateFields, readExtension } from './support/certificate-fields.js'
import { at, derOf, pem, readTlv } from './support/der.js'
import { fioctlCsrs, fioctlFile, fioctlUploads } from './support/fioctl.js'

/** A certificate of fioctl's, and how fpki makes the same one: with the same keys, CSR and time. */
interface Golden {
  readonly name: string
  readonly profile: Profile
  readonly fioctl: () => Promise<string>
  /** Absent: the key is fioctl's own, and there is no CSR. */
  readonly csr?: () => Promise<string>
  readonly issue: (golden: Golden, now: Date) => Promise<Uint8Array>
}

const tlsCsr = (index: number) => async () => (await fioctlCsrs('tls-csr'))[index] ?? ''
const caCsr = (index: number) => async () => (await fioctlCsrs('ca-csr'))[index] ?? ''
const estCsr = async () => (await fioctlCsrs('est-tls-csr'))[0] ?? ''
const estCrt = async () => (await fioctlUploads('est-tls-crt'))[0] ?? ''

const GOLDENS: readonly Golden[] = [
  { name: 'factory_ca.pem', profile: ROOT_CA, fioctl: () => fioctlFile('factory_ca.pem'), issue: issueRoot },
  { name: 'local-ca.pem', profile: DEVICE_CA, fioctl: () => fioctlFile('local-ca.pem'), issue: issueLocalCa },
  { name: 'site-b.pem', profile: DEVICE_CA, fioctl: () => fioctlFile('site-b.pem'), issue: issueLocalCa },
  signed('online-crt.bak', DEVICE_CA, () => fioctlFile('online-crt.bak'), caCsr(0)),
  signed('online-crt', DEVICE_CA, () => fioctlFile('online-crt'), caCsr(1)),
  signed('tls-crt.bak', TLS_SERVER, () => fioctlFile('tls-crt.bak'), tlsCsr(0)),
  signed('tls-crt', TLS_SERVER, () => fioctlFile('tls-crt'), tlsCsr(1)),
  signed('est-tls-crt', TLS_SERVER, estCrt, estCsr),
]

const SUBJECT_KEY_IDENTIFIER = '551d0e'
const AUTHORITY_KEY_IDENTIFIER = '551d23'
const EXTENDED_KEY_USAGE = '551d25'

/** Every way in which fpki's certificates differ from fioctl's (docs/profile.md#deviations), and no other. */
const DIFFERENCES = {
  /** fioctl's certificates begin when they are made; a device whose clock is behind rejects them. In milliseconds. */
  beginsBefore: 3_600_000,
  /** fioctl's serial numbers take up to 21 octets. */
  serialNumberOctets: 20,
  /** fioctl writes the CSR's subject anew, in another order and with other string types; fpki keeps its octets. */
  subjectOf: (golden: Golden) => (golden.csr === undefined ? 'fioctl' : 'csr'),
  /** fioctl's subjectKeyIdentifier is a truncated SHA-256 (RFC 7093), which tools that compute it do not find. */
  keyIdentifierOf: (spki: Uint8Array) => sha1Identifier(spki),
  /** fioctl's server certificates have no subjectKeyIdentifier; fpki's have it after extKeyUsage. */
  addedExtension: (golden: Golden) =>
    golden.profile === TLS_SERVER ? { type: SUBJECT_KEY_IDENTIFIER, critical: false, after: EXTENDED_KEY_USAGE } : null,
} as const

let root: Authority

beforeAll(async () => {
  const certificate = readPemCertificate(await fioctlFile('factory_ca.pem'), 'the root')
  root = { certificate, signer: await pemSigner(await fioctlFile('factory_ca.key'), 'the root key') }
})

describe.each(GOLDENS)('$name, issued by fpki for the same input as by fioctl', (golden) => {
  test('has the same version, algorithms, issuer, notAfter and key', async () => {
    const [theirs, ours] = await bothFields(golden)
    for (const field of ['version', 'signature', 'issuer', 'notAfter', 'spki'] as const) {
      expect([field, ours[field].toString('hex')]).toEqual([field, theirs[field].toString('hex')])
    }
    const [theirDer, ourDer] = await both(golden)
    expect(at(readTlv(ourDer), 1).der.toString('hex')).toBe(at(readTlv(theirDer), 1).der.toString('hex'))
  })

  test("starts an hour before fioctl's, but not before its issuer", async () => {
    const [theirs, ours] = await bothFields(golden)
    const issuer = readCertificateFields(root.certificate.der)
    const earliest = golden.profile === ROOT_CA ? 0 : timeOf(issuer.notBefore)
    expect(timeOf(ours.notBefore)).toBe(Math.max(timeOf(theirs.notBefore) - DIFFERENCES.beginsBefore, earliest))
  })

  test("has the same subject, or the CSR's where fioctl re-encodes it", async () => {
    const [theirs, ours] = await bothFields(golden)
    const subjects = { fioctl: async () => theirs.subject, csr: async () => subjectOfCsr(golden) }
    const wanted = await subjects[DIFFERENCES.subjectOf(golden)]()
    expect(ours.subject.toString('hex')).toBe(wanted.toString('hex'))
  })

  test('has identical extensions in the same order, apart from fpki’s additions', async () => {
    const [theirs, ours] = await bothFields(golden)
    const wanted = withAdded(theirs.extensions.map(readExtension).map(rekeyed(ours.spki)), golden, ours.spki)
    expect(ours.extensions.map(readExtension)).toEqual(wanted)
  })

  test("has its own key identifier and the issuer's", async () => {
    const [, ours] = await bothFields(golden)
    const extensions = new Map(ours.extensions.map(readExtension).map(({ type, value }) => [type, value]))
    const rootSpki = readCertificateFields(root.certificate.der).spki
    expect(extensions.get(SUBJECT_KEY_IDENTIFIER)).toBe(`0414${DIFFERENCES.keyIdentifierOf(ours.spki)}`)
    const wanted = golden.profile === ROOT_CA ? undefined : `30168014${fioctlIdentifier(rootSpki)}`
    expect(extensions.get(AUTHORITY_KEY_IDENTIFIER)).toBe(wanted)
  })

  test('has a serial number of at most 20 octets', async () => {
    const [, ours] = await bothFields(golden)
    expect(readTlv(ours.serialNumber).content.length).toBeLessThanOrEqual(DIFFERENCES.serialNumberOctets)
  })

  test('reads the same in OpenSSL, apart from fpki’s additions', async () => {
    const [theirs, ours] = await both(golden)
    const wanted = await extensionText(theirs)
    expect(wanted).toContain('Key Usage: critical\n')
    const { spki } = readCertificateFields(ours)
    const [identifier, earlier] = [colons(DIFFERENCES.keyIdentifierOf(spki)), colons(fioctlIdentifier(spki))]
    const text = await extensionText(ours)
    expect(text).toContain(`Subject Key Identifier: \n${identifier}\n`)
    const expected =
      DIFFERENCES.addedExtension(golden) === null
        ? text.replace(identifier, earlier)
        : text.replace(`Subject Key Identifier: \n${identifier}\n`, '')
    expect(expected).toBe(wanted)
  })
})

test("some of fioctl's serial numbers have 21 octets", async () => {
  const octets = await Promise.all(
    GOLDENS.map(
      async ({ fioctl }) => readTlv(readCertificateFields(derOf(await fioctl())).serialNumber).content.length,
    ),
  )
  expect(Math.max(...octets)).toBe(21)
})

function signed(name: string, profile: Profile, fioctl: () => Promise<string>, csr: () => Promise<string>): Golden {
  return { name, profile, fioctl, csr, issue: issueForCsr }
}

async function issueRoot(_: Golden, now: Date): Promise<Uint8Array> {
  const { certificate } = await newRoot({ now }, root.signer)
  return certificate.der
}

async function issueLocalCa({ name }: Golden, now: Date): Promise<Uint8Array> {
  const signer = await pemSigner(await fioctlFile(name.replace('.pem', '.key')), name)
  const { certificate } = await newDeviceCa(root, { now, subject: utf8Subject('fio-5f0e1c2d', FACTORY) }, signer)
  return certificate.der
}

async function issueForCsr({ csr, profile }: Golden, now: Date): Promise<Uint8Array> {
  const { der } = await certify(accept((await csr?.()) ?? '', profile), profile, root, { now })
  return der
}

/** fioctl's certificate and fpki's. */
async function both(golden: Golden): Promise<readonly [Uint8Array, Uint8Array]> {
  const theirs = derOf(await golden.fioctl())
  const made = timeOf(readCertificateFields(theirs).notBefore)
  return [theirs, await golden.issue(golden, new Date(made))]
}

/** A UTCTime in milliseconds. */
function timeOf(der: Uint8Array): number {
  const text = readTlv(der).content.toString()
  return Date.parse(text.replace(/(..)(..)(..)(..)(..)(..)Z/, '20$1-$2-$3T$4:$5:$6Z'))
}

async function bothFields(golden: Golden) {
  const [theirs, ours] = await both(golden)
  return [readCertificateFields(theirs), readCertificateFields(ours)] as const
}

async function subjectOfCsr({ csr }: Golden): Promise<Buffer> {
  return at(readTlv(derOf((await csr?.()) ?? '')), 0, 1).der
}

function withAdded(
  extensions: readonly ExtensionFields[],
  golden: Golden,
  spki: Uint8Array,
): readonly ExtensionFields[] {
  const added = DIFFERENCES.addedExtension(golden)
  if (added === null) return extensions
  const { type, critical, after } = added
  return extensions.flatMap((extension) =>
    extension.type === after
      ? [extension, { type, critical, value: `0414${DIFFERENCES.keyIdentifierOf(spki)}` }]
      : [extension],
  )
}

/** fioctl's extension with fpki's subjectKeyIdentifier in it, where it is one. */
function rekeyed(spki: Uint8Array) {
  return (extension: ExtensionFields): ExtensionFields =>
    extension.type === SUBJECT_KEY_IDENTIFIER && extension.value === `0414${fioctlIdentifier(spki)}`
      ? { ...extension, value: `0414${DIFFERENCES.keyIdentifierOf(spki)}` }
      : extension
}

/** The first 160 bits of the SHA-256 of subjectPublicKey's bits (RFC 7093, section 2, method 1). */
function fioctlIdentifier(spki: Uint8Array): string {
  return createHash('sha256').update(publicKeyBits(spki)).digest('hex').slice(0, 40)
}

/** The SHA-1 of subjectPublicKey's bits (RFC 5280, 4.2.1.2, method 1). */
function sha1Identifier(spki: Uint8Array): string {
  return createHash('sha1').update(publicKeyBits(spki)).digest('hex')
}

function publicKeyBits(spki: Uint8Array): Uint8Array {
  return at(readTlv(spki), 1).content.subarray(1)
}

function colons(hex: string): string {
  return (hex.toUpperCase().match(/../g) ?? []).join(':')
}

/** The extensions as OpenSSL prints them, without indentation. */
async function extensionText(der: Uint8Array): Promise<string> {
  const text = await output('openssl', ['x509', '-noout', '-text'], { stdin: pem('CERTIFICATE', der) })
  const [, extensions = ''] = /X509v3 extensions:\n(.*?) {4}Signature Algorithm/s.exec(text) ?? []
  return extensions.replace(/^ +(X509v3 )?/gm, '')
}
