import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CrlTemplate, checkTbsCrl } from '../../src/pki/check-crl.js'
import { CRL_REASONS, type CrlReason } from '../../src/pki/crl.js'
import { describeCrl } from '../../src/pki/describe-crl.js'
import { readPemCertificate } from '../../src/pki/read-certificate.js'
import { type Crl, readCrl } from '../../src/pki/read-crl.js'
import type { Signer } from '../../src/ports.js'
import { pemSigner } from '../../src/signer/file.js'
import { type CrlOrder, signCrl } from '../../src/signer/x509/crl.js'
import { output, runProgram, temporaryDirectory } from '../support/cli.js'
import { type Authority, NOW, newRoot, newSigner, unchecked, utf8Subject } from '../support/issue.js'
import { at, derOf, integer, membersOf, pem, readTlv } from './support/der.js'
import { fioctlFile, fioctlUploads } from './support/fioctl.js'

const root = await newRoot()

/** The CRL that `by` makes where nothing else is said. */
function issue(wanted: Partial<CrlOrder> = {}, by: Authority = root): Promise<Crl> {
  const usual: CrlOrder = {
    issuer: by.certificate,
    crlNumber: 1n,
    now: NOW,
    reason: 'privilegeWithdrawn',
    serialNumbers: [5n],
  }
  return signCrl({ ...usual, ...wanted }, by.signer)
}

/** A CRL and its root in files, for the programs of others. */
async function inFiles(crl: Crl, { certificate }: Authority) {
  const folder = await temporaryDirectory()
  const [crlFile, rootFile] = [join(folder, 'it.crl'), join(folder, 'root.pem')]
  await writeFile(crlFile, pem('X509 CRL', crl.der))
  await writeFile(rootFile, pem('CERTIFICATE', certificate.der))
  return { crlFile, rootFile }
}

async function opensslText(crl: Crl, by: Authority = root): Promise<string> {
  const { crlFile, rootFile } = await inFiles(crl, by)
  const { status, stdout, stderr } = await runProgram('openssl', [
    ...['crl', '-in', crlFile, '-CAfile', rootFile, '-text', '-noout'],
  ])
  expect({ status, stderr }).toEqual({ status: 0, stderr: 'verify OK\n' })
  return stdout
}

/** The serial numbers and reasons in a CRL's DER, read by the tests' own reader. */
function entriesOf(der: Uint8Array): readonly (readonly [serial: string, reason: number])[] {
  return membersOf(at(readTlv(der), 0, 5)).map((entry) => {
    const reason = readTlv(at(entry, 2, 0, 1).content)
    return [at(entry, 0).der.toString('hex'), reason.content.readUInt8(0)]
  })
}

describe("fioctl's CRLs", async () => {
  const rows = (['file', 'hsm'] as const).map(async (from) => {
    const crls = await fioctlUploads('ca-revoke-crl', from)
    return crls.map((crl, index) => ({
      from,
      crl,
      reason: (['certificateHold', 'privilegeWithdrawn'] as const)[index],
    }))
  })
  const made = (await Promise.all(rows)).flat()

  test.each(made)(
    '$reason, root in a $from: what is signed here is the same, octet by octet',
    async ({ crl, reason, from }) => {
      const issuer = readPemCertificate(await fioctlFile('factory_ca.pem', from), 'it')
      const theirs = readTlv(derOf(crl))
      const [serial] = entriesOf(theirs.der)
      const asked: Uint8Array[] = []
      const signer: Signer = {
        ...root.signer,
        spki: issuer.spki,
        sign: async (data) => {
          asked.push(data)
          // fioctl's own signature, so that it is checked too.
          return at(theirs, 2).content.subarray(1)
        },
      }
      const now = readCrl(crl, 'it').thisUpdate
      const serialNumbers = [BigInt(`0x${readTlv(Buffer.from(serial?.[0] ?? '', 'hex')).content.toString('hex')}`)]
      const ours = await signCrl(
        { issuer, crlNumber: 1n, now, reason: reason ?? 'removeFromCRL', serialNumbers },
        signer,
      )
      expect(asked.map((data) => Buffer.from(data).toString('hex'))).toEqual([at(theirs, 0).der.toString('hex')])
      expect(Buffer.from(ours.der).toString('hex')).toBe(theirs.der.toString('hex'))
    },
  )

  test('exist for each kind of root', () => {
    expect(made.map(({ from }) => from)).toEqual(['file', 'file', 'hsm', 'hsm'])
  })

  test('can be reproduced with fioctl’s root key', async () => {
    const certificate = readPemCertificate(await fioctlFile('factory_ca.pem'), 'it')
    const signer = await pemSigner(await fioctlFile('factory_ca.key'), 'it')
    const text = await opensslText(await issue({}, { certificate, signer }), { certificate, signer })
    expect(text).toContain('Issuer: CN = Factory-CA, OU = acme')
  })
})

