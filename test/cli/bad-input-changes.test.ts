import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { opensslCsr, opensslKey } from '../pki/support/openssl-csr.js'
import { isTurnOf } from '../support/points.js'
import { serialOf } from './device-cas.js'
import { copiedPki, editCertificates, editJson, type Made, madePki } from './made.js'
import { expectRefusal, expectWords, type Refusal } from './refusal.js'
import { snapshot } from './snapshot.js'

/** The commands that sign with the root key and are given a PKI directory, each as it would work. */
const COMMANDS: Readonly<Record<string, (made: Made) => readonly string[]>> = {
  'ca revoke-device-ca': ({ directory }) => ['ca', 'revoke-device-ca', directory, '--ca-file', 'local-ca.pem', '--yes'],
  'ca disable-device-ca': ({ directory }) => ['ca', 'disable-device-ca', directory, '--ca-file', 'local-ca.pem'],
  'ca enable-device-ca': ({ directory }) => ['ca', 'enable-device-ca', directory, '--ca-file', 'local-ca.pem'],
  'ca sign': ({ home, directory }) => ['ca', 'sign', join(home.path, 'the.csr'), '--pki-dir', directory],
}

/** What is wrong, how it is made so, and how it is refused. */
interface Row {
  readonly title: string
  readonly spoil: (made: Made) => Promise<unknown>
  /** More words for the command. */
  readonly words?: readonly string[]
  readonly refusal: Refusal
  /** Commands that do not look at what is wrong. */
  readonly not?: readonly string[]
}

const rootKey = async ({ path }: Made, write: (file: string) => Promise<unknown>) => {
  await chmod(path('factory_ca.key'), 0o600)
  await write(path('factory_ca.key'))
}

const rootCertificate = async ({ path }: Made, write: (file: string) => Promise<unknown>) => {
  await chmod(path('factory_ca.pem'), 0o600)
  await write(path('factory_ca.pem'))
}

