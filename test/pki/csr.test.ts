import { createHash, generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { parseAndVerifyCsr } from '../../src/pki/csr.js'
import type { CsrPolicy } from '../../src/pki/csr-policy.js'
import { DEVICE_CA, TLS_SERVER } from '../../src/pki/profiles.js'
import { readPublicKey } from '../../src/pki/public-key.js'
import { output, runProgram, temporaryDirectory } from '../support/cli.js'
import { type Authority, accept, certify, newDeviceCa, newRoot } from '../support/issue.js'
import {
  buildCsr,
  CN,
  csrPem,
  dnsNames,
  extension,
  extensionRequest,
  newKey,
  O,
  OU,
  spkiOf,
  utf8Name,
} from './support/csr.js'
import {
  at,
  bitString,
  derOf,
  integer,
  membersOf,
  objectIdentifier,
  octetString,
  pem,
  readTlv,
  sequence,
  setOf,
  tlv,
} from './support/der.js'
import { type KeyKind, opensslCsr, opensslKey, type Wanted } from './support/openssl-csr.js'

const subject = utf8Name([CN, 'gateway.example'], [OU, 'acme'])
let root: Authority

beforeAll(async () => {
  root = await newRoot()
})

/** The reason of an ERR_BAD_CSR that names the request. */
function refusal(csr: string, profile = TLS_SERVER, takenKeys: CsrPolicy['takenKeys'] = []): string {
  try {
    accept(csr, profile, takenKeys)
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
    const [, reason] = /^the-csr is not signed: (.+)\.$/s.exec(error.message) ?? []
    expect(error.code).toBe('ERR_BAD_CSR')
    expect(error.hint).not.toBe('')
    return reason ?? `not a reason: ${error.message}`
  }
  return 'it was accepted'
}

function tlsCsr(parts: { subject?: Uint8Array; attributes?: readonly Uint8Array[]; spki?: Uint8Array }): string {
  return csrPem(buildCsr({ subject, ...parts }))
}

/** The attribute szOID_CERT_EXTENSIONS. */
function microsoftRequest(...extensions: readonly Uint8Array[]): Buffer {
  return sequence(objectIdentifier('1.3.6.1.4.1.311.2.1.14'), setOf(sequence(...extensions)))
}

function asking(...names: readonly string[]): string {
  return tlsCsr({ attributes: [extensionRequest(dnsNames(...names))] })
}

describe('a request is refused for its form', () => {
  test('when its signature does not verify', () => {
    const der = buildCsr({ subject })
    const other = buildCsr({ subject })
    const mixed = sequence(at(readTlv(der), 0).der, at(readTlv(der), 1).der, at(readTlv(other), 2).der)
    expect(refusal(csrPem(mixed))).toMatch(/signature does not verify/)
  })

  test('when its subject was changed after it was signed', async () => {
    const der = derOf(await opensslCsr({ subject: '/CN=gateway.example' }))
    const changed = Buffer.from(der.toString('latin1').replace('gateway.example', 'gateway.exampla'), 'latin1')
    expect(refusal(csrPem(changed))).toMatch(/signature does not verify/)
  })

  test('when it is truncated', () => {
    const der = buildCsr({ subject })
    for (const length of [0, 1, 2, 10, der.length - 1]) {
      expect(refusal(csrPem(der.subarray(0, length)))).not.toBe('it was accepted')
    }
  })

  test('when octets follow it', () => {
    expect(refusal(csrPem(Buffer.concat([buildCsr({ subject }), Buffer.of(0)])))).toMatch(/trailing octets/)
    expect(refusal(csrPem(Buffer.concat([buildCsr({ subject }), buildCsr({ subject })])))).toMatch(/trailing octets/)
  })

  test('when it has a fourth member after its signature', () => {
    const members = membersOf(readTlv(buildCsr({ subject }))).map(({ der }) => der)
    expect(refusal(csrPem(sequence(...members, integer(1))))).not.toBe('it was accepted')
  })

  test('when a length is indefinite (BER)', () => {
    const { content } = readTlv(buildCsr({ subject }))
    const indefinite = Buffer.concat([Buffer.of(0x30, 0x80), content, Buffer.of(0, 0)])
    expect(refusal(csrPem(indefinite))).toMatch(/BER, not DER/)
  })

  test('when a length is not in its shortest form', () => {
    const [info, algorithm, signature] = membersOf(readTlv(buildCsr({ subject }))).map(({ der }) => der)
    const padded = tlv(0x30, info ?? subject, Buffer.of(0x30, 0x81, 0x0a), at(readTlv(algorithm ?? subject), 0).der)
    expect(refusal(csrPem(tlv(0x30, readTlv(padded).content, signature ?? subject)))).toMatch(/BER, not DER/)
  })

  test('when its signature has unused bits', () => {
    const [info, algorithm, signature] = membersOf(readTlv(csrWithEvenSignature()))
    if (info === undefined || algorithm === undefined || signature === undefined) throw new Error('no request')
    const spare = tlv(0x03, Buffer.of(1), signature.content.subarray(1))
    expect(refusal(csrPem(sequence(info.der, algorithm.der, spare)))).not.toBe('it was accepted')
  })

  test('when it has another version', () => {
    const key = newKey()
    const info = sequence(integer(1), subject, spkiOf(key), tlv(0xa0))
    const der = sequence(info, sequence(objectIdentifier('1.2.840.10045.4.3.2')), bitString(Buffer.alloc(8)))
    expect(refusal(csrPem(der))).toMatch(/version is not 1/)
  })

  test('when its signature is SHA-1', async () => {
    expect(refusal(await opensslCsr({ words: ['-sha1'] }))).toMatch(/not supported: ecdsa-with-SHA1/)
  })

  test('when it is 10 MB of PEM, without delay', () => {
    const started = performance.now()
    expect(refusal(pem('CERTIFICATE REQUEST', Buffer.alloc(10_000_000 * 0.75)))).toMatch(/larger than 65536/)
    expect(performance.now() - started).toBeLessThan(20_000)
  })

  test('when there are two PEM blocks', () => {
    const csr = tlsCsr({})
    expect(refusal(csr + csr)).toMatch(/2 PEM blocks/)
  })

  test('when it has another PEM label', () => {
    expect(refusal(pem('CERTIFICATE', buildCsr({ subject })))).toMatch(
      /not a certificate request \(found "CERTIFICATE"\)/,
    )
    expect(refusal(pem('PRIVATE KEY', buildCsr({ subject })))).toMatch(
      /not a certificate request \(found "PRIVATE KEY"\)/,
    )
  })

  test('when it is not PEM, or malformed PEM', () => {
    const csr = tlsCsr({})
    expect(refusal('')).toMatch(/no PEM block/)
    expect(refusal(derOf(csr).toString('latin1'))).toMatch(/no PEM block/)
    expect(refusal(csr.replace('-----END', '-----WHAT'))).toMatch(/PEM block/)
    expect(refusal(csr.replace('MI', 'M*'))).toMatch(/PEM block/)
  })
})

describe('a request is refused for its key', () => {
  test.each<[KeyKind, RegExp]>([
    ['RSA-1024', /RSA key is too weak: 1024 bits/],
    ['RSA-2047', /RSA key is too weak: 2047 bits/],
    ['secp256k1', /unsupported curve \(1\.3\.132\.0\.10\)/],
    ['Ed25519', /not supported: ed25519/],
    ['explicit', /does not use a named curve/],
    ['RSA-PSS', /not supported: rsa-pss/],
  ])('%s', async (key, reason) => {
    expect(refusal(await opensslCsr({ key }))).toMatch(reason)
  })

  test('whose curve is given by explicit parameters made by openssl ecparam', async () => {
    const keyPem = await output('openssl', [
      'ecparam',
      '-name',
      'prime256v1',
      '-param_enc',
      'explicit',
      '-genkey',
      '-noout',
    ])
    expect(refusal(await opensslCsr({ keyPem }))).toMatch(/does not use a named curve/)
  })

  test('whose point is not on P-256', () => {
    const key = newKey()
    const spki = Buffer.from(spkiOf(key))
    spki.writeUInt8(spki.readUInt8(spki.length - 1) ^ 1, spki.length - 1)
    expect(refusal(csrPem(buildCsr({ subject, key, spki })))).toMatch(/not on its curve/)
  })

  test('whose point is the one at infinity', () => {
    const named = sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier('1.2.840.10045.3.1.7'))
    expect(refusal(tlsCsr({ spki: sequence(named, bitString(Buffer.of(0))) }))).not.toBe('it was accepted')
  })

  test('which is RSA with the exponent 1: anyone can sign for it', () => {
    expect(refusal(csrPem(forgedForExponentOne()))).not.toBe('it was accepted')
  })

  test('which is RSA, for a device CA', async () => {
    expect(refusal(await opensslCsr({ key: 'RSA-3072' }), DEVICE_CA)).toMatch(/RSA, and a device CA needs EC/)
  })

  test("which is the root's or another CA's, and its owner is named", async () => {
    const ca = await newDeviceCa(root)
    const keyPem = await opensslKey('P-256')
    const csr = await opensslCsr({ keyPem })
    const { publicKey } = parseAndVerifyCsr(csr, 'the CSR')
    const others = [
      { owner: 'factory_ca.pem', publicKey: root.certificate.publicKey },
      { owner: 'local-ca.pem', publicKey: ca.certificate.publicKey },
    ]
    for (const profile of [TLS_SERVER, DEVICE_CA]) {
      expect(refusal(csr, profile, others)).toBe('it was accepted')
      expect(refusal(csr, profile, [...others, { owner: 'the root', publicKey }])).toMatch(
        /it uses the key of the root/,
      )
    }
  })

  test("which is the root's, written in compressed form", () => {
    const key = newKey()
    const point = at(readTlv(spkiOf(key)), 1).content.subarray(1)
    const compressed = Buffer.concat([Buffer.of(2 + (point.readUInt8(64) & 1)), point.subarray(1, 33)])
    const spki = sequence(at(readTlv(spkiOf(key)), 0).der, bitString(compressed))
    const csr = csrPem(buildCsr({ subject, key, spki }))
    expect(refusal(csr, TLS_SERVER, [{ owner: 'the root', publicKey: readPublicKey(spkiOf(key)) }])).toMatch(
      /the key of the root/,
    )
  })
})

