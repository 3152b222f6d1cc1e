import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { pkiDirectory } from '../../src/directory/pki-directory.js'
import { rootSignerOf } from '../../src/keystore/root-key.js'
import { embeddedFactoryOn, thisMachine } from '../../src/machine/index.js'
import { createPki } from '../../src/operations/create/create-pki.js'
import { durableFiles } from '../../src/storage/files.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'
import { type Ended, homeAt, newHome, output, QUICK_FPKI, runProgram, temporaryDirectory } from '../support/cli.js'
import { filesBelow } from '../support/files.js'
import { type Answer, answering } from '../support/terminal.js'
import { createUpTo, holdFactory } from './interruption.js'
import { x509 } from './made.js'
import { expectRefusal } from './refusal.js'
import { found, secretForms } from './secret-forms.js'
import { namesBelow, snapshot } from './snapshot.js'

/** Nothing else in the tests has these letters. */
const PASSPHRASE = 'zebra quokka vole'
const IN_ENVIRONMENT = { env: { FPKI_PASSPHRASE: PASSPHRASE } }
const SILENT = { step: () => undefined, note: () => undefined, warn: () => undefined }
const { signal } = new AbortController()

/** A home, and the words of a `ca create --encrypt-keys` in it. */
async function scene() {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  return { home, directory, create: ['ca', 'create', directory, '--encrypt-keys'] }
}

/** What OpenSSL says the public key of an encrypted key file is. */
function publicKeyOf(directory: string, name: string): Promise<string> {
  const words = ['pkey', '-in', join(directory, name), '-passin', 'stdin', '-pubout']
  return output('openssl', words, { stdin: `${PASSPHRASE}\n` })
}

