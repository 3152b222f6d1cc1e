import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { embeddedFactoryOn, thisMachine } from '../../src/machine/index.js'
import { type CreatePkiOptions, createPki } from '../../src/operations/create/create-pki.js'
import { checkHsm } from '../../src/operations/hsm/check-hsm.js'
import { CKA, CKM, type CryptokiMaker } from '../../src/signer/pkcs11/cryptoki.js'
import { notLoaded } from '../../src/signer/pkcs11/module.js'
import { namesBelow } from '../cli/snapshot.js'
import { type Home, newHome, runProgram } from '../support/cli.js'
import { differing } from '../support/cryptoki.js'
import { withFpkiOnPath } from '../support/on-path.js'
import { choiceOf, homeWith, LOGIN, PIN, softHsm, type TestToken } from '../support/token.js'

const SILENT = { step: () => undefined, note: () => undefined, warn: () => undefined }

test.each([
  [
    'neither',
    [],
    ['CKM_EC_KEY_PAIR_GEN (to generate EC keys)', 'CKM_ECDSA or CKM_ECDSA_SHA256 (to sign with P-256 keys)'],
  ],
  ['no signatures', [CKM.ecKeyPairGen], ['CKM_ECDSA or CKM_ECDSA_SHA256 (to sign with P-256 keys)']],
])('hsm check names each missing mechanism, with a hint other than itself: %s', async (_, mechanisms, expected) => {
  const { make } = differing({ mechanisms })
  const missing: string[] = []
  const ports = {
    ...SILENT,
    ...thisMachine(),
    login: LOGIN,
    makeCryptoki: make,
    works: () => undefined,
    lacks: (text: string) => missing.push(text),
  }
  const error = await checkHsm({ hsm: choiceOf(await softHsm()), curve: 'P-256' }, ports).catch(
    (caught: unknown) => caught,
  )
  expect(missing).toEqual(expected)
  expect(error).toMatchObject({ code: 'ERR_HSM_KEY', hint: expect.not.stringContaining('hsm check') })
})

function optionsFor(home: Home, token: TestToken): CreatePkiOptions {
  const wanted = { directory: join(home.path, 'acme'), factory: 'acme', onlineCa: true, tlsNames: [] }
  return { ...wanted, root: { kind: 'new-token', hsm: choiceOf(token) }, localCa: { kind: 'file' } }
}

function portsOf(home: Home, makeCryptoki: CryptokiMaker) {
  const machine = thisMachine()
  const { signal } = new AbortController()
  const api = embeddedFactoryOn({ stateDirectory: home.state, factory: 'acme' }, { ...machine, signal })
  return { ...machine, api, progress: SILENT, signal, login: LOGIN, makeCryptoki }
}

test('ca create checks the mechanisms first, and leaves no directory', async () => {
  const home = await newHome()
  const { make, calls } = differing({ mechanisms: [CKM.ecKeyPairGen] })
  const created = createPki(optionsFor(home, await softHsm()), portsOf(home, make))
  await expect(created).rejects.toMatchObject({ code: 'ERR_HSM_KEY', message: expect.stringContaining('CKM_ECDSA') })
  expect(await namesBelow(home.path)).not.toContain('acme')
  expect(calls.at(-1)).toBe('C_Finalize')
})

test('if a token refuses to generate a key, the hsm check of the hint works as pasted', async () => {
  const token = await softHsm("acme's plant")
  const home = await homeWith(token)
  const { make } = differing({ refuses: [CKA.label] })
  const error = await createPki(optionsFor(home, token), portsOf(home, make)).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'ERR_HSM_KEY', hint: expect.stringContaining(`--hsm-module ${token.module} `) })
  const [, command = ''] = /`(.*)`/.exec(error instanceof FpkiError ? error.hint : '') ?? []
  expect(command).toContain("--hsm-token-label 'acme'\\''s plant' --hsm-token-serial ")
  expect(command).not.toContain(PIN)
  const env = { ...token.env, ...(await withFpkiOnPath(home)), FPKI_HSM_PIN: PIN }
  const { status, stdout, stderr } = await runProgram('sh', ['-c', command], { env })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toContain('This token supports a root key.')
})

test.each([
  ["Cannot find package 'pkcs11js' imported from /x/module.js", 'is not installed', 'npm install pkcs11js'],
  [
    "Cannot find module './build/Release/pkcs11.node'\nRequire stack:\n- /x/index.js",
    'pkcs11.node',
    'npm rebuild pkcs11js',
  ],
  [
    'was compiled against a different Node.js version using\nNODE_MODULE_VERSION 115',
    'VERSION 115',
    'npm rebuild pkcs11js',
  ],
])('a pkcs11js that does not load: %s', (text, reason, command) => {
  const error = notLoaded(text)
  expect(error).toBeInstanceOf(FpkiError)
  expect(error.message).toContain(reason)
  for (const words of [command, 'apt-get install build-essential python3', 'Node headers'])
    expect(error.hint).toContain(words)
  expect(`${error.message}${error.hint}`).not.toMatch(/\n|Require stack/)
})
