import { describe, expect, test } from 'vitest'
import { deriveKey, MAX_ROUNDS } from '../../src/containers/key-derivation.js'
import { thisMachine } from '../../src/machine/index.js'
import { der, objectIdentifier, octetString, sequence } from '../../src/pki/der-write.js'
import { type OidName, oid } from '../../src/pki/oids.js'
import { encodePem } from '../../src/pki/pem.js'
import { pemSigner } from '../../src/signer/file.js'
import { output } from '../support/cli.js'
import { encryptedPem, encryptedPkcs8, partsOf, pbes2Pem } from '../support/damaged-key.js'

const PASSPHRASE = 'correct horse'
const SALT = octetString(Buffer.alloc(16, 1))
/** The content of an INTEGER in hex, as it stands. */
const int = (hex: string) => der(2, Buffer.from(hex, 'hex'))
const prf = (name: OidName) => sequence(objectIdentifier(oid(name)), der(5))
const SHA256 = prf('hmacWithSHA256')

const HOSTILE: readonly (readonly [string, string, string])[] = [
  ...(
    [
      ['2^31-1 rounds', [SALT, int('7fffffff'), SHA256], 'iteration count is above the limit'],
      ['2^64 rounds', [SALT, int('010000000000000000'), SHA256], 'iteration count is above the limit'],
      ['one round more than permitted', [SALT, int('00989681'), SHA256], 'iteration count is above the limit'],
      ['no rounds', [SALT, int('00'), SHA256], 'iteration count is below the limit'],
      ['negative rounds', [SALT, int('ff'), SHA256], 'iteration count is below the limit'],
      ['rounds in BER', [SALT, int('00000800'), SHA256], 'not valid DER'],
      ['rounds without octets', [SALT, int(''), SHA256], 'not valid DER'],
      ['an empty salt', [octetString(Buffer.alloc(0)), int('0800'), SHA256], 'salt has 0 octets'],
      ['a salt of 20,000 octets', [octetString(Buffer.alloc(20_000)), int('0800'), SHA256], 'salt has 20000 octets'],
      ['a salt elsewhere', [sequence(), int('0800'), SHA256], 'octetString'],
      ['a key length of 2^31-1', [SALT, int('0800'), int('7fffffff'), SHA256], 'key length'],
      ['an unknown hash', [SALT, int('0800'), prf('SHA-256')], 'pseudorandom function'],
      ['no members', [], 'unexpected number of members'],
    ] as const
  ).map(([name, parameters, reason]) => [`PBKDF2 with ${name}`, pbes2Pem('PBKDF2', parameters), reason] as const),
  ...(
    [
      ['N = 2^30', [SALT, int('40000000'), int('08'), int('01')], 'N is above the limit'],
      ['N = 2^21, r = 8', [SALT, int('200000'), int('08'), int('01')], 'is above the limit'],
      ['much memory', [SALT, int('040000'), int('08'), int('01')], 'is above the limit'],
      ['a large r', [SALT, int('4000'), int('0800'), int('01')], 'is above the limit'],
      ['r = 2^31-1', [SALT, int('02'), int('7fffffff'), int('01')], 'r is above the limit'],
      ['a large p', [SALT, int('02'), int('08'), int('100000')], 'is above the limit'],
      ['p = 2^31-1', [SALT, int('02'), int('01'), int('7fffffff')], 'p is above the limit'],
      ['N = 0', [SALT, int('00'), int('08'), int('01')], 'N is below the limit'],
      ['N = 1', [SALT, int('01'), int('08'), int('01')], 'not a power of 2'],
      ['N = 3', [SALT, int('03'), int('08'), int('01')], 'not a power of 2'],
      ['a negative N', [SALT, int('80'), int('08'), int('01')], 'N is below the limit'],
      ['r = 0', [SALT, int('4000'), int('00'), int('01')], 'r is below the limit'],
      ['p = 0', [SALT, int('4000'), int('08'), int('00')], 'p is below the limit'],
      ['a negative p', [SALT, int('4000'), int('08'), int('ff')], 'p is below the limit'],
      ['an empty salt', [octetString(Buffer.alloc(0)), int('4000'), int('08'), int('01')], 'salt has 0 octets'],
    ] as const
  ).map(([name, parameters, reason]) => [`scrypt with ${name}`, pbes2Pem('scrypt', parameters), reason] as const),
]

