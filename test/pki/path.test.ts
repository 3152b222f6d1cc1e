import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { pathProblem } from '../../src/pki/path.js'
import { readPemCertificate } from '../../src/pki/read-certificate.js'
import { runProgram } from '../support/cli.js'
import { type Extensions, type Link, makeChain } from './support/chain.js'

const ROOT: Extensions = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
]
const CA: Extensions = [...ROOT, 'authorityKeyIdentifier=keyid']
const DEVICE_CA = CA.with(0, 'basicConstraints=critical,CA:TRUE,pathlen:0')
const LEAF: Extensions = [
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=serverAuth',
  'authorityKeyIdentifier=keyid',
]

/** OpenSSL adds key ids unless it is told not to. */
const withoutIds = (extensions: Extensions): Extensions => [
  ...extensions.filter((text) => !/KeyIdentifier/.test(text)),
  ...['subjectKeyIdentifier=none', 'authorityKeyIdentifier=none'],
]

const root: Link = { subject: '/CN=Factory-CA/OU=acme', extensions: ROOT }
const ca: Link = { subject: '/CN=fio-1/OU=acme', extensions: CA }
const deviceCa: Link = { subject: '/CN=fio-1/OU=acme', extensions: DEVICE_CA }
const subCa: Link = { subject: '/CN=below/OU=acme', extensions: CA }
const leaf: Link = { subject: '/CN=gateway.example/OU=acme', extensions: LEAF }

/** The root first, the certificate that is validated last; what both must say of it. */
const CHAINS: Readonly<Record<string, readonly [holds: boolean, chain: readonly Link[]]>> = {
  'a server by the root': [true, [root, leaf]],
  'a device CA by the root': [true, [root, deviceCa]],
  'a server below a device CA': [true, [root, deviceCa, leaf]],
  'a server below two CAs': [true, [root, ca, subCa, leaf]],
  'P-384': [true, [{ ...root, curve: 'P-384' }, leaf]],
  'P-384, signed with SHA-256': [
    true,
    [
      { ...root, curve: 'P-384', digest: 'sha256' },
      { ...leaf, digest: 'sha256' },
    ],
  ],
  'P-521': [true, [{ ...root, curve: 'P-521' }, leaf]],
  'names in PrintableString': [
    true,
    [
      { ...root, utf8: false },
      { ...leaf, utf8: false },
    ],
  ],
  'an issuer in PrintableString below a root in UTF8String': [
    true,
    [root, { ...leaf, issuedAs: root.subject, utf8: false }],
  ],
  'no key ids': [
    true,
    [
      { ...root, extensions: withoutIds(ROOT) },
      { ...leaf, extensions: withoutIds(LEAF) },
    ],
  ],
  'a root without keyUsage': [true, [{ ...root, extensions: ROOT.toSpliced(1, 1) }, leaf]],
  'a critical extKeyUsage': [
    true,
    [root, { ...leaf, extensions: LEAF.with(1, 'extendedKeyUsage=critical,serverAuth') }],
  ],
  'path length 1 and one CA below it': [
    true,
    [root, { ...ca, extensions: CA.with(0, 'basicConstraints=critical,CA:TRUE,pathlen:1') }, subCa, leaf],
  ],
  'an expired server certificate': [false, [root, { ...leaf, from: -20, until: -1 }]],
  'a server certificate that starts tomorrow': [false, [root, { ...leaf, from: 1, until: 20 }]],
  'an expired root': [false, [{ ...root, from: -20, until: -1 }, leaf]],
  'a root that starts tomorrow': [false, [{ ...root, from: 1, until: 20 }, leaf]],
  'an expired intermediate CA': [false, [root, { ...ca, from: -20, until: -1 }, leaf]],
  'another key under the same name': [false, [root, { ...leaf, stolenName: true }]],
  'another issuer name': [false, [root, { ...leaf, issuedAs: '/CN=Other-CA/OU=acme' }]],
  'another issuer name, and no key ids': [
    false,
    [
      { ...root, extensions: withoutIds(ROOT) },
      { ...leaf, extensions: withoutIds(LEAF), issuedAs: '/CN=Other-CA/OU=acme' },
    ],
  ],
  'a modified signature': [false, [root, { ...leaf, tampered: true }]],
  'an intermediate CA with a modified signature': [false, [root, { ...ca, tampered: true }, leaf]],
  'a root that is not a CA': [
    false,
    [{ ...root, extensions: ROOT.with(0, 'basicConstraints=critical,CA:FALSE').toSpliced(1, 1) }, leaf],
  ],
  'an intermediate that is not a CA': [
    false,
    [root, { ...ca, extensions: ['basicConstraints=critical,CA:FALSE', ...CA.slice(2)] }, leaf],
  ],
  'an intermediate CA without basicConstraints': [false, [root, { ...ca, extensions: CA.slice(2) }, leaf]],
  'a CA that may not sign certificates': [
    false,
    [root, { ...ca, extensions: CA.with(1, 'keyUsage=critical,cRLSign') }, leaf],
  ],
  'a CA below path length 0': [false, [root, deviceCa, subCa, leaf]],
  'a CA below path length 0 of the root': [
    false,
    [{ ...root, extensions: ROOT.with(0, 'basicConstraints=critical,CA:TRUE,pathlen:0') }, subCa, leaf],
  ],
  'two CAs below path length 1': [
    false,
    [{ ...root, extensions: ROOT.with(0, 'basicConstraints=critical,CA:TRUE,pathlen:1') }, ca, subCa, leaf],
  ],
  'an unknown critical extension': [false, [root, { ...leaf, extensions: [...LEAF, '1.2.3.4=critical,DER:0500'] }]],
  'a CA with an unknown critical extension': [
    false,
    [root, { ...ca, extensions: [...CA, '1.2.3.4=critical,DER:0500'] }, leaf],
  ],
}

/** Does OpenSSL accept the last of the files? */
async function openssl([root = '', ...files]: readonly string[]): Promise<boolean> {
  const certificate = files.at(-1) ?? ''
  const intermediates = files.slice(0, -1).flatMap((file) => ['-untrusted', file])
  const trusted = ['-CAfile', root, '-no-CApath', '-no-CAstore']
  const { status, stderr } = await runProgram('openssl', ['verify', ...trusted, ...intermediates, certificate])
  // 2 is its no; anything else would be a mistake of this test.
  if (status !== 0 && status !== 2) throw new Error(stderr)
  return status === 0
}

/** What fpki says of the last of the files; null: it accepts it. */
async function fpki(files: readonly string[]): Promise<string | null> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  const [root, ...certificates] = texts.map((text) => readPemCertificate(text, 'a certificate of the test'))
  const certificate = certificates.pop()
  if (root === undefined || certificate === undefined) throw new Error('a chain has two certificates at least')
  return pathProblem(certificate, { root, intermediates: certificates, at: new Date() })
}

describe('OpenSSL and fpki agree on', () => {
  test.each(Object.entries(CHAINS))('%s', async (_, [holds, links]) => {
    const files = await makeChain(links)
    expect(await openssl(files)).toBe(holds)
    expect(await fpki(files)).toEqual(holds ? null : expect.stringMatching(/^[a-z].*[^.]$/))
  })
})
