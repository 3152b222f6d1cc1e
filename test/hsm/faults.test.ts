import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { embeddedFactoryOn, thisMachine } from '../../src/machine/index.js'
import { type CreatePkiOptions, createPki } from '../../src/operations/create/create-pki.js'
import type { HsmChoice } from '../../src/ports.js'
import { interruptedCreate } from '../cli/interruption.js'
import { expectRefusal, expectWords } from '../cli/refusal.js'
import { namesBelow } from '../cli/snapshot.js'
import { newHome, output, temporaryDirectory } from '../support/cli.js'
import { differing } from '../support/cryptoki.js'
import {
  choiceOf,
  homeWith,
  LOGIN,
  pkcs11Tool,
  SOFTHSM,
  softHsm,
  softHsmFolder,
  type TestToken,
} from '../support/token.js'

async function scene(token: TestToken) {
  const home = await homeWith(token)
  return { home, create: ['ca', 'create', join(home.path, 'acme'), ...token.flags] }
}

/** `create` with the flags of another module or token. */
async function createWith(module: string, label: string, token?: TestToken) {
  const { home } = await scene(token ?? (await softHsm()))
  return { home, create: ['ca', 'create', join(home.path, 'acme'), '--hsm-module', module, '--hsm-token-label', label] }
}

describe('the module', () => {
  test('does not exist', async () => {
    const { home, create } = await createWith('/nowhere/libsofthsm2.so', 'acme')
    const names = ['/nowhere/libsofthsm2.so', 'no such file']
    await expectRefusal(home, create, { status: 5, code: 'ERR_HSM_MODULE', names })
  })

  test('is a library, but not a PKCS#11 module', async () => {
    const library = (await output('sh', ['-c', 'ls /usr/lib/*-linux-gnu/libz.so.1 /lib/*-linux-gnu/libc.so.6'])).split(
      '\n',
    )[0]
    const { home, create } = await createWith(library ?? '', 'acme')
    await expectRefusal(home, create, { status: 5, code: 'ERR_HSM_MODULE', names: ['not a PKCS#11 module'] })
  })

  test('is not a library', async () => {
    const text = join(await temporaryDirectory(), 'module.so')
    await writeFile(text, 'no library')
    const { home, create } = await createWith(text, 'acme')
    await expectRefusal(home, create, { status: 5, code: 'ERR_HSM_MODULE', names: ['module.so', 'hsm list'] })
  })

  test('has a configuration that cannot be read', async () => {
    const { home, create } = await scene(await softHsm())
    const start = { env: { SOFTHSM2_CONF: join(home.path, 'nowhere.conf') } }
    await expectRefusal(
      home,
      create,
      { status: 5, code: 'ERR_HSM_MODULE', names: ['Cannot initialize the PKCS#11 module', 'CKR_'] },
      start,
    )
  })
})

describe('the token', () => {
  test('is missing: the present ones are listed by label, model and serial', async () => {
    const { home, create } = await createWith(SOFTHSM, 'nope', await softHsm('plant'))
    const names = ['No token labelled "nope"', '"plant" (SoftHSM v2, serial ']
    await expectRefusal(home, create, { status: 5, code: 'ERR_HSM_TOKEN', names })
  })

  test('is missing, and there is no other', async () => {
    const { env } = await softHsmFolder()
    const { home, create } = await createWith(SOFTHSM, 'acme')
    await expectRefusal(home, create, { status: 5, code: 'ERR_HSM_TOKEN', names: ['has no tokens'] }, { env })
  })

  test('is one of two with the same label: both are shown, and --hsm-token-serial tells them apart', async () => {
    const place = await softHsmFolder()
    const token = await softHsm('acme', place)
    await softHsm('acme', place)
    const { home, create } = await scene(token)
    await expectRefusal(home, create, { status: 5, code: 'ERR_HSM_TOKEN', names: ['2 tokens', '--hsm-token-serial'] })
    const listed = await home.fpki(['hsm', 'list', '--json', '--hsm-module', SOFTHSM])
    const [serial, other] = serialsOf(listed.stdout)
    expect(serial).not.toBe(other)
    expect((await home.fpki([...create, '--quiet', '--hsm-token-serial', serial ?? ''])).status).toBe(0)
  })

  test('is selected by a prefix of its label, with a note', async () => {
    const { home, create } = await createWith(SOFTHSM, 'acme', await softHsm('acme (UserPIN)'))
    const { status, stderr } = await home.fpki(create)
    expect(status).toBe(0)
    expect(stderr).toContain('note: using the token "acme (UserPIN)"')
  })

  test('has a label that is a prefix of another label: the exact match is selected', async () => {
    const place = await softHsmFolder()
    await softHsm('acme-2', place)
    const { home, create } = await scene(await softHsm('acme', place))
    const { status, stderr } = await home.fpki(create)
    expect({ status, note: stderr.includes('using the token') }).toEqual({ status: 0, note: false })
  })

  test('matches a prefix that two labels share: both are shown', async () => {
    const place = await softHsmFolder()
    const token = await softHsm('acme-1', place)
    await softHsm('acme-2', place)
    const { home, create } = await createWith(SOFTHSM, 'acme', token)
    await expectRefusal(home, create, { status: 5, code: 'ERR_HSM_TOKEN', names: ['"acme-1"', '"acme-2"'] })
  })

  test('was removed in between: nothing is lost, and it is found again', async () => {
    const token = await softHsm()
    const { home, create } = await scene(token)
    await interruptedCreate(home, join(home.path, 'acme'), token.flags)
    await rename(token.folder, `${token.folder}-away`)
    const { status, stderr } = await home.fpki(create)
    expect({ status, code: /\[(\w+)\]/.exec(stderr)?.[1] }).toEqual({
      status: 5,
      code: expect.stringMatching(/^ERR_HSM_/),
    })
    await rename(`${token.folder}-away`, token.folder)
    expect((await home.fpki([...create, '--quiet'])).status).toBe(0)
  })
})

