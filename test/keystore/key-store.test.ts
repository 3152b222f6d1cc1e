import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { pkiDirectory } from '../../src/directory/pki-directory.js'
import { keyFiles } from '../../src/keystore/key-files.js'
import { keyStore, makeKey, requireMadeKey } from '../../src/keystore/key-store.js'
import { openTokenKeys } from '../../src/keystore/token-keys.js'
import { thisMachine } from '../../src/machine/index.js'
import { fingerprintOf } from '../../src/pki/fingerprint.js'
import { output, temporaryDirectory } from '../support/cli.js'
import { SILENT } from '../support/create-scene.js'
import { newSigner } from '../support/issue.js'
import { choiceOf, LOGIN, pkcs11Tool, softHsm } from '../support/token.js'

const ROOT = { kind: 'file', name: 'factory_ca.key' } as const
const PASSPHRASE = 'correct horse battery'

async function scene() {
  const path = join(await temporaryDirectory(), 'pki')
  const machine = { ...thisMachine(), passphraseRounds: 1000 }
  const directory = pkiDirectory(machine.files, path)
  await directory.make()
  const asked: string[] = []
  const passphrases = {
    forExisting: async (what: string) => {
      asked.push(what)
      return PASSPHRASE
    },
    forNew: async () => {
      asked.push('new')
      return PASSPHRASE
    },
  }
  return { path, directory, machine, passphrases, asked }
}

/** The public key that OpenSSL reads in a key file, as SubjectPublicKeyInfo in base64. */
async function opensslSpki(file: string, passphrase: string): Promise<string> {
  const words = ['pkey', '-in', file, '-passin', 'stdin', '-pubout']
  return (await output('openssl', words, { stdin: `${passphrase}\n` })).replace(/-----.*-----|\n/g, '')
}

describe('keys in files', () => {
  test('an encrypted key: OpenSSL opens it, and the store asks for its passphrase once', async () => {
    const { path, directory, machine, passphrases, asked } = await scene()
    await keyFiles(directory, machine, passphrases).make(ROOT, { encrypt: true })
    expect(asked).toEqual(['new'])
    const store = keyFiles(directory, machine, passphrases)
    const [first, second] = [await store.open(ROOT), await store.open(ROOT)]
    expect(asked).toEqual(['new', `${path}/factory_ca.key`])
    expect(second).toBe(first)
    const file = join(path, 'factory_ca.key')
    expect(await readFile(file, 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
    expect(await opensslSpki(file, PASSPHRASE)).toBe(Buffer.from(first.spki).toString('base64'))
  })

  test('without a passphrase nothing is written', async () => {
    const { path, directory, machine } = await scene()
    const made = keyFiles(directory, machine, undefined).make(ROOT, { encrypt: true })
    await expect(made).rejects.toMatchObject({ code: 'ERR_PASSPHRASE' })
    await expect(readFile(join(path, 'factory_ca.key'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('an existing key is not overwritten, and is kept if an interrupted run created it', async () => {
    const { path, directory, machine } = await scene()
    const store = keyStore(keyFiles(directory, machine, undefined), null)
    const fingerprint = await makeKey(store, ROOT, {}, false)
    const pem = await readFile(join(path, 'factory_ca.key'), 'utf8')
    await expect(makeKey(store, ROOT, {}, false)).rejects.toMatchObject({ code: 'ERR_EXISTS' })
    expect(await makeKey(store, ROOT, {}, true)).toBe(fingerprint)
    expect(await readFile(join(path, 'factory_ca.key'), 'utf8')).toBe(pem)
  })

  test('a key that was replaced after its creation is refused by name', async () => {
    const { directory, machine } = await scene()
    const store = keyStore(keyFiles(directory, machine, undefined), null)
    await store.make(ROOT, {})
    const other = fingerprintOf(newSigner().spki)
    await expect(requireMadeKey(store, ROOT, other)).rejects.toMatchObject({
      code: 'ERR_BAD_KEY',
      message: 'factory_ca.key is not the key that this command created.',
    })
  })
})

describe('keys in a token', () => {
  const NAME = { label: 'root-ca', id: '01' }

  test('a generated key is found again, and pkcs11-tool sees it', async () => {
    const token = await softHsm()
    const keys = await openTokenKeys(choiceOf(token), { ...SILENT, login: LOGIN })
    try {
      const ref = keys.refTo(NAME)
      expect(ref).toMatchObject({ kind: 'pkcs11', tokenLabel: token.label, keyLabel: 'root-ca', keyId: '01' })
      expect(await keys.exists(ref)).toBe(false)
      expect(await keys.recover(ref)).toBe(false)
      await keys.make(ref, { curve: 'P-384' })
      await expect(keys.make(ref, {})).rejects.toMatchObject({ code: 'ERR_EXISTS' })
      expect(keys.find({ label: null, id: null }, null)).toEqual(ref)
      expect((await keys.open(ref)).algorithm.curve).toBe('P-384')
      await expect(keys.open(ref, newSigner().spki)).rejects.toMatchObject({ code: 'ERR_HSM_KEY' })
    } finally {
      await keys.close()
    }
    expect(await pkcs11Tool(token, ['--list-objects', '--type', 'privkey'])).toContain('root-ca')
  })

  test('without a login there is no PIN to try', async () => {
    await expect(openTokenKeys(choiceOf(await softHsm()), SILENT)).rejects.toMatchObject({ code: 'ERR_HSM_PIN' })
  })

  test('a store without an open token takes a reference to one for a defect of its caller', async () => {
    const { directory, machine } = await scene()
    const store = keyStore(keyFiles(directory, machine, undefined), null)
    const place = { module: '/usr/lib/m.so', tokenLabel: 'a', tokenSerial: '1', keyLabel: 'root-ca', keyId: '01' }
    await expect(store.open({ kind: 'pkcs11', ...place })).rejects.toThrow('the token is not open')
  })
})