const ROWS: Row[] = [
  {
    title: 'a directory that is not there',
    spoil: ({ directory }) => rm(directory, { recursive: true }),
    refusal: { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['acme', 'does not contain a PKI'] },
  },
  {
    title: 'a directory that is no PKI',
    spoil: async ({ directory, path }) => {
      await rm(directory, { recursive: true })
      await mkdir(directory, { mode: 0o700 })
      await writeFile(path('notes.txt'), 'mine')
    },
    refusal: { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['acme', 'does not contain a PKI'] },
  },
  {
    title: 'a file in the place of the directory',
    spoil: async ({ directory }) => {
      await rm(directory, { recursive: true })
      await writeFile(directory, '')
    },
    refusal: { status: 3, code: 'ERR_STORAGE', names: ['acme'] },
  },
  {
    title: 'a directory that others can write to',
    spoil: ({ directory }) => chmod(directory, 0o777),
    refusal: { status: 3, code: 'ERR_PERMISSIONS', names: ['acme', '0777'] },
  },
  {
    title: 'a root key that is not that of the root certificate',
    spoil: (made) => rootKey(made, (file) => copyFile(made.path('local-ca.key'), file)),
    refusal: { status: 6, code: 'ERR_BAD_KEY', names: ['root key', 'factory_ca.pem'] },
  },
  {
    title: 'a root key of a kind that is no root’s',
    spoil: (made) => rootKey(made, async (file) => writeFile(file, await opensslKey('RSA-2048'))),
    refusal: { status: 6, code: 'ERR_BAD_KEY', names: ['factory_ca.key'] },
  },
  {
    title: 'a root key that is broken',
    spoil: (made) => rootKey(made, (file) => writeFile(file, '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA')),
    refusal: { status: 6, code: 'ERR_BAD_KEY', names: ['factory_ca.key'] },
  },
  {
    title: 'a root key that is missing',
    spoil: ({ path }) => rm(path('factory_ca.key')),
    refusal: { status: 6, code: 'ERR_BAD_KEY', names: ['factory_ca.key'] },
  },
  {
    title: 'a root certificate that is cut off',
    spoil: (made) =>
      rootCertificate(made, async (file) => writeFile(file, (await made.text('factory_ca.pem')).slice(0, 300))),
    refusal: { status: 6, code: 'ERR_BAD_FILE', names: ['factory_ca.pem'] },
  },
  {
    title: 'a root certificate in a file with another one',
    spoil: (made) =>
      rootCertificate(made, async (file) =>
        writeFile(file, `${await made.text('factory_ca.pem')}${await made.text('local-ca.pem')}`),
      ),
    refusal: { status: 6, code: 'ERR_BAD_FILE', names: ['factory_ca.pem', '2 PEM blocks'] },
  },
  {
    title: 'a root certificate that is the key',
    spoil: (made) => rootCertificate(made, (file) => copyFile(made.path('factory_ca.key'), file)),
    refusal: { status: 6, code: 'ERR_BAD_FILE', names: ['factory_ca.pem', 'EC PRIVATE KEY'] },
  },
  {
    title: 'records that are broken',
    spoil: ({ path }) => writeFile(path('.fpki/state.json'), '{'),
    refusal: { status: 6, code: 'ERR_BAD_FILE', names: ['state.json'] },
  },
  {
    title: 'records with a number that is none',
    spoil: ({ path }) => editJson(path('.fpki/state.json'), (state) => ({ ...state, crlNumber: '-1' })),
    refusal: { status: 6, code: 'ERR_BAD_FILE', names: ['state.json'] },
  },
  {
    title: 'another factory',
    spoil: async () => undefined,
    words: ['--factory', 'bolt'],
    refusal: { status: 3, code: 'ERR_OTHER_ROOT', names: ['bolt', 'OU=acme'] },
  },
  {
    title: 'a Factory API that has no PKI',
    spoil: ({ home }) => rm(home.state, { recursive: true }),
    refusal: { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['acme', 'Factory API'] },
    not: ['ca sign'],
  },
  {
    title: 'a Factory API with another root',
    spoil: async (made) => editCertificates(made, { rootCrt: await (await madePki()).text('factory_ca.pem') }),
    refusal: {
      status: 3,
      code: 'ERR_OTHER_ROOT',
      names: ['root certificate of the factory acme', 'is not the one in'],
    },
    not: ['ca sign'],
  },
  {
    title: 'a Factory API with a broken list of device CAs',
    spoil: (made) =>
      editCertificates(made, { caCrt: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n' }),
    refusal: { status: 6, code: 'ERR_BAD_CERTIFICATE', names: ['ca-crt'] },
    not: ['ca sign'],
  },
  {
    title: 'a Factory API with a broken CRL',
    spoil: (made) => editCertificates(made, { caRevokeCrl: 'broken' }),
    words: ['--dry-run'],
    refusal: { status: 6, code: 'ERR_BAD_FILE', names: ['ca-revoke-crl'] },
    not: ['ca sign'],
  },
  {
    title: 'an unknown flag',
    spoil: async () => undefined,
    words: ['--nope'],
    refusal: { status: 2, code: 'ERR_USAGE', names: ["'--nope'"] },
  },
  {
    title: 'an argument too many',
    spoil: async () => undefined,
    words: ['more'],
    refusal: { status: 2, code: 'ERR_USAGE', names: ['1', '2'] },
  },
  {
    title: 'an unknown Factory API',
    spoil: async () => undefined,
    words: ['--api', 'nope'],
    refusal: { status: 2, code: 'ERR_USAGE', names: ['"nope"'] },
    not: ['ca sign'],
  },
]

/** The commands that look at what is wrong. */
function commandsOf({ not = [] }: Row): readonly string[] {
  return Object.keys(COMMANDS).filter((command) => !not.includes(command))
}

describe.each(Object.keys(COMMANDS))('%s refuses, without any change,', (command) => {
  const rows = ROWS.filter((row, at) => isTurnOf(command, commandsOf(row), at))
  test.each(rows)('$title', async ({ spoil, words = [], refusal }) => {
    const made = await copiedPki()
    await writeFile(join(made.home.path, 'the.csr'), await opensslCsr())
    // Where it is enabled there would be nothing to do.
    const disabledCaSerials = command === 'ca enable-device-ca' ? [await serialOf(made.path('local-ca.pem'))] : []
    await editCertificates(made, { disabledCaSerials })
    await spoil(made)
    await expectRefusal(made.home, [...(COMMANDS[command]?.(made) ?? []), ...words], refusal)
  })
})

describe('ca sign reports missing options', () => {
  test.each([
    { words: ['ca', 'sign', '--pki-dir', 'acme'], names: ["'CSR'"] },
    { words: ['ca', 'sign', 'the.csr'], names: ['--pki-dir'] },
    { words: ['ca', 'sign', 'the.csr', '--pki-dir'], names: ['--pki-dir'] },
    { words: ['ca', 'sign', 'the.csr', '--pki-dir', 'acme', '--profile', 'root'], names: ['tls-server', 'device-ca'] },
    { words: ['ca', 'update'], names: ["'ca-crts'"] },
    { words: ['ca', 'revoke-device-ca'], names: ["'directory'"] },
    { words: ['ca', 'revoke-device-ca', 'acme', '--ca-serial'], names: ['--ca-serial'] },
  ])('$words', async ({ words, names }) => {
    const { home } = await copiedPki()
    const { status, stdout, stderr } = await home.fpki(words, { cwd: home.path })
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    for (const name of names) expect(stderr).toContain(name)
  })
})

test('a change that fails after locking changes nothing', async () => {
  const made = await copiedPki()
  await editCertificates(made, { caRevokeCrl: 'broken' })
  const before = await snapshot(made.home.path)
  const ended = await made.home.fpki(['ca', 'revoke-device-ca', made.directory, '--ca-file', 'local-ca', '--yes'])
  expectWords(ended, { status: 6, code: 'ERR_BAD_FILE', names: ['ca-revoke-crl'] })
  expect(await snapshot(made.home.path)).toEqual(before)
})