describe('a CRL', () => {
  test('has the contents of docs/profile.md#crl according to OpenSSL', async () => {
    const text = await opensslText(
      await issue({ crlNumber: 7n, serialNumbers: [5n, 0xabcdefn], reason: 'certificateHold' }),
    )
    const lines = text.split('\n').map((line) => line.trim())
    expect(lines).toEqual(
      expect.arrayContaining([
        'Version 2 (0x1)',
        'Signature Algorithm: ecdsa-with-SHA256',
        'Issuer: CN = Factory-CA, OU = acme',
        'Last Update: Nov 23 09:43:55 2026 GMT',
        'Next Update: Nov 23 09:58:55 2026 GMT',
      ]),
    )
    expect(text).toMatch(/X509v3 CRL Number: \n +7\n/)
    expect(text.match(/Serial Number: .*/g)).toEqual(['Serial Number: 05', 'Serial Number: ABCDEF'])
    expect(text.match(/Revocation Date: .*/g)).toEqual(Array(2).fill('Revocation Date: Nov 23 09:43:55 2026 GMT'))
    expect(text.match(/Certificate Hold/g)).toHaveLength(2)
    const rootText = await output('openssl', ['x509', '-noout', '-ext', 'subjectKeyIdentifier'], {
      stdin: pem('CERTIFICATE', root.certificate.der),
    })
    const [keyId = 'none'] = /([0-9A-F]{2}:){19}[0-9A-F]{2}/.exec(rootText) ?? []
    expect(text).toContain(keyId)
  })

  test('verifies with the root in GnuTLS', async () => {
    // certtool's clock is that of this machine.
    const now = new Date()
    const by = await newRoot({ now })
    const { crlFile, rootFile } = await inFiles(await issue({ now, crlNumber: 300n, serialNumbers: [0x1234n] }, by), by)
    const text = await output('certtool', ['--crl-info', '--infile', crlFile])
    for (const line of [
      'Version: 2',
      'Issuer: OU=acme,CN=Factory-CA',
      'Revoked certificates (1)',
      'Serial Number (hex): 1234',
      'CRL Number (not critical): 012c',
    ]) {
      expect(text).toContain(line)
    }
    const verified = await runProgram('certtool', [
      '--verify-crl',
      '--load-ca-certificate',
      rootFile,
      '--infile',
      crlFile,
    ])
    expect({ status: verified.status, stdout: verified.stdout }).toEqual({
      status: 0,
      stdout: expect.stringContaining('Verification output: Verified'),
    })
  })

  test.each([
    ['P-256', 'SHA256'],
    ['P-384', 'SHA384'],
    ['P-521', 'SHA512'],
  ] as const)('of a root on %s is signed with %s', async (curve, hash) => {
    const by = await newRoot({}, newSigner(curve))
    const text = await opensslText(await issue({}, by), by)
    expect(text.match(/Signature Algorithm: .*/g)).toEqual(Array(2).fill(`Signature Algorithm: ecdsa-with-${hash}`))
  })

  test.each(Object.entries(CRL_REASONS))('has the reason %s as an ENUMERATED %i', async (reason, code) => {
    const { der } = await issue({ reason: reason as CrlReason })
    expect(at(readTlv(der), 0, 5, 0, 2, 0, 1).content.toString('hex')).toBe(`0a010${code}`)
  })

  test('accepts serial numbers of 21 octets, which half of fioctl’s have', async () => {
    const serial = BigInt(`0x${'f1'.repeat(20)}`)
    const crl = await issue({ serialNumbers: [serial] })
    expect(at(readTlv(crl.der), 0, 5, 0, 0).content).toHaveLength(21)
    expect(await opensslText(crl)).toContain(`Serial Number: ${'F1'.repeat(20)}\n`)
  })

  test('has whole seconds, and GeneralizedTime from 2050 on', async () => {
    const text = await opensslText(await issue({ now: new Date('2049-12-31T23:50:00.999Z') }))
    expect(text).toMatch(/Last Update: Dec 31 23:50:00 2049 GMT\n +Next Update: Jan {2}1 00:05:00 2050 GMT/)
  })

  test('lists any serial numbers, in order, with any CRL number', async () => {
    const serials = fc.uniqueArray(fc.bigInt({ min: 0n, max: 2n ** 168n - 1n }), { minLength: 1, maxLength: 20 })
    const number = fc.bigInt({ min: 1n, max: 2n ** 159n - 1n })
    const reasons = fc.constantFrom(...(Object.keys(CRL_REASONS) as CrlReason[]))
    await fc.assert(
      fc.asyncProperty(serials, number, reasons, async (serialNumbers, crlNumber, reason) => {
        const { der } = await issue({ serialNumbers, crlNumber, reason })
        const expected = serialNumbers.map((serial) => [integer(serial).toString('hex'), CRL_REASONS[reason]])
        expect(entriesOf(der)).toEqual(expected)
        expect(at(readTlv(der), 0, 6, 0, 1, 1).content.toString('hex')).toBe(integer(crlNumber).toString('hex'))
      }),
      { numRuns: 60 },
    )
  })

  test('of a thousand CAs parses in OpenSSL', async () => {
    const text = await opensslText(
      await issue({ serialNumbers: Array.from({ length: 1000 }, (_, at) => 2n ** 158n + BigInt(at)) }),
    )
    expect(text.match(/Serial Number:/g)).toHaveLength(1000)
  })
})