describe('an encrypted key whose derivation is', () => {
  test.each(HOSTILE)('%s is refused before derivation', async (_, pem, reason) => {
    const opened = pemSigner(pem, 'it', { passphrase: PASSPHRASE })
    await expect(opened).rejects.toMatchObject({
      code: 'ERR_BAD_KEY',
      message: expect.stringMatching(new RegExp(`^it cannot be decrypted: .*${reason}`)),
    })
    // Not even the passphrase is asked for.
    await expect(pemSigner(pem, 'it')).rejects.toMatchObject({ code: 'ERR_BAD_KEY' })
  })

  test.each([
    ['PBES1', ['-v1', 'PBE-MD5-DES', '-provider', 'legacy', '-provider', 'default']],
    ['PKCS#12', ['-v1', 'PBE-SHA1-3DES']],
  ])('%s with many rounds is refused', async (_, words) => {
    const key = thisMachine().random.ecPrivateKey('P-256').pem
    const all = ['pkcs8', '-topk8', '-passout', `pass:${PASSPHRASE}`, '-iter', '200001', ...words]
    const pem = await output('openssl', all, { stdin: key })
    await expect(pemSigner(pem, 'it', { passphrase: PASSPHRASE })).rejects.toMatchObject({
      code: 'ERR_BAD_KEY',
      message: expect.stringContaining('iteration count is above the limit'),
    })
  })
})

describe('an encrypted key of OpenSSL', () => {
  test.each([
    ...['aes128', 'aes192', 'aes256', 'des3'].map((cipher) => [cipher, ['-v2', cipher]] as const),
    ...['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512'].map(
      (hash) => [hash, ['-v2', 'aes256', '-v2prf', `hmacWith${hash}`]] as const,
    ),
    ['scrypt, N = 2^14', ['-scrypt']],
    ['scrypt, p = 16', ['-scrypt', '-scrypt_N', '4096', '-scrypt_p', '16']],
    ['100,000 rounds of PBES1', ['-v1', 'PBE-SHA1-3DES', '-iter', '100000']],
  ] as const)('with %s opens', async (_, words) => {
    const key = thisMachine().random.ecPrivateKey('P-384').pem
    const pem = await output('openssl', ['pkcs8', '-topk8', '-passout', `pass:${PASSPHRASE}`, ...words], { stdin: key })
    const { spki: publicKey } = await pemSigner(pem, 'it', { passphrase: PASSPHRASE })
    const spki = await output('openssl', ['pkey', '-pubout'], { stdin: key })
    expect(spki.replace(/-----.*-----|\n/g, '')).toBe(Buffer.from(publicKey).toString('base64'))
  })
})

test('the longest permitted derivation stops immediately when aborted', async () => {
  const controller = new AbortController()
  const derivation = { kind: 'PBKDF2', salt: Buffer.alloc(16), rounds: MAX_ROUNDS, hash: 'sha256' } as const
  const derived = deriveKey(derivation, PASSPHRASE, 32, controller.signal)
  // Meanwhile the process does other work.
  const key = encryptedPem(partsOf(thisMachine().random.ecPrivateKey('P-256').pem), PASSPHRASE, 1)
  await pemSigner(key, 'it', { passphrase: PASSPHRASE })
  controller.abort(new Error('stopped'))
  await expect(derived).rejects.toThrow('stopped')
})

/** A DSA key in PKCS#8 whose numbers are this long: OpenSSL computes its public half, g to the power of x, while it reads. */
function dsaKey(bits: number): Uint8Array {
  const number = () => der(2, Buffer.alloc(bits / 8, 0x5b))
  const algorithm = sequence(objectIdentifier('1.2.840.10040.4.1'), sequence(number(), number(), number()))
  return sequence(der(2, Buffer.of(0)), algorithm, octetString(number()))
}

describe('a private key of a type that takes minutes to parse', () => {
  test.each([
    ['not encrypted', encodePem('PRIVATE KEY', dsaKey(80_000))],
    ['encrypted', encryptedPkcs8(dsaKey(80_000), PASSPHRASE)],
  ])('%s, is refused before OpenSSL parses it', async (_, pem) => {
    await expect(pemSigner(pem, 'it', { passphrase: PASSPHRASE })).rejects.toMatchObject({
      code: 'ERR_BAD_KEY',
      message: 'it contains a private key of an unsupported type (1.2.840.10040.4.1).',
    })
  })

  test.each([
    ['DSA', ['dsaparam', '-genkey', '1024']],
    ['DH', ['genpkey', '-algorithm', 'DH', '-pkeyopt', 'group:ffdhe2048']],
    ['X25519', ['genpkey', '-algorithm', 'X25519']],
  ])('%s, is refused even when generated by OpenSSL', async (_, words) => {
    const made = await output('openssl', words)
    const pem = await output('openssl', ['pkcs8', '-topk8', '-nocrypt'], { stdin: made })
    await expect(pemSigner(pem, 'it')).rejects.toMatchObject({
      code: 'ERR_BAD_KEY',
      message: expect.stringContaining('of an unsupported type'),
    })
  })
})

test('base64 that OpenSSL would decode differently is refused', async () => {
  const key = thisMachine().random.ecPrivateKey('P-256').pem
  const pem = await output('openssl', ['pkcs8', '-topk8', '-passout', `pass:${PASSPHRASE}`], { stdin: key })
  const broken = pem.replace(/(?<=KEY-----\n.{10})/, '!')
  await expect(pemSigner(broken, 'it', { passphrase: PASSPHRASE })).rejects.toMatchObject({
    code: 'ERR_BAD_KEY',
    message: 'it cannot be decrypted: its base64 is invalid.',
  })
})