describe('a request is refused for its contents', () => {
  test.each<[string, Wanted, RegExp]>([
    ['with an empty subject and no DNS name', { subject: null }, /it names no server/],
    ['with an organization only', { subject: '/O=Example' }, /it names no server/],
    [
      'with a URI only',
      { subject: '/O=Example', extensions: ['subjectAltName=URI:https://a.example/'] },
      /it names no server/,
    ],
    [
      'with a space in a name',
      { extensions: ['subjectAltName=DNS:a b.example'] },
      /"a b\.example", which is not a valid DNS name/,
    ],
    ['with a name that has an empty label', { extensions: ['subjectAltName=DNS:a..example'] }, /not a valid DNS name/],
    ['with an asterisk in the middle', { extensions: ['subjectAltName=DNS:a.*.example'] }, /not a valid DNS name/],
    ['with a name twice', { extensions: ['subjectAltName=DNS:a.example,DNS:a.example'] }, /a name more than once/],
    [
      'with a name twice in different case',
      { extensions: ['subjectAltName=DNS:a.example,DNS:A.Example'] },
      /a name more than once/,
    ],
  ])('for a server %s', async (_, wanted, reason) => {
    expect(refusal(await opensslCsr(wanted))).toMatch(reason)
  })

  test('for a server with an empty common name and no DNS name', () => {
    expect(refusal(tlsCsr({ subject: utf8Name([CN, ''], [O, 'Example']) }))).toMatch(/CN is empty/)
  })

  test.each([
    ['a NUL', 'good.example\0.evil.example'],
    ['a line feed', 'a.example\n'],
    ['300 characters', Array(6).fill('a'.repeat(49)).join('.').padEnd(300, 'a')],
    ['254 characters', `${`${'a'.repeat(63)}.`.repeat(3)}${'a'.repeat(62)}`],
    ['a label of 64 characters', `${'a'.repeat(64)}.example`],
    ['characters beyond ASCII', 'ä.example'],
    ['nothing in it', ''],
    ['a dot at its end', 'a.example.'],
    ['a hyphen at its beginning', '-a.example'],
    ['an escape sequence', '\x1b[31m.example'],
  ])('for a server with a name that has %s', (_, name) => {
    expect(refusal(asking('first.example', name))).toMatch(/, which is not a valid DNS name/)
  })

  test('and the message contains none of its control characters', () => {
    expect(refusal(asking('\x1b[31m\x07\n.example'))).not.toMatch(/[\x00-\x1f]/)
  })

  test('when it requests an extension twice', () => {
    const twice = extensionRequest(dnsNames('a.example'), dnsNames('b.example'))
    expect(refusal(tlsCsr({ attributes: [twice] }))).toMatch(/duplicate extensions/)
  })

  test('when it requests extensions in two attributes', () => {
    const attributes = [extensionRequest(dnsNames('a.example')), extensionRequest(dnsNames('b.example'))]
    expect(refusal(tlsCsr({ attributes }))).toMatch(/more than one extension request/)
  })

  test("when it requests extensions in PKCS #9's attribute and in Microsoft's, in either order", () => {
    const attributes = [extensionRequest(dnsNames('a.example')), microsoftRequest(dnsNames('a.example'))]
    expect(refusal(tlsCsr({ attributes }))).toMatch(/more than one extension request/)
    expect(refusal(tlsCsr({ attributes: attributes.toReversed() }))).toMatch(/more than one extension request/)
  })

  test('when it requests extensions in two values of one attribute', () => {
    const values = setOf(sequence(dnsNames('a.example')), sequence(dnsNames('b.example')))
    const attribute = sequence(objectIdentifier('1.2.840.113549.1.9.14'), values)
    expect(refusal(tlsCsr({ attributes: [attribute] }))).not.toBe('it was accepted')
  })

  test('when an extension does not parse', () => {
    const broken = extensionRequest(extension('2.5.29.17', Buffer.from('3003820561', 'hex')))
    expect(refusal(tlsCsr({ attributes: [broken] }))).not.toBe('it was accepted')
  })

  test('for a device CA with an empty subject', async () => {
    expect(refusal(await opensslCsr({ subject: null }), DEVICE_CA)).not.toBe('it was accepted')
  })
})