async function deleteKeys(token: TestToken): Promise<void> {
  for (const type of ['privkey', 'pubkey']) {
    await pkcs11Tool(token, ['--delete-object', '--type', type, '--label', 'root-ca'])
  }
}

describe('the key', () => {
  test('is missing when the command is resumed', async () => {
    const token = await softHsm()
    const { home, create } = await scene(token)
    await interruptedCreate(home, join(home.path, 'acme'), token.flags)
    await deleteKeys(token)
    expectWords(await home.fpki(create), {
      status: 5,
      code: 'ERR_HSM_KEY',
      names: ['no private key labelled "root-ca"'],
    })
  })

  test('is of another type', async () => {
    const token = await softHsm()
    const { home, create } = await scene(token)
    await interruptedCreate(home, join(home.path, 'acme'), token.flags)
    await deleteKeys(token)
    await pkcs11Tool(token, ['--keypairgen', '--key-type', 'rsa:2048', '--label', 'root-ca', '--id', '01'])
    expectWords(await home.fpki(create), { status: 5, code: 'ERR_HSM_KEY', names: ['is not an EC key'] })
  })

  test('is not the one that the interrupted run created', async () => {
    const token = await softHsm()
    const { home, create } = await scene(token)
    await interruptedCreate(home, join(home.path, 'acme'), token.flags)
    await deleteKeys(token)
    await pkcs11Tool(token, ['--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'root-ca', '--id', '01'])
    expectWords(await home.fpki(create), { status: 6, code: 'ERR_BAD_KEY', names: ['"root-ca" in the token'] })
  })

  test('exists twice: create resumes with the one that it created', async () => {
    const token = await softHsm()
    const { home, create } = await scene(token)
    await interruptedCreate(home, join(home.path, 'acme'), token.flags)
    await pkcs11Tool(token, ['--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'root-ca', '--id', '31'])
    expect((await home.fpki([...create, '--quiet'])).status).toBe(0)
  })

  test('already exists, with any id', async () => {
    const token = await softHsm()
    const { home, create } = await scene(token)
    await pkcs11Tool(token, ['--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'root-ca', '--id', '07'])
    await expectRefusal(home, create, { status: 3, code: 'ERR_EXISTS', names: ['root-ca'] })
  })

  test('has another name with a URI', async () => {
    const token = await softHsm()
    const { home } = await scene(token)
    const uri = `pkcs11:token=acme;object=my%20root;id=%07?module-path=${SOFTHSM}`
    const create = ['ca', 'create', join(home.path, 'acme'), '--quiet', '--hsm-uri', uri]
    expect((await home.fpki(create)).status).toBe(0)
    expect(await pkcs11Tool(token, ['-O'])).toMatch(/label: +my root\n +ID: +07/)
  })
})

test('a signature that does not verify: no certificate is written, and nothing is uploaded', async () => {
  const choice = choiceOf(await softHsm())
  const home = await newHome()
  const machine = thisMachine()
  const { signal } = new AbortController()
  const api = embeddedFactoryOn({ stateDirectory: home.state, factory: 'acme' }, { ...machine, signal })
  const directory = join(home.path, 'acme')
  const options = optionsIn(directory, choice)
  const progress = { step: () => undefined, note: () => undefined, warn: () => undefined }
  const wrong = differing({ signature: (raw) => Buffer.from(raw.map((octet, at) => (at === 5 ? octet ^ 1 : octet))) })
  const ports = { ...machine, api, progress, signal, login: LOGIN, makeCryptoki: wrong.make }
  await expect(createPki(options, ports)).rejects.toMatchObject({ code: 'ERR_SIGNATURE' })
  expect((await namesBelow(directory)).filter((name) => !name.startsWith('.fpki'))).toEqual(['local-ca.key'])
  expect(await api.getCertificates()).toBeNull()
  expect(wrong.calls.at(-1)).toBe('C_Finalize')
})

test('an interrupted command logs out and closes the module', async () => {
  const choice = choiceOf(await softHsm())
  const home = await newHome()
  const machine = thisMachine()
  const stop = new AbortController()
  const api = embeddedFactoryOn({ stateDirectory: home.state, factory: 'acme' }, { ...machine, signal: stop.signal })
  const directory = join(home.path, 'acme')
  const options = optionsIn(directory, choice)
  const reason = new FpkiError('ERR_SIGINT', 'Stopped.', '')
  const step = (text: string) => text.includes('certificates') && stop.abort(reason)
  const progress = { ...TALK, step }
  const { make, calls } = differing()
  const ports = { ...machine, api, progress, signal: stop.signal, login: LOGIN, makeCryptoki: make }
  await expect(createPki(options, ports)).rejects.toBe(reason)
  expect(calls.slice(-3)).toEqual(['C_Logout', 'C_CloseSession', 'C_Finalize'])
})

function optionsIn(directory: string, hsm: HsmChoice): CreatePkiOptions {
  const wanted = { directory, factory: 'acme', onlineCa: true, tlsNames: [] }
  return { ...wanted, root: { kind: 'new-token', hsm }, localCa: { kind: 'file' } }
}

const TALK = { note: () => undefined, warn: () => undefined }

function serialsOf(listed: string): readonly string[] {
  const { modules }: { modules: { tokens: { label: string; serial: string }[] }[] } = JSON.parse(listed)
  return modules.flatMap(({ tokens }) => tokens).flatMap(({ label, serial }) => (label === 'acme' ? [serial] : []))
}
