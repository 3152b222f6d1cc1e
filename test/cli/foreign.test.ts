import { chmod, chown, copyFile, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { checkBackupResult, verifyPkiResult } from '../../src/index.js'
import { type Ended, newHome, output, temporaryDirectory } from '../support/cli.js'
import { type HostileModule, hostileModule } from '../support/hostile-module.js'
import { editJournal } from '../support/journal.js'
import { copiedPki, editJson, type Made, madePki } from './made.js'

/** Only root can give files away. */
const asRoot = test.runIf(process.geteuid?.() === 0)
const SOMEBODY = 12_345

let library: HostileModule

beforeAll(async () => {
  library = await hostileModule()
})

interface Scene extends Made {
  /** Closed folders of ours, one above the PKI directory and one with the module. */
  readonly above: string
  readonly module: string
  remember(module: string): Promise<void>
  run(words: readonly string[]): Promise<Ended>
}

/** A PKI directory of ours whose records name a module of ours, which leaves a trace when it is loaded. */
async function scene(): Promise<Scene> {
  const made = await copiedPki()
  const [above, modules] = [join(made.home.path, 'above'), join(made.home.path, 'modules')]
  for (const folder of [above, modules]) await mkdir(folder, { mode: 0o755 })
  const directory = join(above, 'acme')
  await rename(made.directory, directory)
  const module = join(modules, 'module.so')
  await copyFile(library.path, module)
  await chmod(module, 0o755)
  const path = (name: string) => join(directory, name)
  const remember = (named: string) => editJson(path('.fpki/state.json'), (state) => naming(state, named))
  await remember(module)
  await library.loads()
  const run = (words: readonly string[]) => made.home.fpki(words, { env: { FPKI_HSM_PIN: '12345678' } })
  return { ...made, directory, above, module, path, text: (name) => readFile(path(name), 'utf8'), remember, run }
}

function naming(state: Record<string, unknown>, module: string) {
  const key = { tokenLabel: 'acme', tokenSerial: '1', keyLabel: 'root-ca', keyId: '01' }
  return { ...state, rootKey: { kind: 'pkcs11', module, ...key } }
}

type Row = readonly [string, (scene: Scene) => Promise<unknown>]

/** What makes a module somebody else's; each row beside the other users' form, which takes root. */
const OPEN: readonly Row[] = [
  ['all can write the directory', ({ directory }) => chmod(directory, 0o777)],
  ['a group can write the directory', ({ directory }) => chmod(directory, 0o770)],
  ['all can write to .fpki', ({ path }) => chmod(path('.fpki'), 0o777)],
  ['all can write state.json', ({ path }) => chmod(path('.fpki/state.json'), 0o666)],
  ['all can write to a folder above', ({ above }) => chmod(above, 0o777)],
  ['a group can write to a folder above', ({ above }) => chmod(above, 0o775)],
  ['all can write the module', ({ module }) => chmod(module, 0o777)],
  ['all can write to the folder of the module', ({ module }) => chmod(join(module, '..'), 0o777)],
  [
    'a link in an open folder leads to the module',
    async ({ home, module, remember }) => {
      await mkdir(join(home.path, 'open'))
      await symlink(module, join(home.path, 'open', 'link.so'))
      await chmod(join(home.path, 'open'), 0o777)
      await remember(join(home.path, 'open', 'link.so'))
    },
  ],
  [
    'the module is in the directory itself',
    async ({ path, remember }) => {
      await copyFile(library.path, path('module.so'))
      await remember(path('module.so'))
    },
  ],
  [
    'the module is in another PKI directory',
    async ({ home, remember }) => {
      await mkdir(join(home.path, 'other', '.fpki'), { recursive: true })
      await copyFile(library.path, join(home.path, 'other', 'module.so'))
      await remember(join(home.path, 'other', 'module.so'))
    },
  ],
]

const OTHERS: readonly Row[] = [
  ['the directory', ({ directory }) => chown(directory, SOMEBODY, SOMEBODY)],
  ['.fpki', ({ path }) => chown(path('.fpki'), SOMEBODY, SOMEBODY)],
  ['state.json', ({ path }) => chown(path('.fpki/state.json'), SOMEBODY, SOMEBODY)],
  ['a folder above', ({ above }) => chown(above, SOMEBODY, SOMEBODY)],
  ['the module', ({ module }) => chown(module, SOMEBODY, SOMEBODY)],
  ['the folder of the module', ({ module }) => chown(join(module, '..'), SOMEBODY, SOMEBODY)],
]

const VERIFY = ['ca', 'verify', '--offline', '--json']

/** Verifies, and nothing was loaded; the root key is what could not be used. */
async function expectNotLoaded(it: Scene): Promise<void> {
  const { status, stdout } = await it.run([...VERIFY, it.directory])
  expect(await library.loads()).toBe(0)
  const { findings } = verifyPkiResult.parse(JSON.parse(stdout))
  const unusable = findings.find(({ code }) => code === 'root-key.unusable')
  expect(unusable?.message).toMatch(/^Refusing to load \S+\.so, the PKCS#11 module recorded in \S+state\.json: /)
  expect(unusable?.hint).toContain('--hsm-module PATH')
  expect(status).toBe(6)
}

describe('the module recorded in a PKI directory', () => {
  test('is loaded from a directory of the user', async () => {
    const it = await scene()
    await it.run([...VERIFY, it.directory])
    expect(await library.loads()).toBe(1)
  })

  test.each(OPEN)('is not loaded when %s', async (_, change) => {
    const it = await scene()
    await change(it)
    await expectNotLoaded(it)
  })

  asRoot.each(OTHERS)('is not loaded when %s belongs to another user', async (_, change) => {
    const it = await scene()
    await change(it)
    await expectNotLoaded(it)
  })

  test('is loaded if passed as an option, with the recorded token', async () => {
    const it = await scene()
    await chmod(it.above, 0o777)
    await it.run([...VERIFY, it.directory, '--hsm-module', it.module])
    expect(await library.loads()).toBe(1)
  })

  test.each([
    ['ca', 'sign', 'request.csr', '--pki-dir'],
    ['ca', 'rotate-tls'],
    ['ca', 'add-device-ca', '--online-ca'],
    ['ca', 'revoke-device-ca', '--ca-file', 'local-ca.pem', '--yes'],
  ])('is not loaded by `fpki %s %s` either', async (...words) => {
    const it = await scene()
    await writeFile(join(it.home.path, 'request.csr'), await csr(it))
    const full = words.map((word) => (word === 'request.csr' ? join(it.home.path, word) : word))
    await it.run([...full, it.directory])
    expect(await library.loads()).toBe(1)
    await chmod(it.above, 0o775)
    const { status, stderr } = await it.run([...full, it.directory])
    expect(await library.loads()).toBe(0)
    expect({ status, code: stderr.includes('[ERR_HSM_MODULE]') }).toEqual({ status: 5, code: true })
  })
})

async function csr({ path }: Made): Promise<string> {
  const words = [
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    '/dev/null',
  ]
  return output('openssl', [...words, '-subj', '/CN=gw.example', '-addext', 'subjectAltName=DNS:gw.example'], {
    cwd: path('.'),
  })
}

describe('an interrupted command', () => {
  /** One whose journal is of this command, with these options. */
  async function interrupted(command: string, options: object, steps: readonly string[]): Promise<Scene> {
    const it = await scene()
    await editJournal(it.directory, (journal) => ({
      ...journal,
      ...{ command, options, finishedAt: null, facts: {} },
      steps: steps.map((name) => ({ name, state: 'pending' })),
    }))
    return it
  }

  test('uses the module of its journal only if the user owns the directory', async () => {
    const it = await interrupted('ca import-root', {}, ['token', 'proof', 'state'])
    const hsm = { module: it.module, tokenLabel: 'acme', tokenSerial: null, key: null }
    await editJournal(it.directory, (journal) => ({ ...journal, options: { removeKey: false, hsm } }))
    const ours = await it.run(['ca', 'resume', it.directory])
    expect({ loads: await library.loads(), status: ours.status }).toEqual({ loads: 1, status: 5 })
    await chmod(it.above, 0o775)
    const { status, stderr } = await it.run(['ca', 'resume', it.directory])
    expect(await library.loads()).toBe(0)
    expect({ status, code: stderr.includes('[ERR_HSM_MODULE]') }).toEqual({ status: 5, code: true })
    expect(stderr).toContain('journal.jsonl: others can write to ')
    await it.run(['ca', 'resume', it.directory, '--hsm-module', it.module])
    expect(await library.loads()).toBe(1)
  })

  test.each(['journal.jsonl', 'state.json', 'log.jsonl'])(
    'is not gone on with when others can write %s',
    async (name) => {
      const it = await interrupted('ca rotate-tls', { factory: 'acme', api: 'https://127.0.0.1:9/', tlsNames: [] }, [
        ...['request', 'certificate', 'upload', 'publish'],
      ])
      await chmod(it.path(`.fpki/${name}`), 0o666)
      for (const action of ['resume', 'abandon']) {
        const { status, stderr } = await it.run(['ca', action, it.directory])
        expect({ status, code: stderr.includes('[ERR_PERMISSIONS]') }).toEqual({ status: 3, code: true })
        expect(stderr).toContain(name)
      }
    },
  )
})

describe('a directory of another user', () => {
  test.each([['ca', 'status'], ['ca', 'history'], ['ca', 'log'], ['ca', 'log', 'verify'], ['lint']])(
    'is read by `fpki %s %s`, which says what it is',
    async (...words) => {
      const made = await copiedPki()
      const run = async () => made.home.fpki([...words, made.directory])
      const before = await run()
      await chmod(made.directory, 0o777)
      const { status, stdout, stderr } = await run()
      expect({ status, stdout }).toEqual({ status: before.status, stdout: before.stdout })
      expect(stderr).toContain(`warning: ${made.directory} is not yours alone: others can write to ${made.directory}`)
      expect(before.stderr).not.toContain('not yours alone')
    },
  )

  test('does not select the factory', async () => {
    const made = await copiedPki()
    await chmod(made.path('.fpki/state.json'), 0o666)
    const verify = async (...words: readonly string[]) => {
      const { stdout } = await made.home.fpki(['ca', 'verify', made.directory, '--json', ...words])
      return verifyPkiResult.parse(JSON.parse(stdout))
    }
    const unnamed = await verify()
    expect(unnamed.api).toBeNull()
    expect(unnamed.findings.map(({ code }) => code)).toContain('modes.foreign')
    expect((await verify('--factory', 'acme')).findings).toContainEqual(
      expect.objectContaining({ code: 'api', status: 'ok' }),
    )
  })

  test('gets no passphrase', async () => {
    const env = { FPKI_PASSPHRASE: 'nine lives of a fish' }
    const file = join(await temporaryDirectory(), 'passphrase')
    await writeFile(file, env.FPKI_PASSPHRASE, { mode: 0o600 })
    const made = await madePki(['--encrypt-keys', '--passphrase-file', file])
    const verify = async () => (await made.home.fpki(['ca', 'verify', made.directory, '--offline'], { env })).stdout
    expect(await verify()).toContain('The root key signs')
    await chmod(made.directory, 0o777)
    expect(await verify()).toMatch(/failure {2}root-key\.unusable +Refusing to use a passphrase for /)
  })
})

describe('a backup for a recipient, which anybody can create', () => {
  test('does not select a module, but mentions it', async () => {
    const sender = await madePki()
    const stowaway = sender.path('module.so')
    await copyFile(library.path, stowaway)
    const victim = await newHome()
    const [key, certificate, file, restored] = ['ann.key', 'ann.pem', 'acme.backup', 'restored'].map((name) =>
      join(victim.path, name),
    ) as [string, string, string, string]
    await recipient(key, certificate)
    // It names itself by the place where the victim will have it.
    await editJson(sender.path('.fpki/state.json'), (state) => naming(state, join(restored, 'module.so')))
    const backup = ['ca', 'backup', sender.directory, '--out', file, '--recipient', certificate]
    expect((await sender.home.fpki(backup)).status).toBe(0)
    await library.loads()

    const warning = `names the PKCS#11 module "${join(restored, 'module.so')}"`
    const checked = await victim.fpki(['ca', 'backup', '--check', file, '--recipient-key', key])
    expect(checked.stderr).toContain(warning)
    const ended = await victim.fpki(['ca', 'restore', file, restored, '--recipient-key', key])
    expect(ended.stderr).toContain(warning)
    const verified = await victim.fpki(['ca', 'verify', restored, '--offline'], { env: { FPKI_HSM_PIN: '12345678' } })
    expect(verified.stdout).toMatch(/root-key\.unusable.*--hsm-module PATH/)
    expect(await library.loads()).toBe(0)
    // The same library, moved out and named in the record, is not loaded either: the record came with the backup.
    await copyFile(library.path, join(victim.path, 'module.so'))
    await editJson(join(restored, '.fpki', 'state.json'), (state) => naming(state, join(victim.path, 'module.so')))
    await victim.fpki(['ca', 'verify', restored, '--offline'], { env: { FPKI_HSM_PIN: '12345678' } })
    expect(await library.loads()).toBe(0)
  })
})

describe('a backup', () => {
  const PASSPHRASE = { env: { FPKI_PASSPHRASE: 'nine lives of a fish' } }

  test('does not select the server of an interrupted command', async () => {
    const { home, directory } = await copiedPki()
    const rotated = await home.fpki(['ca', 'rotate-tls', directory, '--quiet'])
    expect(rotated.status).toBe(0)
    await editJournal(directory, (journal) => ({
      ...journal,
      finishedAt: null,
      options: { ...journal.options, api: 'https://127.0.0.1:9' },
    }))
    const [file, restored] = [join(home.path, 'acme.backup'), join(home.path, 'restored')]
    expect((await home.fpki(['ca', 'backup', directory, '--out', file], PASSPHRASE)).status).toBe(0)
    const ended = await home.fpki(['ca', 'restore', file, restored], PASSPHRASE)
    expect(ended.stderr).toContain('used the Factory API https://127.0.0.1:9')
    expect((await home.fpki(['ca', 'resume', directory])).stderr).toContain('127.0.0.1:9')
    expect((await home.fpki(['ca', 'resume', restored])).stderr).not.toContain('127.0.0.1:9')
  })

  test('without the root key does not count as a backup of the directory', async () => {
    const { home, directory, path } = await copiedPki()
    const [key, certificate, file, aside] = ['ann.key', 'ann.pem', 'acme.backup', 'aside.key'].map((name) =>
      join(home.path, name),
    ) as [string, string, string, string]
    await recipient(key, certificate)
    await rename(path('factory_ca.key'), aside)
    expect((await home.fpki(['ca', 'backup', directory, '--out', file, '--recipient', certificate])).status).toBe(0)
    await rename(aside, path('factory_ca.key'))
    const check = async (...words: readonly string[]) => {
      const ended = await home.fpki(['ca', 'backup', '--check', file, '--recipient-key', key, '--json', ...words])
      return checkBackupResult.parse(JSON.parse(ended.stdout)).recordedIn
    }
    expect(await check()).toBeNull()
    expect(await check('--pki-dir', directory)).toBe(directory)
  })
})

async function recipient(key: string, certificate: string): Promise<void> {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=ann']
  await output('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', certificate])
}

describe('the state of the embedded factory', () => {
  asRoot('is not used when it belongs to another user', async () => {
    const made = await copiedPki()
    await chown(made.stateFile, SOMEBODY, SOMEBODY)
    const { status, stderr } = await made.home.fpki(['ca', 'show'])
    expect({ status, code: stderr.includes('[ERR_PERMISSIONS]') }).toEqual({ status: 3, code: true })
    expect(stderr).toContain(made.stateFile)
  })
})

describe('a configuration, which selects where credentials go', () => {
  const config = async (home: Made['home'], name: string, text: string) => {
    const path = join(home.path, '.config', name)
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, text)
    return path
  }

  test.each([
    ['fpki/config.yaml', 'factory: acme\n'],
    ['fpki/credentials.yaml', 'https://127.0.0.1:9:\n  token: secret\n'],
    ['fioctl.yaml', 'token: secret\nserver:\n  url: https://127.0.0.1:9\n'],
  ])('%s is refused if others can write to it', async (name, text) => {
    const { home } = await copiedPki()
    const path = await config(home, name, text)
    const words = ['ca', 'show', '--api', 'https://127.0.0.1:9', '--factory', 'acme', '--timeout', '1']
    const usual = await home.fpki(words)
    expect(usual.stderr).not.toContain('[ERR_PERMISSIONS]')
    await chmod(path, 0o666)
    const { status, stderr } = await home.fpki(words)
    expect({ status, code: stderr.includes('[ERR_PERMISSIONS]') }).toEqual({ status: 3, code: true })
    expect(stderr).toContain(path)
    expect(stderr).not.toContain('secret')
  })

  asRoot('is refused when it is another user’s, unless it is named', async () => {
    const { home } = await copiedPki()
    const path = await config(home, 'fioctl.yaml', 'token: secret\n')
    await chown(path, SOMEBODY, SOMEBODY)
    const words = ['ca', 'show', '--api', 'https://127.0.0.1:9', '--factory', 'acme', '--timeout', '1']
    expect((await home.fpki(words)).stderr).toContain('[ERR_PERMISSIONS]')
    expect((await home.fpki([...words, '--config', path])).stderr).not.toContain('[ERR_PERMISSIONS]')
  })
})