describe('a CRL is not issued when the signer returns', () => {
  const REFUSED = expect.objectContaining({ code: 'ERR_SIGNATURE', message: expect.stringContaining('the new CRL') })
  const issueWith = (sign: Signer['sign'], others: Partial<Signer> = {}) =>
    issue({}, { ...root, signer: { ...root.signer, ...others, sign } })

  test('octets of any length that are not a signature', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (octets) => {
        await expect(issueWith(async () => octets)).rejects.toEqual(REFUSED)
      }),
      { numRuns: 50 },
    )
  })

  test('a signature by another key, which it presents as its own', async () => {
    const other = newSigner()
    await expect(issueWith((data) => other.sign(data))).rejects.toEqual(REFUSED)
    await expect(issue({}, { ...root, signer: other })).rejects.toEqual(REFUSED)
  })

  test('a signature over other data, or one of an earlier CRL', async () => {
    await expect(issueWith((data) => root.signer.sign(unchecked(data.subarray(1))))).rejects.toEqual(REFUSED)
    const { signature } = await issue({ crlNumber: 2n })
    await expect(issueWith(async () => signature)).rejects.toEqual(REFUSED)
  })

  test('a valid signature with trailing octets, or for another algorithm', async () => {
    await expect(
      issueWith(async (data) => Buffer.concat([await root.signer.sign(data), Buffer.of(0)])),
    ).rejects.toEqual(REFUSED)
    const algorithm = { curve: 'P-384', hash: 'sha384' } as const
    await expect(issueWith((data) => root.signer.sign(data), { algorithm })).rejects.toEqual(REFUSED)
  })

  test('an error, which is passed on', async () => {
    const broken = new Error('the token was pulled out')
    await expect(issueWith(() => Promise.reject(broken))).rejects.toBe(broken)
  })
})

