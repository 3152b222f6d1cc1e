import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { pkiDirectory } from '../../src/directory/pki-directory.js'
import { rootSignerOf } from '../../src/keystore/root-key.js'
import { thisMachine } from '../../src/machine/index.js'
import { importRoot, importRootResult } from '../../src/operations/hsm/import-root.js'
import { statement } from '../../src/pki/statement.js'
import { copiedPki, madePki, x509 } from '../cli/made.js'
import { snapshot } from '../cli/snapshot.js'
import { output } from '../support/cli.js'
import { differing } from '../support/cryptoki.js'
import { choiceOf, LOGIN, PIN, pkcs11Tool, softHsm, TOKENS } from '../support/token.js'

const SILENT = { step: () => undefined, note: () => undefined, warn: () => undefined }
const { signal } = new AbortController()

describe.each(TOKENS)('ca import-root into %s', (_, newToken) => {
  test('imports the key, tests it, and removes the file only on request', async () => {
    const token = await newToken()
    const { home, directory, path } = await madePki()
    const start = { env: { ...token.env, FPKI_HSM_PIN: PIN } }
    const words = ['ca', 'import-root', directory, ...token.flags, '--json']
    const first = await home.fpki(words, start)
    expect({ status: first.status, stderr: first.status === 0 ? '' : first.stderr }).toEqual({ status: 0, stderr: '' })
    expect(importRootResult.parse(JSON.parse(first.stdout))).toMatchObject({ factory: 'acme', keyFileRemoved: false })
    expect(existsSync(path('factory_ca.key'))).toBe(true)
    const second = await home.fpki([...words, '--remove-key'], start)
    expect(JSON.parse(second.stdout)).toMatchObject({ keyFileRemoved: true, rootKey: { tokenLabel: token.label } })
    expect(existsSync(path('factory_ca.key'))).toBe(false)
    const third = await home.fpki([...words, '--remove-key'], start)
    expect(third.status).toBe(3)
    expect(JSON.parse(third.stdout)).toMatchObject({ error: { code: 'ERR_EXISTS' } })
  })

  test('the key signs in the token, found from the records of the directory', async () => {
    const token = await newToken()
    const { directory } = await madePki()
    const { files } = thisMachine()
    const hsm = choiceOf(token)
    await importRoot(
      { directory, hsm, removeKey: true, api: 'x' },
      { ...thisMachine(), files, progress: SILENT, signal, login: LOGIN },
    )
    const access = { root: { kind: 'recorded', module: null }, login: LOGIN, ...SILENT } as const
    const signer = rootSignerOf(pkiDirectory(files, directory), access)
    const { spki: publicKey, sign } = await signer.open()
    const spki = Buffer.from(publicKey).toString('base64').replace(/.{64}/g, '$&\n').trim()
    expect(await x509(join(directory, 'factory_ca.pem'), '-pubkey')).toContain(spki)
    expect((await sign(statement('a message'))).length).toBeGreaterThan(60)
    await signer.close()
  })
})

test('the imported key is sensitive and not extractable, as pkcs11-tool sees it', async () => {
  const token = await softHsm()
  const { directory } = await copiedPki()
  const { files } = thisMachine()
  await importRoot(
    { directory, hsm: choiceOf(token), removeKey: false, api: 'x' },
    { ...thisMachine(), files, progress: SILENT, signal, login: LOGIN },
  )
  const [, key = ''] = (await pkcs11Tool(token, ['-O', '--type', 'privkey'])).split('Private Key Object; EC')
  expect(key).toMatch(/Usage: +sign\n +Access: +sensitive\s*$/)
})

test('another key under the label is refused, and the file stays', async () => {
  const token = await softHsm()
  await pkcs11Tool(token, ['--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'root-ca', '--id', '01'])
  const { home, directory, path } = await copiedPki()
  const before = await snapshot(directory)
  const words = ['ca', 'import-root', directory, ...token.flags, '--remove-key']
  const { status, stderr } = await home.fpki(words, { env: { ...token.env, FPKI_HSM_PIN: PIN } })
  expect({ status, code: /\[(\w+)\]/.exec(stderr)?.[1] }).toEqual({ status: 3, code: 'ERR_EXISTS' })
  expect(await snapshot(directory)).toEqual(before)
  expect(existsSync(path('factory_ca.key'))).toBe(true)
})

test('a key file that is not the certificate’s is not imported', async () => {
  const token = await softHsm()
  const [one, other] = [await copiedPki(), await madePki()]
  const { files } = thisMachine()
  await files.remove(one.path('factory_ca.key'))
  await files.create(one.path('factory_ca.key'), await other.text('factory_ca.key'), 0o400)
  const options = { directory: one.directory, hsm: choiceOf(token), removeKey: true, api: 'x' }
  await expect(
    importRoot(options, { ...thisMachine(), files, progress: SILENT, signal, login: LOGIN }),
  ).rejects.toMatchObject({
    code: 'ERR_BAD_KEY',
  })
  expect(await pkcs11Tool(token, ['-O'])).not.toContain('root-ca')
})

test('a token with wrong signatures: the file stays, and the directory still records it', async () => {
  const { directory, path } = await copiedPki()
  const state = await readFile(path('.fpki/state.json'), 'utf8')
  const { files } = thisMachine()
  const wrong = differing({ signature: (raw) => Buffer.from(raw).reverse() })
  const options = { directory, hsm: choiceOf(await softHsm()), removeKey: true, api: 'x' }
  const imported = importRoot(options, {
    ...thisMachine(),
    files,
    progress: SILENT,
    signal,
    login: LOGIN,
    makeCryptoki: wrong.make,
  })
  await expect(imported).rejects.toMatchObject({ code: 'ERR_SIGNATURE' })
  expect(existsSync(path('factory_ca.key'))).toBe(true)
  expect(await readFile(path('.fpki/state.json'), 'utf8')).toBe(state)
})

test('a key that the vendor’s tool has imported is adopted', async () => {
  const token = await softHsm()
  const { home, directory, path } = await copiedPki()
  const pkcs8 = join(home.path, 'root.p8')
  await output('openssl', ['pkcs8', '-topk8', '-nocrypt', '-in', path('factory_ca.key'), '-out', pkcs8])
  const where = ['--token', token.label, '--label', 'Private key for Digital Signature', '--id', '0002', '--pin', PIN]
  await output('softhsm2-util', ['--import', pkcs8, ...where], { env: token.env })
  const uri = 'pkcs11:token=acme;object=Private%20key%20for%20Digital%20Signature;id=%00%02'
  const words = [
    'ca',
    'import-root',
    directory,
    '--json',
    '--hsm-module',
    token.module,
    '--hsm-uri',
    uri,
    '--remove-key',
  ]
  const { status, stdout } = await home.fpki(words, { env: { ...token.env, FPKI_HSM_PIN: PIN } })
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ keyFileRemoved: true, rootKey: { keyId: '0002' } })
})
