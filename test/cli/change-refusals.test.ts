import { chmod, cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newHome, output } from '../support/cli.js'
import { editJournal } from '../support/journal.js'
import { isTurnOf } from '../support/points.js'
import { interruptedCreate } from './interruption.js'
import { copiedPki, type Made } from './made.js'
import { expectRefusal, type Refusal } from './refusal.js'
import { snapshot } from './snapshot.js'

/** Every command that changes the PKI of a directory, in its simplest form. */
const COMMANDS: readonly (readonly [name: string, (directory: string) => readonly string[]])[] = [
  ['rotate-tls', (directory) => ['ca', 'rotate-tls', directory]],
  ['add-device-ca', (directory) => ['ca', 'add-device-ca', directory, '--online-ca']],
  ['est authorize', (directory) => ['est', 'authorize', directory]],
  ['disable-device-ca', (directory) => ['ca', 'disable-device-ca', directory, '--ca-file', 'local-ca.pem']],
]

/** What can be wrong with a directory, and what each command says of it. */
const WRONG: Readonly<Record<string, readonly [(made: Made) => Promise<unknown>, Refusal]>> = {
  'is missing': [
    ({ directory, home }) => rename(directory, join(home.path, 'away')),
    { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['does not contain a PKI', 'fpki ca create'] },
  ],
  'is no PKI': [
    async ({ directory, home }) => {
      await rename(directory, join(home.path, 'away'))
      await mkdir(directory, { mode: 0o700 })
      await writeFile(join(directory, 'notes.txt'), 'mine')
    },
    { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['does not contain a PKI', 'factory_ca.pem'] },
  ],
  'is a file': [
    async ({ directory, home }) => {
      await rename(directory, join(home.path, 'away'))
      await writeFile(directory, 'mine')
    },
    { status: 3, code: 'ERR_STORAGE', names: ['ENOTDIR'] },
  ],
  'is open to others': [
    ({ directory }) => chmod(directory, 0o777),
    { status: 3, code: 'ERR_PERMISSIONS', names: ['mode 0777', 'chmod'] },
  ],
  'has a folder of fpki’s that is open to others': [
    ({ path }) => chmod(path('.fpki'), 0o770),
    { status: 3, code: 'ERR_PERMISSIONS', names: ['.fpki', 'mode 0770'] },
  ],
  'has no root key': [
    ({ path }) => rm(path('factory_ca.key')),
    { status: 6, code: 'ERR_BAD_KEY', names: ['factory_ca.key is missing', '--hsm-module'] },
  ],
  'has the key of another root': [
    async ({ path }) => {
      await rm(path('factory_ca.key'))
      await output('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path('factory_ca.key')])
      await chmod(path('factory_ca.key'), 0o400)
    },
    { status: 6, code: 'ERR_BAD_KEY', names: ['factory_ca.pem', 'Nothing was changed'] },
  ],
  'has an invalid root key': [
    async ({ path }) => {
      await chmod(path('factory_ca.key'), 0o600)
      await writeFile(path('factory_ca.key'), '-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n')
    },
    { status: 6, code: 'ERR_BAD_KEY', names: ['factory_ca.key'] },
  ],
  'has an invalid root certificate': [
    async ({ path }) => {
      await chmod(path('factory_ca.pem'), 0o600)
      await writeFile(path('factory_ca.pem'), 'nonsense')
    },
    { status: 6, code: 'ERR_BAD_FILE', names: ['factory_ca.pem'] },
  ],
  'has a journal that is broken': [
    ({ path }) => writeFile(path('.fpki/journal.jsonl'), '{'),
    { status: 6, code: 'ERR_BAD_FILE', names: ['journal.jsonl'] },
  ],
}

describe.each(COMMANDS)('%s refuses, without any change,', (name, words) => {
  const names = COMMANDS.map(([command]) => command)
  const wrong = Object.entries(WRONG).filter((_, at) => isTurnOf(name, names, at))
  test.each(wrong)('a directory that %s', async (_, [spoil, refusal]) => {
    const made = await copiedPki()
    await spoil(made)
    await expectRefusal(made.home, words(made.directory), { ...refusal, names: [made.directory, ...refusal.names] })
  })

  test('a factory with another root in the Factory API', async () => {
    const [made, other] = [await copiedPki(), await newHome()]
    const directory = join(other.path, 'acme')
    expect((await other.fpki(['ca', 'create', directory, '-q'])).status).toBe(0)
    const names = ['root certificate of the factory acme', 'is not the one in', made.directory]
    const start = { env: { FPKI_STATE_DIR: other.state } }
    const before = await snapshot(other.state)
    await expectRefusal(made.home, words(made.directory), { status: 3, code: 'ERR_OTHER_ROOT', names }, start)
    expect(await snapshot(other.state)).toEqual(before)
  })

  test('a factory unknown to the Factory API', async () => {
    const { home, directory } = await copiedPki()
    const names = ['acme', 'has no PKI for the factory acme yet', join(home.path, 'elsewhere'), 'FPKI_STATE_DIR']
    const start = { env: { FPKI_STATE_DIR: join(home.path, 'elsewhere') } }
    await expectRefusal(home, words(directory), { status: 3, code: 'ERR_NOT_INITIALIZED', names }, start)
  })

  test('a factory other than that of the directory', async () => {
    const { home, directory } = await copiedPki()
    const names = [directory, 'is not the PKI of the factory other', 'OU=acme', '--factory']
    const refusal = { status: 3, code: 'ERR_OTHER_ROOT', names }
    await expectRefusal(home, [...words(directory), '--factory', 'other'], refusal)
    await expectRefusal(home, words(directory), refusal, { env: { FIOCTL_FACTORY: 'other' } })
  })

  test('a directory with an interrupted `ca create`', async () => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    await interruptedCreate(home, directory)
    const names = [directory, 'ca create', '--factory acme', 'fpki ca resume']
    // The file of local-ca is not there yet.
    const said = words(directory).map((word) => word.replace('--ca-file', '--ca-serial').replace('local-ca.pem', '1'))
    await expectRefusal(home, said, { status: 3, code: 'ERR_UNFINISHED', names })
  })

  test('an unknown Factory API, and a missing directory', async () => {
    const { home, directory } = await copiedPki()
    const refusal = { status: 2, code: 'ERR_USAGE', names: ['nonsense'] }
    await expectRefusal(home, [...words(directory), '--api', 'nonsense'], refusal)
    const bare = words(directory).filter((word) => word !== directory)
    await expectRefusal(home, bare, { status: 2, code: 'ERR_USAGE', names: ['directory'] })
  })
})