describe('a request is signed with a warning', () => {
  test("when its OU is not the factory's", async () => {
    const csr = await opensslCsr({ subject: '/CN=a.example/OU=other', extensions: ['subjectAltName=DNS:a.example'] })
    for (const profile of [TLS_SERVER, DEVICE_CA]) {
      expect(accept(csr, profile).warnings).toContain('The subject of the-csr has OU=other; the factory is acme.')
    }
  })

  test('when it requests extensions that the profile does not include', async () => {
    const extensions = ['subjectAltName=DNS:a.example', 'basicConstraints=CA:TRUE', '1.2.3.4=ASN1:NULL']
    const { warnings, names } = accept(await opensslCsr({ extensions }), TLS_SERVER)
    expect(names).toEqual([{ type: 'DNS', value: 'a.example' }])
    expect(warnings).toEqual([
      'the-csr requests basicConstraints, which the TLS server certificate will not have.',
      'the-csr requests 1.2.3.4, which the TLS server certificate will not have.',
    ])
  })

  test('when it requests usages that the profile does not include', async () => {
    const extensions = ['subjectAltName=DNS:a.example', 'keyUsage=digitalSignature,keyCertSign']
    const purposes = 'extendedKeyUsage=serverAuth,clientAuth'
    expect(accept(await opensslCsr({ extensions: [...extensions, purposes] }), TLS_SERVER).warnings).toEqual([
      'the-csr requests keyCertSign, which the TLS server certificate will not have.',
      'the-csr requests clientAuth, which the TLS server certificate will not have.',
    ])
  })

  test('and the certificate does not have them', async () => {
    const extensions = ['subjectAltName=DNS:a.example', 'basicConstraints=critical,CA:TRUE', 'keyUsage=keyCertSign']
    const { der } = await certify(accept(await opensslCsr({ extensions }), TLS_SERVER), TLS_SERVER, root)
    const text = await output('openssl', ['x509', '-noout', '-text'], { stdin: pem('CERTIFICATE', der) })
    expect(text).toContain('Digital Signature\n')
    expect(text).not.toMatch(/CA:TRUE|Certificate Sign/)
  })

  test('when it requests names other than DNS names and IP addresses', async () => {
    const extensions = ['subjectAltName=DNS:a.example,IP:192.0.2.1,email:me@a.example,URI:https://a.example/']
    expect(accept(await opensslCsr({ extensions }), TLS_SERVER).warnings).toEqual([
      'the-csr requests the name email:me@a.example; fpki does not issue names of this type.',
      'the-csr requests the name URI:https://a.example/; fpki does not issue names of this type.',
    ])
  })

  test('when it has attributes that are not used; their values, such as passwords, are not shown', () => {
    const attribute = (oid: string, text: string) =>
      sequence(objectIdentifier(oid), setOf(tlv(0x0c, Buffer.from(text))))
    const attributes = [
      attribute('1.2.840.113549.1.9.7', 'a password'),
      extensionRequest(dnsNames('a.example')),
      attribute('1.3.6.1.4.1.311.13.2.3', '10.0.26100.2'),
      attribute('1.3.6.1.4.1.99999.3', 'x'),
    ]
    expect(accept(tlsCsr({ attributes }), TLS_SERVER).warnings).toEqual([
      'the-csr has attributes that fpki ignores: challengePassword, msOsVersion, 1.3.6.1.4.1.99999.3.',
    ])
  })

  test('when it has a common name only', async () => {
    expect(accept(await opensslCsr(), TLS_SERVER).warnings).toEqual([
      'the-csr requests no DNS name; clients that check only subjectAltName will reject the certificate.',
    ])
  })
})

