import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ReadStream } from 'node:tty'
import { describe, expect, test } from 'vitest'
import { keyAccess, requiredHsm } from '../../src/cli/hsm.js'
import type { Io } from '../../src/cli/output.js'
import { passphrasesOf } from '../../src/cli/passphrase.js'
import { askSecret } from '../../src/cli/prompt.js'
import { explicitToken } from '../../src/config/connection.js'
import { resolveSettings } from '../../src/config/resolve.js'
import { thisMachine } from '../../src/machine/index.js'
import { newHome, temporaryDirectory } from '../support/cli.js'
import { silentIo } from './silent-io.js'

const SECRET = 'zebra-quokka-9'
const PROGRESS = { step: () => undefined, note: () => undefined, warn: () => undefined }
const HSM = { hsmModule: '/nowhere.so', hsmTokenLabel: 'acme' }

/** What every source does with octets: the secret that fpki would use, or why it refuses them. */
type Source = (octets: Buffer) => Promise<string>

function ioWith(env: Readonly<Record<string, string>>): Io {
  return { ...silentIo(() => undefined), env }
}

async function file(octets: Buffer): Promise<string> {
  const path = join(await temporaryDirectory(), 'secret')
  await writeFile(path, octets, { mode: 0o600 })
  return path
}

/** The variable as Node hands it over: decoded as UTF-8. */
function variable(octets: Buffer): string {
  return octets.toString('utf8')
}

const percent = (octets: Buffer) => octets.toString('hex').replace(/../g, '%$&')

async function pin(flags: Parameters<typeof requiredHsm>[0], env = {}): Promise<string> {
  const { access } = await requiredHsm({ ...HSM, ...flags }, ioWith(env), PROGRESS)
  return access.login.pin('the token')
}

/** Every way to give a secret. A variable cannot contain a NUL, and nobody types a line end into a question. */
const SOURCES: Readonly<Record<string, Source>> = {
  '--passphrase-file': async (octets) =>
    passphrasesOf({ passphraseFile: await file(octets) }, ioWith({}), PROGRESS).forExisting('it'),
  FPKI_PASSPHRASE: (octets) =>
    passphrasesOf({}, ioWith({ FPKI_PASSPHRASE: variable(octets) }), PROGRESS).forExisting('it'),
  '--hsm-pin-file': async (octets) => pin({ hsmPinFile: await file(octets) }),
  FPKI_HSM_PIN: (octets) => pin({}, { FPKI_HSM_PIN: variable(octets) }),
  'pin-source of the URI': async (octets) => pin({ hsmUri: `pkcs11:token=acme?pin-source=${await file(octets)}` }),
  'pin-value of the URI': (octets) => pin({ hsmUri: `pkcs11:token=acme?pin-value=${percent(octets)}` }),
  '--hsm-pin': (octets) => pin({ hsmPin: variable(octets) }),
  FPKI_TOKEN: (octets) => token({ FPKI_TOKEN: variable(octets) }),
}

async function token(env: Readonly<Record<string, string>>): Promise<string> {
  const settings = await resolveSettings({}, { env, home: '' }, thisMachine().files)
  return explicitToken(settings, false)?.value ?? 'none'
}

const FILES = ['--passphrase-file', '--hsm-pin-file', 'pin-source of the URI']
const UTF16 = Buffer.from(SECRET, 'utf16le')

