import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkNewPassphrase, encryptKey } from '../../src/containers/pkcs8.js'
import { thisMachine } from '../../src/machine/index.js'
import { pemSigner } from '../../src/signer/file.js'
import { output, runProgram, temporaryDirectory } from '../support/cli.js'

const machine = thisMachine()
const { random } = machine
const QUICK = { random, passphraseRounds: 1000 }

describe('encryptKey', () => {
  test.each([
    ['P-256', 'correct horse battery'],
    ['P-521', 'pässwörd – 密码 🔑'],
  ] as const)(
    'encrypts a key on %s so that OpenSSL decrypts it with the passphrase, and no other',
    async (curve, passphrase) => {
      const pem = random.ecPrivateKey(curve).pem
      const encrypted = join(await temporaryDirectory(), 'encrypted.key')
      await writeFile(encrypted, encryptKey(pem, passphrase, QUICK))
      const words = ['pkey', '-in', encrypted, '-passin', 'stdin']
      const opened = await output('openssl', words, { stdin: `${passphrase}\n` })
      expect(opened).toBe(await output('openssl', ['pkey'], { stdin: pem }))
      expect((await runProgram('openssl', words, { stdin: `${passphrase}x\n` })).status).not.toBe(0)
    },
  )

  test('uses PBES2 with AES-256 and 600,000 rounds of PBKDF2 with SHA-256 according to OpenSSL', async () => {
    const pem = encryptKey(random.ecPrivateKey('P-256').pem, 'correct horse', machine)
    const structure = await output('openssl', ['asn1parse'], { stdin: pem })
    for (const part of ['PBES2', 'PBKDF2', 'hmacWithSHA256', 'aes-256-cbc', 'INTEGER           :0927C0']) {
      expect(structure).toContain(part)
    }
    expect(0x0927c0).toBe(600_000)
  })

  test('uses a new salt and IV each time', () => {
    const pem = random.ecPrivateKey('P-256').pem
    expect(encryptKey(pem, 'correct horse', QUICK)).not.toBe(encryptKey(pem, 'correct horse', QUICK))
  })

  test('can be opened by fpki', async () => {
    const pem = random.ecPrivateKey('P-384').pem
    const encrypted = encryptKey(pem, 'correct horse', QUICK)
    const { spki: publicKey } = await pemSigner(encrypted, 'it', { passphrase: 'correct horse' })
    const spki = await output('openssl', ['pkey', '-pubout'], { stdin: pem })
    expect(spki.replace(/-----.*-----|\n/g, '')).toBe(Buffer.from(publicKey).toString('base64'))
  })
})

describe('a new passphrase', () => {
  test.each(['12345678', 'ääääääää', '🔑🔑🔑🔑🔑🔑🔑🔑', 'x'.repeat(1000)])('may be %s', (passphrase) => {
    expect(checkNewPassphrase(passphrase)).toBe(passphrase)
  })

  test.each(['', '1234567', '🔑🔑🔑🔑', 'x'.repeat(1001), 'ä'.repeat(501)])(
    'may not be %s, and is not quoted',
    (passphrase) => {
      const error = expect.objectContaining({ code: 'ERR_PASSPHRASE' })
      expect(() => checkNewPassphrase(passphrase)).toThrow(error)
      if (passphrase === '') return
      expect(() => checkNewPassphrase(passphrase)).not.toThrow(passphrase)
    },
  )
})