describe('a request is signed', () => {
  test.each<[KeyKind, string]>([
    ['P-256', 'Public-Key: (256 bit)'],
    ['P-384', 'NIST CURVE: P-384'],
    ['P-521', 'NIST CURVE: P-521'],
    ['RSA-2048', 'Public-Key: (2048 bit)'],
  ])('for a server with a %s key', async (key, fact) => {
    const csr = await opensslCsr({ key, extensions: ['subjectAltName=DNS:a.example,DNS:*.b.example'] })
    const accepted = accept(csr, TLS_SERVER)
    expect(accepted.warnings).toEqual([])
    const { der } = await certify(accepted, TLS_SERVER, root)
    const text = await output('openssl', ['x509', '-noout', '-text'], { stdin: pem('CERTIFICATE', der) })
    expect(text).toContain(fact)
    expect(text).toContain('DNS:a.example, DNS:*.b.example\n')
    expect(text).toContain('Signature Algorithm: ecdsa-with-SHA256')
  })

  test.each<KeyKind>(['P-256', 'P-384', 'P-521'])('for a device CA with a %s key', async (key) => {
    const accepted = accept(await opensslCsr({ key }), DEVICE_CA)
    expect(accepted).toMatchObject({ warnings: [], names: [] })
    const { der } = await certify(accepted, DEVICE_CA, root)
    const text = await output('openssl', ['x509', '-noout', '-text'], { stdin: pem('CERTIFICATE', der) })
    expect(text).toContain(`NIST CURVE: ${key}`)
    expect(text).toContain('CA:TRUE, pathlen:0')
  })

  test.each(['-sha384', '-sha512'])('when its own signature is %s', async (hash) => {
    expect(refusal(await opensslCsr({ words: [hash] }))).toBe('it was accepted')
  })

  test('with text around the PEM block and CRLF line endings', async () => {
    const csr = `Certificate request\n${await opensslCsr()}\nthe end\n`
    expect(refusal(csr)).toBe('it was accepted')
    expect(refusal(csr.replaceAll('\n', '\r\n'))).toBe('it was accepted')
  })

  test('with an empty subject and a DNS name, and OpenSSL accepts the certificate in strict mode', async () => {
    const csr = await opensslCsr({ subject: null, extensions: ['subjectAltName=DNS:a.example'] })
    const { der } = await certify(accept(csr, TLS_SERVER), TLS_SERVER, root)
    const [directory, certificate] = [await temporaryDirectory(), pem('CERTIFICATE', der)]
    await writeFile(join(directory, 'root.pem'), pem('CERTIFICATE', root.certificate.der))
    await writeFile(join(directory, 'tls-crt'), certificate)
    const trusted = [
      '-CAfile',
      join(directory, 'root.pem'),
      '-attime',
      String(root.certificate.notBefore.getTime() / 1000),
    ]
    const verify = ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'a.example', ...trusted]
    const { stdout, stderr } = await runProgram('openssl', [...verify, join(directory, 'tls-crt')])
    expect([stdout, stderr]).toEqual([`${join(directory, 'tls-crt')}: OK\n`, ''])
  })

  test('for a server with a name of 253 characters, which is the longest', () => {
    expect(refusal(asking(`${`${'a'.repeat(63)}.`.repeat(3)}${'a'.repeat(61)}`))).toBe('it was accepted')
  })

  test("with the names requested in Microsoft's attribute, as in OpenSSL", async () => {
    const csr = tlsCsr({ attributes: [microsoftRequest(dnsNames('a.example'))] })
    expect(await output('openssl', ['req', '-noout', '-text'], { stdin: csr })).toContain('DNS:a.example\n')
    const { der } = await certify(accept(csr, TLS_SERVER), TLS_SERVER, root)
    const text = await output('openssl', ['x509', '-noout', '-text'], { stdin: pem('CERTIFICATE', der) })
    expect(text).toContain('DNS:a.example\n')
  })

  test("as a CA's when Microsoft's attribute requests that", () => {
    const ca = sequence(
      objectIdentifier('2.5.29.19'),
      Buffer.of(1, 1, 0xff),
      octetString(sequence(Buffer.of(1, 1, 0xff))),
    )
    const { parsedExtensions } = parseAndVerifyCsr(tlsCsr({ attributes: [microsoftRequest(ca)] }), 'it')
    expect(parsedExtensions.basicConstraints).toEqual({ ca: true, pathLenConstraint: null })
  })

  test('with IP addresses, as in OpenSSL', async () => {
    const extensions = ['subjectAltName=DNS:a.example,IP:192.0.2.1,IP:2001:db8::1']
    const accepted = accept(await opensslCsr({ extensions }), TLS_SERVER)
    expect(accepted.warnings).toEqual([])
    const { der } = await certify(accepted, TLS_SERVER, root)
    const text = await output('openssl', ['x509', '-noout', '-text'], { stdin: pem('CERTIFICATE', der) })
    expect(text).toContain('DNS:a.example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1\n')
  })

  test('under the label that certreq.exe and keytool write, with CRLF line endings', async () => {
    const csr = (await opensslCsr()).replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST')
    expect(refusal(csr.replaceAll('\n', '\r\n'))).toBe('it was accepted')
  })

  test('without attributes', () => {
    expect(refusal(csrPem(buildCsr({ subject, attributes: [] })))).toBe('it was accepted')
  })
})

