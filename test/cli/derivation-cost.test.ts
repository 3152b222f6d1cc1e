import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { main } from '../../src/cli/program.js'
import { newEnvelope } from '../../src/containers/cms/envelope.js'
import { MAX_ROUNDS } from '../../src/containers/key-derivation.js'
import { thisMachine } from '../../src/machine/index.js'
import { keyLines } from '../../src/operations/paper/parts.js'
import { der, objectIdentifier, octetString, sequence } from '../../src/pki/der-write.js'
import { oid } from '../../src/pki/oids.js'
import { decodeOnePem } from '../../src/pki/pem.js'
import { integer, membersOf, readTlv, type Tlv, tlv } from '../pki/support/der.js'
import { type Home, output } from '../support/cli.js'
import { pbes2Pem } from '../support/damaged-key.js'
import { seal } from '../support/envelopes.js'
import { copiedPki, type Made } from './made.js'
import { silentIo } from './silent-io.js'

const PASSPHRASE = 'zebra quokka vole'

/** An encrypted key, with noise for its content, that takes so many rounds of PBKDF2. */
function keyOf(rounds: number): string {
  const count = der(2, Buffer.from(rounds.toString(16).padStart(8, '0'), 'hex'))
  const minimal = rounds < 0x80_0000 ? der(2, Buffer.from(rounds.toString(16).padStart(6, '0'), 'hex')) : count
  const prf = sequence(objectIdentifier(oid('hmacWithSHA256')), der(5))
  return pbes2Pem('PBKDF2', [octetString(Buffer.alloc(16, 1)), minimal, prf])
}

/** scrypt with N = 2^30. */
const HUGE_SCRYPT = pbes2Pem('scrypt', [
  octetString(Buffer.alloc(16, 1)),
  ...['40000000', '08', '01'].map((hex) => der(2, Buffer.from(hex, 'hex'))),
])

/** Every way in which a key file from elsewhere is read; the key in `pem` is put where the command reads it. */
const READERS: readonly (readonly [string, (pki: Made, pem: string) => Promise<readonly string[]>])[] = [
  ['verify', async (pki, pem) => ['ca', 'verify', await withRootKey(pki, pem), '--offline']],
  [
    'paper',
    async (pki, pem) => ['ca', 'paper', await withRootKey(pki, pem), '--out', join(pki.home.path, 'sheet.html')],
  ],
  ['backup', async (pki, pem) => ['ca', 'backup', await withRootKey(pki, pem), '--out', join(pki.home.path, 'b')]],
  ['rotate-tls', async (pki, pem) => ['ca', 'rotate-tls', await withRootKey(pki, pem)]],
  [
    'export',
    async ({ directory, path, home }, pem) => {
      await writeFile(path('local-ca.key'), pem)
      return ['ca', 'export', directory, '--p12', 'local-ca', '--out', join(home.path, 'p12')]
    },
  ],
  [
    'create',
    async ({ home, path }, pem) => {
      const key = await written(home, 'root.key', pem)
      return [
        'ca',
        'create',
        join(home.path, 'b'),
        '--root-cert',
        path('factory_ca.pem'),
        '--root-key',
        key,
        '--factory',
        'acme',
      ]
    },
  ],
  [
    'paper --restore',
    async ({ home }, pem) => {
      const content = decodeOnePem('ENCRYPTED PRIVATE KEY', pem, 'the key')
      const lines = keyLines({ der: content, isEncrypted: true, publicKeyDigest: Buffer.alloc(32) })
      const typed = await written(home, 'typed.txt', lines.join('\n'))
      return ['ca', 'paper', '--restore', typed, '--out', join(home.path, 'restored.key')]
    },
  ],
  [
    'backup --check --recipient-key',
    async ({ home }, pem) => {
      const file = await written(
        home,
        'b',
        await seal(
          newEnvelope({ passphrase: PASSPHRASE, certificates: [] }, thisMachine({ passphraseRounds: 1 })),
          Buffer.of(),
        ),
      )
      return ['ca', 'backup', '--check', file, '--recipient-key', await written(home, 'person.key', pem)]
    },
  ],
]

async function withRootKey({ path, directory }: Made, pem: string): Promise<string> {
  await writeFile(path('factory_ca.key'), pem)
  return directory
}

