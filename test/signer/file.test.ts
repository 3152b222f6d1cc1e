import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { readPemCertificate } from '../../src/pki/read-certificate.js'
import { statement } from '../../src/pki/statement.js'
import { pemSigner } from '../../src/signer/file.js'
import { openEcKey } from '../../src/signer/open-key.js'
import { output, temporaryDirectory } from '../support/cli.js'

const FIXTURES = fileURLToPath(new URL('../fixtures/openssl', import.meta.url))
const PASSPHRASE = 'correct horse battery'

function fixture(name: string): Promise<string> {
  return readFile(join(FIXTURES, name), 'utf8')
}

/** The public key of a key file as OpenSSL sees it, PEM. */
function publicKeyOf(name: string): Promise<string> {
  return output('openssl', ['pkey', '-in', join(FIXTURES, name), '-passin', `pass:${PASSPHRASE}`, '-pubout'])
}

/** The code of the FpkiError that `work` throws, and its words. */
async function refusal(work: () => unknown): Promise<string> {
  try {
    await work()
    return 'not refused'
  } catch (error) {
    if (error instanceof FpkiError) return `${error.code} ${error.message}`
    throw error
  }
}

const ENCRYPTED = [
  'encrypted-pbkdf2.key',
  'encrypted-scrypt.key',
  'encrypted-pbes1.key',
  'encrypted-traditional.key',
  'encrypted-traditional-crlf.key',
]

describe('a private key of another tool', () => {
  test.each([
    ...['sec1-p256.key', 'pkcs8-p256.key', 'crlf.key', 'text-before.key', 'text-openssl.key', 'bom.key', ...ENCRYPTED]
      .concat('parameters-p256.key')
      .map((name) => [name, 'P-256', 'sha256'] as const),
    ...['sec1-p384.key', 'parameters-p384.key'].map((name) => [name, 'P-384', 'sha384'] as const),
    ...['sec1-p521.key', 'parameters-p521.key'].map((name) => [name, 'P-521', 'sha512'] as const),
  ])('%s signs on %s with %s, and OpenSSL verifies that', async (name, curve, hash) => {
    const passphrase = name.startsWith('encrypted') ? PASSPHRASE : null
    const signer = await pemSigner(await fixture(name), name, { passphrase })
    expect(signer.algorithm).toEqual({ curve, hash })
    const folder = await temporaryDirectory()
    const files = { key: join(folder, 'pub.pem'), signature: join(folder, 'signature'), text: join(folder, 'text') }
    await writeFile(files.key, await publicKeyOf(name))
    await writeFile(files.text, 'a message')
    await writeFile(files.signature, await signer.sign(statement('a message')))
    const words = ['dgst', `-${hash}`, '-verify', files.key, '-signature', files.signature, files.text]
    expect(await output('openssl', words)).toBe('Verified OK\n')
  })

  test.each(ENCRYPTED)('%s requires its passphrase', async (name) => {
    const pem = await fixture(name)
    expect(await refusal(() => pemSigner(pem, name))).toBe(
      `ERR_PASSPHRASE ${name} is encrypted, and no passphrase was given.`,
    )
    for (const wrong of ['wrong', '', `${PASSPHRASE} `]) {
      expect(await refusal(() => pemSigner(pem, name, { passphrase: wrong }))).toBe(
        `ERR_PASSPHRASE Wrong passphrase for ${name}.`,
      )
    }
  })

  test.each([
    ['refused-parameters-mismatch.key', 'its EC PARAMETERS block does not name that curve'],
    ['refused-parameters-explicit.key', 'its EC PARAMETERS block does not name that curve'],
    ['refused-explicit.key', 'does not use a named curve'],
    ['refused-two-keys.key', 'contains 2 private keys'],
    ['refused-rsa.key', 'contains an RSA 2048 key'],
    ['refused-ed25519.key', 'ed25519'],
    ['refused-secp256k1.key', '1.3.132.0.10'],
    ['refused-cut-off.key', 'contains a malformed PEM block'],
    ['refused-line-lost.key', 'cannot be decrypted: it is truncated'],
    ['root-p256.pem', 'is not a private key (found "CERTIFICATE")'],
  ])('%s is refused: %s', async (name, reason) => {
    const pem = await fixture(name)
    const said = await refusal(() => pemSigner(pem, name, { passphrase: PASSPHRASE }))
    expect(said).toMatch(/^ERR_BAD_KEY /)
    expect(said).toContain(reason)
  })

  test('another text is refused without quoting it', async () => {
    for (const text of ['', 'secret words']) {
      const said = await refusal(() => pemSigner(text, 'it'))
      expect(said).toBe('ERR_BAD_KEY it does not contain a private key.')
    }
    const block = '-----BEGIN PRIVATE KEY-----\nsecretwords\n-----END PRIVATE KEY-----\n'
    const said = await refusal(() => pemSigner(block, 'it'))
    expect(said).toBe('ERR_BAD_KEY it contains a private key that OpenSSL cannot read.')
  })

  test('yields the same import values in every format', async () => {
    const plain = (await openEcKey(await fixture('sec1-p256.key'), 'it')).material()
    for (const name of ['pkcs8-p256.key', 'text-openssl.key', ...ENCRYPTED]) {
      const passphrase = name.startsWith('encrypted') ? PASSPHRASE : null
      expect((await openEcKey(await fixture(name), name, { passphrase })).material()).toEqual(plain)
    }
    const words = ['ec', '-in', join(FIXTURES, 'sec1-p256.key'), '-noout', '-text']
    const hex = /priv:([\s\da-f:]+)pub:/.exec(await output('openssl', words))?.[1]?.replace(/[^\da-f]/g, '')
    expect(plain.scalar.toString('hex')).toBe(hex)
  })
})

describe('a certificate of another tool', () => {
  test.each(['root-crlf.pem', 'root-text.pem', 'root-text-crlf-bom.pem'])(
    '%s contains the expected certificate',
    async (name) => {
      const words = ['x509', '-in', join(FIXTURES, 'root-p256.pem'), '-noout', '-fingerprint', '-sha256']
      const { x509 } = readPemCertificate(await fixture(name), name)
      expect(await output('openssl', words)).toContain(x509.fingerprint256)
    },
  )

  test('in a file with a second one is refused', async () => {
    const pem = await fixture('refused-two-roots.pem')
    expect(await refusal(() => readPemCertificate(pem, 'it'))).toBe(
      'ERR_BAD_FILE it contains 2 PEM blocks; expected one.',
    )
  })
})