/** Makes the journal say that a command was cut off in the middle. */
async function interruptRotation({ directory }: Made, tlsNames: readonly string[]): Promise<void> {
  const steps = ['request', 'certificate', 'upload', 'publish'].map((name) => ({ name, state: 'pending' }))
  await editJournal(directory, ({ options, ...journal }) => ({
    ...journal,
    ...{ command: 'ca rotate-tls', options: { factory: 'acme', api: options['api'], tlsNames } },
    ...{ steps, finishedAt: null, facts: {} },
  }))
}

test('an interrupted rotate-tls stops other commands; the same command resumes it', async () => {
  const made = await copiedPki()
  const { home, directory } = made
  await interruptRotation(made, ['gw.example'])
  const names = [directory, 'ca rotate-tls', '--tls-name gw.example']
  const refusal = { status: 3, code: 'ERR_UNFINISHED', names: [...names, 'fpki ca resume'] }
  for (const [name, words] of COMMANDS.filter(([name]) => name !== 'rotate-tls')) {
    await expectRefusal(home, words(directory), refusal).catch((error: unknown) => {
      throw new Error(name, { cause: error })
    })
  }
  await expectRefusal(home, ['ca', 'rotate-tls', directory], {
    ...refusal,
    names: [...names, 'started with --tls-name gw.example'],
  })
  const { status, stderr } = await home.fpki(['ca', 'rotate-tls', directory, '--tls-name', 'gw.example'])
  expect({ status, said: /Resuming the `ca rotate-tls`/.test(stderr) }).toEqual({ status: 0, said: true })
})