async function written(home: Home, name: string, content: string | Uint8Array): Promise<string> {
  const path = join(home.path, name)
  await writeFile(path, content, { mode: 0o600 })
  return path
}

describe.each(READERS)('%s', (_, wordsFor) => {
  test.each([
    ['2^31-1 rounds of PBKDF2', keyOf(2 ** 31 - 1)],
    ['scrypt with N = 2^30', HUGE_SCRYPT],
  ])('refuses a key with %s before deriving', async (_, pem) => {
    const pki = await copiedPki()
    const words = await wordsFor(pki, pem)
    const stderr: string[] = []
    const env = { HOME: pki.home.path, FPKI_PASSPHRASE: PASSPHRASE, FPKI_STATE_DIR: stateFor(words, pki) }
    const io = { ...silentIo(() => undefined), env, home: pki.home.path, stderr: (text: string) => stderr.push(text) }
    const isVerify = words[1] === 'verify'
    const stdout: string[] = []
    expect(await main(words, { ...io, stdout: (text) => stdout.push(text) })).toBe(6)
    expect((isVerify ? stdout : stderr).join('')).toMatch(/cannot be decrypted: its .* is above the limit/)
  })
})

const HEARING = READERS.filter(([name]) => ['verify', 'create', 'paper --restore'].includes(name))

test.each(HEARING)('%s stops on SIGTERM during the longest permitted derivation', async (_, wordsFor) => {
  const pki = await copiedPki()
  const words = await wordsFor(pki, keyOf(MAX_ROUNDS))
  await expectHeard(pki.home, words, stateFor(words, pki))
})

/** Sends SIGTERM when the program has asked for the passphrase: a derivation of some seconds is all that it has to do. */
async function expectHeard(home: Home, words: readonly string[], state: string): Promise<void> {
  const pipe = join(home.path, 'passphrase')
  await output('mkfifo', ['-m', '600', pipe])
  const { status, stderr } = await home.fpki([...words, '--passphrase-file', pipe], {
    env: { FPKI_STATE_DIR: state },
    // Writing waits until the pipe is read.
    onStart: (child) => {
      writeFile(pipe, `${PASSPHRASE}\n`).then(
        () => child.kill('SIGTERM'),
        () => child.kill('SIGKILL'),
      )
    },
  })
  expect({ status, stderr }).toEqual({ status: 143, stderr: expect.stringContaining('[ERR_SIGTERM]') })
}

/** A backup for a passphrase that says so many rounds of PBKDF2; the passphrase does not open it. */
async function backupOf(rounds: number): Promise<Buffer> {
  const few = 1000
  const machine = thisMachine({ passphraseRounds: few })
  const file = await seal(newEnvelope({ passphrase: PASSPHRASE, certificates: [] }, machine), Buffer.from('x'))
  const withRounds = (value: Tlv): Buffer => {
    if (value.der.equals(integer(few))) return integer(rounds)
    const isConstructed = (value.tag & 0x20) !== 0
    return isConstructed ? tlv(value.tag, ...membersOf(value).map(withRounds)) : value.der
  }
  return withRounds(readTlv(file))
}

/** The root can be set once only, so that `ca create` needs another state. */
function stateFor(words: readonly string[], { home }: Made): string {
  return words[1] === 'create' ? join(home.path, 'state') : home.state
}

test('backup --check refuses a backup with 2^31-1 iterations before asking for the passphrase', async () => {
  const { home } = await copiedPki()
  const file = await backupOf(2 ** 31 - 1)
  const path = await written(home, 'acme.backup', file)
  for (const words of [
    ['backup', '--check', path],
    ['restore', path, join(home.path, 'again')],
  ]) {
    const { status, stderr } = await home.fpki(['ca', ...words])
    expect({ status, stderr }).toEqual({
      status: 6,
      stderr: expect.stringContaining('iteration count is above the limit'),
    })
  }
  expect(await readFile(path)).toEqual(file)
})

test('backup --check stops on SIGTERM during the longest permitted derivation', async () => {
  const { home } = await copiedPki()
  const path = await written(home, 'acme.backup', await backupOf(MAX_ROUNDS))
  await expectHeard(home, ['ca', 'backup', '--check', path], home.state)
})
