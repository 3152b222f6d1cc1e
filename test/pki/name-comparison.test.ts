import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { parseDer } from '../../src/pki/der.js'
import { readName } from '../../src/pki/name.js'
import { equivalentNames } from '../../src/pki/name-comparison.js'
import { newDeviceCa, newRoot } from '../support/issue.js'
import { basicConstraints, dn, forge, keyUsage } from './support/forge.js'
import { CA_KEY, ROOT_KEY } from './support/openssl-verdict.js'

const nameOf = (text: string) => readName(parseDer(dn(text)))
const ROOT = 'CN=Factory-CA,OU=acme'

/** The last column: does OpenSSL see it, too? It folds ASCII letters and ASCII spaces only. */
const EQUAL = [
  ['CN=factory-ca,OU=acme', true],
  ['CN=FACTORY-CA,OU=ACME', true],
  ['CN=Factory-CA ,OU=acme', true],
  ['CN= Factory-CA,OU= acme  ', true],
  ['CN=Factory-CA\t,OU=acme', true],
  ['CN:printable=Factory-CA,OU:printable=acme', true],
  ['CN:bmp=factory-ca,OU:t61=ACME', true],
  // RFC 4518, 2.2 and 2.3: letters of other widths, and characters that are not seen.
  ['CN=Factory\u00ad-CA,OU=acme', false],
  ['CN=Ｆactory-CA,OU=acme', false],
] as const

const DIFFERENT = [
  ...['CN=Factory-CA2,OU=acme', 'OU=acme,CN=Factory-CA', 'CN=Factory-CA', 'CN=Factory-CA+OU=acme', ''],
  ...['CN=Factory -CA,OU=acme', 'CN=Factory-CA,O=acme', 'CN=Factory-CA,OU=acme,OU=acme'],
]

/** Does OpenSSL take a root of this name for the issuer of a certificate that names `ROOT`? */
function openssl(text: string): boolean {
  const extensions = [basicConstraints(), keyUsage(0x06)]
  const keys = { key: ROOT_KEY, issuerKey: ROOT_KEY, extensions }
  const root = forge({ subject: dn(text), issuer: dn(text), ...keys })
  const below = forge({ ...keys, subject: dn('CN=below'), issuer: dn(ROOT), key: CA_KEY })
  return new X509Certificate(below.der).checkIssued(new X509Certificate(root.der))
}

test.each(EQUAL)(
  '%j is the name of the root (RFC 5280, 7.1), and not signed as that of a device CA',
  async (text, both) => {
    expect(equivalentNames(nameOf(text), nameOf(ROOT))).toBe(true)
    expect(openssl(text)).toBe(both)
    const root = await newRoot()
    await expect(newDeviceCa(root, { subject: nameOf(text) })).rejects.toThrow(
      // No name with a control character is signed, whatever it equals.
      text.includes('\t') ? /rule subject-strings/ : /rule subject-not-issuer/,
    )
  },
)

test.each(DIFFERENT)("%j is not the root's name", (text) => {
  expect(equivalentNames(nameOf(text), nameOf(ROOT))).toBe(false)
  expect(openssl(text)).toBe(false)
})

test('two inner spaces equal one', () => {
  expect(equivalentNames(nameOf('CN=Factory  CA'), nameOf('CN=factory CA'))).toBe(true)
})