describe.each(Object.entries(SOURCES))('a secret from %s', (name, source) => {
  test.each([
    ['alone', SECRET],
    ['with LF', `${SECRET}\n`],
    ['with CRLF', `${SECRET}\r\n`],
  ])('%s is the same secret', async (_, text) => {
    expect(await source(Buffer.from(text))).toBe(SECRET)
  })

  test('keeps spaces', async () => {
    expect(await source(Buffer.from(` ${SECRET} `))).toBe(` ${SECRET} `)
  })

  const refused: readonly (readonly [string, Buffer, string])[] = [
    ['two line ends', Buffer.from(`${SECRET}\n\n`), 'has more than one line'],
    ['LF and CR', Buffer.from(`${SECRET}\n\r`), 'has more than one line'],
    ['CR', Buffer.from(`${SECRET}\r`), 'has more than one line'],
    ['a second line', Buffer.from(`${SECRET}\nmore`), 'has more than one line'],
    ['a tab', Buffer.from(`zebra\t${SECRET}`), 'contains a control character'],
    ['an escape sequence', Buffer.from(`\u001b[A${SECRET}`), 'contains a control character'],
    ['DEL', Buffer.from(`${SECRET}\u007f`), 'contains a control character'],
    ['a C1 control', Buffer.from(`${SECRET}\u0085`), 'contains a control character'],
    ['a byte order mark', Buffer.from(`\ufeff${SECRET}`), 'begins with a byte order mark'],
    ['Latin-1', Buffer.from('zebr\xe4-quokka', 'latin1'), 'is not UTF-8'],
    ['nothing but a line end', Buffer.from('\n'), 'is empty'],
    ...([...FILES, 'pin-value of the URI'].includes(name)
      ? ([
          ['UTF-16', UTF16, 'is UTF-16'],
          ['UTF-16, big-endian', Buffer.from(UTF16).swap16(), 'is UTF-16'],
          ['a NUL', Buffer.from(`${SECRET}\0`), 'contains a control character'],
        ] as const)
      : []),
    ...(FILES.includes(name)
      ? [['UTF-16 with a byte order mark', Buffer.concat([Buffer.of(0xff, 0xfe), UTF16]), 'is UTF-16'] as const]
      : []),
  ]
  test.each(refused)('with %s is refused', async (_, octets, reason) => {
    const problem = await source(octets).then(
      () => 'taken',
      (error: { code: string; message: string; hint: string }) => error,
    )
    expect(problem).toMatchObject({ code: 'ERR_USAGE', message: expect.stringContaining(`it ${reason}`) })
    expect(JSON.stringify(problem)).not.toContain('zebra')
  })
})

test.each([
  ['is missing', async () => undefined, /Cannot read the passphrase from \S+ \(ENOENT\)/, 'is readable: ls -l '],
  [
    'has 5,000 octets',
    (path: string) => writeFile(path, 'x'.repeat(5000)),
    /it is longer than 4096 bytes/,
    'on one line',
  ],
] as const)('a secret file that %s is refused with a hint', async (_, make, reason, hint) => {
  const home = await newHome()
  const path = join(home.path, 'secret')
  await make(path)
  const words = ['ca', 'create', join(home.path, 'acme'), '--encrypt-keys', '--passphrase-file', path]
  const { status, stderr } = await home.fpki(words)
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(reason) })
  expect(stderr).toContain(hint)
})

test('an empty variable counts as unset', async () => {
  const passphrases = passphrasesOf({}, ioWith({ FPKI_PASSPHRASE: '' }), PROGRESS)
  await expect(passphrases.forExisting('it')).rejects.toMatchObject({ code: 'ERR_PASSPHRASE' })
  expect((await keyAccess({}, ioWith({ FPKI_HSM_PIN: '' }), PROGRESS)).root).toEqual({ kind: 'recorded', module: null })
})

describe('an answer on the terminal', () => {
  async function answer(keys: string): Promise<string> {
    const terminal = Object.assign(Readable.from([Buffer.from(keys)], { objectMode: false }), {
      setRawMode: () => undefined,
    })
    return askSecret(terminal as unknown as ReadStream, 'PIN: ', () => undefined, new AbortController().signal)
  }

  test('is the typed text without erased characters', async () => {
    expect(await answer(`wrong\u0015${SECRET}x\u007f\r`)).toBe(SECRET)
  })

  test.each([
    ['a tab', `zebra\t${SECRET}\r`, 'contains a control character'],
    ['octets that are not UTF-8', `zebra\ufffd${SECRET}\r`, 'is not UTF-8'],
    ['a byte order mark', `\ufeff${SECRET}\r`, 'begins with a byte order mark'],
  ])('with %s is refused rather than changed', async (_, keys, reason) => {
    const refusal = { code: 'ERR_USAGE', message: expect.stringContaining(reason) }
    await expect(answer(keys)).rejects.toMatchObject(refusal)
  })
})