describe('add-device-ca refuses', () => {
  test('to run without --online-ca or --local-ca', async () => {
    const { home, directory } = await copiedPki()
    const refusal = { status: 2, code: 'ERR_USAGE', names: ['--online-ca', '--local-ca'] }
    for (const words of [[], ['--no-online-ca'], ['--online-ca=false', '--local-ca=false']]) {
      await expectRefusal(home, ['ca', 'add-device-ca', directory, ...words], refusal)
    }
  })

  test.each(['local-ca.pem', 'site-b.pem', 'site-b.key'])(
    'a name that has a file, %s, also a dead link',
    async (name) => {
      const { home, directory, path } = await copiedPki()
      if (name !== 'local-ca.pem') await symlink('/nowhere/at/all', path(name))
      const filename = name === 'local-ca.pem' ? [] : ['--local-ca-filename', 'site-b.pem']
      const refusal = { status: 3, code: 'ERR_EXISTS', names: [`${directory}/${name}`] }
      await expectRefusal(home, ['ca', 'add-device-ca', directory, '--local-ca', ...filename], refusal)
      await expectRefusal(home, ['ca', 'add-device-ca', directory, '--local-ca', '--online-ca', ...filename], refusal)
    },
  )

  test.each([
    ['a folder in it', 'sub/site-b.pem'],
    ['a way out', '../site-b.pem'],
    ['an absolute path', '/tmp/site-b.pem'],
    ['nothing', ''],
    ['only an ending', '.pem'],
    ['a hidden file', '.site-b.pem'],
    ['two points', '..'],
    ['a blank', 'site b.pem'],
    ['a line break', 'site\nb.pem'],
    ['an escape sequence', 'site\u001b[31mb.pem'],
    ['what looks like a flag', '-site.pem'],
    ['300 letters', `${'a'.repeat(300)}.pem`],
  ])('a name that is %s', async (_, name) => {
    const { home, directory } = await copiedPki()
    const words = ['ca', 'add-device-ca', directory, '--local-ca', `--local-ca-filename=${name}`]
    await expectRefusal(home, words, {
      status: 2,
      code: 'ERR_USAGE',
      names: ['the file name of a local-ca', 'without folders'],
    })
  })

  test.each([
    ...['factory_ca.pem', 'factory_ca', 'tls-crt', 'online-crt.pem', 'est-tls-crt', 'local-ca.key', 'factory_ca.csr'],
    ...['factory_ca.PEM', 'Factory_CA.pem', 'TLS-CRT', 'Local-CA.pem', 'LOCAL-CA.KEY'],
  ])('the name of another file of the PKI, %s', async (name) => {
    const { home, directory } = await copiedPki()
    const words = ['ca', 'add-device-ca', directory, '--local-ca', '--local-ca-filename', name]
    await expectRefusal(home, words, { status: 2, code: 'ERR_USAGE', names: [name, 'another PKI file'] })
  })

  test.each([
    'x.pem.fpki-unfinished',
    'x.fpki-unfinished.pem',
    'x.FPKI-lock',
    'site.key',
    'site.PEM',
    'x.bak',
    'x.bak.1.pem',
  ])('%s, a suffix reserved by fpki', async (name) => {
    const { home, directory } = await copiedPki()
    const words = ['ca', 'add-device-ca', directory, '--local-ca', '--local-ca-filename', name]
    await expectRefusal(home, words, { status: 2, code: 'ERR_USAGE', names: [name, 'reserved for files of fpki'] })
  })

  test('not a name of a JavaScript property', async () => {
    const { home, directory } = await copiedPki()
    const words = ['ca', 'add-device-ca', directory, '--local-ca', '-q', '--local-ca-filename', 'constructor']
    expect(await home.fpki(words)).toEqual({ status: 0, signal: null, stdout: '', stderr: '' })
  })
})

test('rotate-tls refuses an invalid name', async () => {
  const { home, directory } = await copiedPki()
  for (const name of ['no name', '', 'a..b', '-x.example']) {
    const words = ['ca', 'rotate-tls', directory, `--tls-name=${name}`]
    await expectRefusal(home, words, { status: 2, code: 'ERR_USAGE', names: [JSON.stringify(name)] })
  }
})

test('another invalid certificate in the directory stops rotate-tls', async () => {
  const { home, directory, path } = await copiedPki()
  await chmod(path('local-ca.pem'), 0o600)
  await writeFile(path('local-ca.pem'), 'nonsense')
  const refusal = { status: 6, code: 'ERR_BAD_FILE', names: [path('local-ca.pem')] }
  const { status, stderr } = await home.fpki(['ca', 'rotate-tls', directory])
  expect({ status, named: stderr.includes(path('local-ca.pem')) }).toEqual({ status: refusal.status, named: true })
})

test('after moving a directory from the place of tls-crt, rotate-tls succeeds', async () => {
  const { home, directory, path, text } = await copiedPki()
  await cp(path('tls-crt'), path('saved'))
  await rm(path('tls-crt'))
  await mkdir(path('tls-crt'))
  const stopped = await home.fpki(['ca', 'rotate-tls', directory])
  expect(stopped).toMatchObject({ status: 3, stdout: '', stderr: expect.stringContaining(path('tls-crt')) })
  await rm(path('tls-crt'), { recursive: true })
  expect((await home.fpki(['ca', 'rotate-tls', directory, '-q'])).status).toBe(0)
  expect((await home.fpki(['ca', 'show', '--just-tls'])).stdout).toBe(await text('tls-crt'))
})