/** A request whose signature ends in a zero bit, so that DER does not forbid leaving that bit out. */
function csrWithEvenSignature(): Buffer {
  const der = buildCsr({ subject })
  return der.readUInt8(der.length - 1) % 2 === 0 ? der : csrWithEvenSignature()
}

/** A request for an RSA key with e = 1, "signed" without any private key: the signature is the padded digest itself. */
function forgedForExponentOne(): Buffer {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const modulus = at(readTlv(at(readTlv(publicKey.export({ format: 'der', type: 'pkcs1' })), 0).der))
  const rsa = sequence(objectIdentifier('1.2.840.113549.1.1.1'), Buffer.of(5, 0))
  const spki = sequence(rsa, bitString(sequence(modulus.der, integer(1))))
  const info = sequence(integer(0), subject, spki, tlv(0xa0))
  const digest = Buffer.concat([
    Buffer.from('3031300d060960864801650304020105000420', 'hex'),
    createHash('sha256').update(info).digest(),
  ])
  const padded = Buffer.concat([Buffer.of(0, 1), Buffer.alloc(256 - 3 - digest.length, 0xff), Buffer.of(0), digest])
  const algorithm = sequence(objectIdentifier('1.2.840.113549.1.1.11'), Buffer.of(5, 0))
  return sequence(info, algorithm, bitString(padded))
}