test.each<[string, readonly bigint[]]>([
  ['negative', [5n, -5n]],
  ['listed twice', [5n, 6n, 5n]],
])('no key is asked for a CRL in which a serial number is %s', async (reason, serialNumbers) => {
  const sign = () => Promise.reject(new Error('the key was asked'))
  const made = issue({ serialNumbers }, { ...root, signer: { ...root.signer, sign } })
  await expect(made).rejects.toMatchObject({ code: 'ERR_PROFILE', message: expect.stringContaining(reason) })
})

describe('a CRL is refused before signing', async () => {
  const order = { issuer: root.certificate, crlNumber: 7n, now: NOW, reason: 'certificateHold' } as const
  const template = {
    ...order,
    thisUpdate: NOW,
    nextUpdate: new Date(NOW.getTime() + 15 * 60_000),
    serialNumbers: [5n, 6n],
  } as const
  const { der } = await signCrl({ ...order, serialNumbers: template.serialNumbers }, root.signer)
  const tbs = at(readTlv(der), 0).der
  const other = await newRoot()

  test('but not when it matches the template', () => {
    expect(checkTbsCrl(tbs, template, 'P-256')).toBe(tbs)
  })

  test.each<[string, Partial<CrlTemplate>]>([
    ['issuer', { issuer: { ...root.certificate, subject: utf8Subject('Evil-CA', 'acme') } }],
    ['authorityKeyIdentifier', { issuer: { ...other.certificate, subject: root.certificate.subject } }],
    ['crlNumber', { crlNumber: 8n }],
    ['thisUpdate', { thisUpdate: new Date(NOW.getTime() + 1000) }],
    ['nextUpdate', { nextUpdate: NOW }],
    ['entries', { reason: 'privilegeWithdrawn' }],
    ['entries', { serialNumbers: [5n] }],
    ['entries', { serialNumbers: [6n, 5n] }],
  ])('for another %s', (what, change) => {
    expect(() => checkTbsCrl(tbs, { ...template, ...change }, 'P-256')).toThrow(
      expect.objectContaining({ code: 'ERR_PROFILE', message: expect.stringContaining(what) }),
    )
  })

  test('for the algorithm of another curve, and for octets that are not a CRL', () => {
    expect(() => checkTbsCrl(tbs, template, 'P-384')).toThrow(expect.objectContaining({ code: 'ERR_PROFILE' }))
    for (const octets of [tbs.subarray(1), Buffer.concat([tbs, Buffer.of(0)]), Buffer.alloc(0)])
      expect(() => checkTbsCrl(octets, template, 'P-256')).toThrow(expect.objectContaining({ code: 'ERR_PROFILE' }))
  })
})

test('describeCrl agrees with OpenSSL', async () => {
  const crl = await issue({ crlNumber: 258n, serialNumbers: [0x0abcn], reason: 'removeFromCRL' })
  const facts = describeCrl(crl)
  expect(facts).toMatchObject({
    issuer: 'CN=Factory-CA, OU=acme',
    crlNumber: '258',
    thisUpdate: '2026-11-23T09:43:55Z',
    nextUpdate: '2026-11-23T09:58:55Z',
    entries: [{ serial: '2748', serialHex: '0A:BC', revocationDate: '2026-11-23T09:43:55Z', reason: 'removeFromCRL' }],
  })
  expect(derOf(facts.pem)).toEqual(Buffer.from(crl.der))
  expect(await output('openssl', ['crl', '-noout', '-crlnumber'], { stdin: facts.pem })).toBe('crlNumber=0x0102\n')
})