async function expectEncrypted(directory: string): Promise<void> {
  for (const [key, certificate] of [
    ['factory_ca.key', 'factory_ca.pem'],
    ['local-ca.key', 'local-ca.pem'],
  ] as const) {
    expect(await readFile(join(directory, key), 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
    const certified = await x509(join(directory, certificate), '-pubkey')
    expect((await publicKeyOf(directory, key)).trim()).toBe(certified)
  }
}

describe('the passphrase', () => {
  test.each([
    ['--passphrase-file', (file: string) => ({ flags: ['--passphrase-file', file] })],
    ['stdin', () => ({ flags: ['--passphrase-file', '-'], start: { stdin: `${PASSPHRASE}\n` } })],
    ['Windows', () => ({ flags: ['--passphrase-file', '-'], start: { stdin: `${PASSPHRASE}\r\n` } })],
    ['the environment', () => ({ flags: [], start: IN_ENVIRONMENT })],
    [
      'the file before the environment',
      (file: string) => ({ flags: ['--passphrase-file', file], start: { env: { FPKI_PASSPHRASE: 'another one' } } }),
    ],
  ])('from %s encrypts the keys, and is neither printed nor written', async (_, how) => {
    const { home, directory, create } = await scene()
    const file = join(await temporaryDirectory(), 'passphrase')
    await writeFile(file, `${PASSPHRASE}\n`, { mode: 0o600 })
    const { flags, start = {} } = how(file) as { flags: string[]; start?: object }
    const { status, stdout, stderr } = await home.fpki([...create, '--verbose', ...flags], start)
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    await expectEncrypted(directory)
    expect(`${stdout}${stderr}`).not.toContain(PASSPHRASE)
    expect(stdout).toContain('The passphrase is stored nowhere.')
    for (const name of await filesBelow(home.path)) expect(await readFile(name, 'latin1')).not.toContain(PASSPHRASE)
  })

  test('in a file that others can read is accepted with a warning', async () => {
    const { home, create } = await scene()
    const file = join(home.path, 'passphrase')
    await writeFile(file, PASSPHRASE, { mode: 0o644 })
    const { status, stderr } = await home.fpki([...create, '--passphrase-file', file])
    expect({ status, warned: stderr.includes('Other users can read the passphrase in') }).toEqual({
      status: 0,
      warned: true,
    })
  })

  const refused: readonly (readonly [string, readonly string[], object, number, string, string])[] = [
    ['is not given', [], {}, 6, 'ERR_PASSPHRASE', '--passphrase-file'],
    ['is too short', [], { env: { FPKI_PASSPHRASE: '1234567' } }, 6, 'ERR_PASSPHRASE', 'fewer than 8 characters'],
    ['is an empty file', ['--passphrase-file', '-'], { stdin: '' }, 2, 'ERR_USAGE', 'is empty'],
    ['has two lines', ['--passphrase-file', '-'], { stdin: 'one\ntwo' }, 2, 'ERR_USAGE', 'more than one line'],
    [
      'is no UTF-8',
      ['--passphrase-file', '-'],
      { stdin: Buffer.from('p\xe4ssw\xf6rd long', 'latin1') },
      2,
      'ERR_USAGE',
      'UTF-8',
    ],
    ['was no UTF-8', [], { env: { FPKI_PASSPHRASE: 'p\ufffdssw\ufffdrd long' } }, 2, 'ERR_USAGE', 'UTF-8'],
    [
      'has a byte order mark',
      ['--passphrase-file', '-'],
      { stdin: '\ufeffzebra quokka' },
      2,
      'ERR_USAGE',
      'byte order mark',
    ],
    ['is in no file', ['--passphrase-file', '/nowhere/it'], {}, 2, 'ERR_USAGE', '/nowhere/it'],
  ]
  test.each(refused)('creates nothing with %s', async (_, flags, start, status, code, named) => {
    const { home, create } = await scene()
    await expectRefusal(home, [...create, ...flags], { status, code, names: [named] }, start)
  })

  test('is refused on stdin together with the PIN', async () => {
    const { home, create } = await scene()
    const both = ['--passphrase-file', '-', '--hsm-pin-file', '-']
    const refusal = { status: 2, code: 'ERR_USAGE', names: ['both the PIN and the passphrase from stdin'] }
    await expectRefusal(home, [...create, ...both], refusal, { stdin: 'x' })
  })

  test('is not read if no key is encrypted', async () => {
    const home = await newHome()
    const words = ['ca', 'create', join(home.path, 'acme'), '--quiet', '--passphrase-file', '/nowhere/it']
    expect(await home.fpki(words)).toMatchObject({ status: 0, stderr: '' })
  })

  /** `ca create --encrypt-keys` on a terminal. */
  async function onTerminal(...answers: readonly Answer[]): Promise<Ended & { directory: string }> {
    const { home, directory, create } = await scene()
    return { ...(await answering(create, { HOME: home.path }, answers)), directory }
  }

  test('is prompted for twice, once for all keys, without echo', async () => {
    const answers = [
      ['New passphrase', `${PASSPHRASE}\r`],
      ['Repeat the passphrase', `${PASSPHRASE}\r`],
      ['encrypted backup now?', '\r'],
    ] as const
    const { status, stdout, directory } = await onTerminal(...answers)
    expect(status).toBe(0)
    expect(stdout.match(/assphrase.*: $|Repeat the passphrase: /gm)).toHaveLength(2)
    expect(stdout).not.toContain(PASSPHRASE)
    await expectEncrypted(directory)
  })

  test.each([
    ['differ', 'zebra quokka vale', 'The passphrases do not match'],
    ['are too short', 'x', 'fewer than 8'],
  ])('creates nothing if the two passphrases %s', async (title, second, said) => {
    const first = title === 'differ' ? PASSPHRASE : second
    const typed = [
      ['New passphrase', `${first}\r`],
      ['Repeat the passphrase', `${second}\r`],
    ] as const
    const { status, stdout, directory } = await onTerminal(...typed)
    expect({ status, said: stdout.includes(said) }).toEqual({ status: 6, said: true })
    expect(await namesBelow(join(directory, '..'))).not.toContain('acme')
  })

  test('is not passed to other programs', async () => {
    const { home, create } = await scene()
    const log = join(await temporaryDirectory(), 'strace')
    const trace = ['-f', '-v', '-qq', '-e', 'trace=execve', '-e', 'signal=none', '-s', '10000', '-o', log]
    const { status } = await runProgram('strace', [...trace, process.execPath, QUICK_FPKI, ...create], {
      env: { HOME: home.path, FPKI_PASSPHRASE: PASSPHRASE },
    })
    expect(status).toBe(0)
    const [itself, ...programs] = (await readFile(log, 'utf8')).match(/execve\(.*/g) ?? []
    expect(itself).toContain(PASSPHRASE)
    expect(programs.length).toBeGreaterThan(0)
    for (const program of programs) expect(program).not.toContain(PASSPHRASE)
  })
})

test('no plaintext key is ever written', async () => {
  const { home, directory } = await scene()
  const written: string[] = []
  const disk = nodeFileSystem()
  const watched =
    (open: typeof disk.createFile): typeof disk.createFile =>
    async (path, mode) => {
      const file = await open(path, mode)
      const write = async (content: Uint8Array) => {
        written.push(Buffer.from(content).toString('latin1'))
        await file.write(content)
      }
      // The Factory API's own keys are not the PKI directory's.
      return {
        sync: () => file.sync(),
        close: () => file.close(),
        write: path.startsWith(directory) ? write : (content) => file.write(content),
      }
    }
  const files = durableFiles({
    ...disk,
    createFile: watched(disk.createFile),
    openToAppend: watched(disk.openToAppend),
  })
  const machine = { ...thisMachine({ passphraseRounds: 1000 }), files }
  const api = embeddedFactoryOn({ stateDirectory: home.state, factory: 'acme' }, { ...machine, signal })
  const passphrases = { forExisting: async () => PASSPHRASE, forNew: async () => PASSPHRASE }
  const root = { kind: 'new-file', encrypt: true } as const
  const localCa = { kind: 'file', encrypt: true } as const
  const options = { directory, factory: 'acme', root, localCa, onlineCa: true, tlsNames: [] }
  await createPki(options, { ...machine, api, progress: SILENT, signal, passphrases })
  expect(written.length).toBeGreaterThan(10)
  const clear = await temporaryDirectory()
  for (const name of ['factory_ca.key', 'local-ca.key']) {
    const words = ['ec', '-in', join(directory, name), '-passin', 'stdin', '-out', join(clear, name)]
    await output('openssl', words, { stdin: `${PASSPHRASE}\n` })
  }
  const forms = await secretForms(clear)
  expect(forms.length).toBeGreaterThan(10)
  expect(found(forms, written.join('\n'))).toEqual([])
})

test('every command that signs decrypts the root key with it', async () => {
  const { home, directory, create } = await scene()
  expect((await home.fpki(create, IN_ENVIRONMENT)).status).toBe(0)
  const passphrases = { forExisting: async () => PASSPHRASE, forNew: async () => '' }
  const access = { root: { kind: 'recorded', module: null }, passphrases, ...SILENT } as const
  const at = pkiDirectory(thisMachine().files, directory)
  const { spki: publicKey, algorithm } = await rootSignerOf(at, access).open()
  expect(algorithm).toEqual({ curve: 'P-256', hash: 'sha256' })
  const spki = (await publicKeyOf(directory, 'factory_ca.key')).replace(/-----.*-----|\n/g, '')
  expect(Buffer.from(publicKey).toString('base64')).toBe(spki)
  await expect(rootSignerOf(at).open()).rejects.toMatchObject({ code: 'ERR_PASSPHRASE' })
})

describe('an interrupted ca create --encrypt-keys', () => {
  test.each([true, false])('(local-ca: %s) is resumed with the same passphrase only', async (localCa) => {
    const { home, directory, create } = await scene()
    const release = await holdFactory(home, 'acme')
    const words = localCa ? [] : ['--no-local-ca']
    const waiting = await createUpTo('requests', {
      home: homeAt(home.path, IN_ENVIRONMENT),
      directory,
      words: ['--encrypt-keys', ...words],
    })
    waiting.kill('SIGKILL')
    await waiting.ended
    await release()
    const before = await snapshot(directory)
    const key = await publicKeyOf(directory, 'factory_ca.key')
    const wrong = { env: { FPKI_PASSPHRASE: 'another passphrase' } }
    const refusal = { status: 6, code: 'ERR_PASSPHRASE', names: ['Wrong passphrase for', 'factory_ca.key'] }
    await expectRefusal(home, [...create, ...words], refusal, wrong)
    const clear = { status: 3, code: 'ERR_UNFINISHED', names: ['--encrypt-keys true'] }
    await expectRefusal(home, ['ca', 'create', directory, ...words], clear)
    expect(await snapshot(directory)).toEqual(before)
    expect((await home.fpki([...create, ...words], IN_ENVIRONMENT)).status).toBe(0)
    expect(await publicKeyOf(directory, 'factory_ca.key')).toBe(key)
    if (localCa) await expectEncrypted(directory)
  })

  test('prompts for the passphrase once', async () => {
    const { home, directory, create } = await scene()
    const release = await holdFactory(home, 'acme')
    const inEnvironment = homeAt(home.path, IN_ENVIRONMENT)
    const waiting = await createUpTo('requests', { home: inEnvironment, directory, words: ['--encrypt-keys'] })
    waiting.kill('SIGTERM')
    await waiting.ended
    await release()
    const { status, stdout } = await answering(create, { HOME: home.path }, [
      ['Passphrase for', `${PASSPHRASE}\r`],
      ['encrypted backup now?', '\r'],
    ])
    expect(status).toBe(0)
    expect(stdout.match(/assphrase for .*factory_ca\.key: /g)).toHaveLength(1)
    await expectEncrypted(directory)
  })
})
