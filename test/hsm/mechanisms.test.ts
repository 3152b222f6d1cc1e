import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { embeddedFactoryOn, thisMachine } from '../../src/machine.js'
import { checkHsm } from '../../src/operations/check-hsm.js'
import { createPki } from '../../src/operations/create-pki.js'
import { CKM } from '../../src/signer/pkcs11/cryptoki.js'
import { notLoaded } from '../../src/signer/pkcs11/module.js'
import { namesBelow } from '../cli/snapshot.js'
import { newHome } from '../support/cli.js'
import { differing } from '../support/cryptoki.js'
import { choiceOf, softHsm } from '../support/token.js'

const SILENT = { step: () => undefined, note: () => undefined, warn: () => undefined }

test.each([
  [
    'neither',
    [],
    ['CKM_EC_KEY_PAIR_GEN, which makes EC keys', 'CKM_ECDSA or CKM_ECDSA_SHA256, which sign with a P-256 key'],
  ],
  ['no signatures', [CKM.ecKeyPairGen], ['CKM_ECDSA or CKM_ECDSA_SHA256, which sign with a P-256 key']],
])(
  'hsm check names each mechanism that is missing, and advises something else: %s',
  async (_, mechanisms, expected) => {
    const { make } = differing({ mechanisms })
    const missing: string[] = []
    const ports = {
      ...SILENT,
      ...thisMachine(),
      makeCryptoki: make,
      works: () => undefined,
      lacks: (text: string) => missing.push(text),
    }
    const error = await checkHsm(choiceOf(await softHsm()), 'P-256', ports).catch((caught: unknown) => caught)
    expect(missing).toEqual(expected)
    expect(error).toMatchObject({ code: 'ERR_HSM_KEY', hint: expect.not.stringContaining('hsm check') })
  },
)

test('ca create looks at the mechanisms first, and leaves no directory', async () => {
  const home = await newHome()
  const machine = thisMachine()
  const { signal } = new AbortController()
  const api = embeddedFactoryOn(machine, { stateDirectory: home.state, factory: 'acme' }, signal)
  const options = { directory: join(home.path, 'acme'), factory: 'acme', onlineCa: true, localCa: true, tlsNames: [] }
  const { make, calls } = differing({ mechanisms: [CKM.ecKeyPairGen] })
  const ports = { ...machine, api, progress: SILENT, signal, makeCryptoki: make }
  const created = createPki({ ...options, hsm: choiceOf(await softHsm()) }, ports)
  await expect(created).rejects.toMatchObject({ code: 'ERR_HSM_KEY', message: expect.stringContaining('CKM_ECDSA') })
  expect(await namesBelow(home.path)).not.toContain('acme')
  expect(calls.at(-1)).toBe('C_Finalize')
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
