import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FPKI, newHome, output, runProgram } from '../support/cli.js'
import { foldJournal } from '../support/journal.js'
import { madePki, x509 } from './made.js'
import { modes, namesBelow, snapshot } from './snapshot.js'

const FILES = ['factory_ca.key', 'factory_ca.pem', 'local-ca.key', 'local-ca.pem', 'online-crt', 'tls-crt']
const CERTIFICATES = FILES.filter((name) => !name.endsWith('.key'))
const KEYS = [
  ['factory_ca.key', 'factory_ca.pem'],
  ['local-ca.key', 'local-ca.pem'],
] as const

describe('the PKI directory that create makes', () => {
  test('holds the files of the contract with mode 0400, fpki’s own folder, and nothing else', async () => {
    const { directory } = await madePki()
    const files = Object.fromEntries(FILES.map((name) => [name, 'file 400']))
    expect(await modes(directory)).toEqual({
      '.': 'directory 700',
      '.fpki': 'directory 700',
      '.fpki/journal.jsonl': 'file 600',
      '.fpki/lock': 'file 600',
      '.fpki/state.json': 'file 600',
      ...files,
    })
  })

  test('holds one PEM block a file', async () => {
    const { text } = await madePki()
    for (const name of FILES) {
      const label = name.endsWith('.key') ? 'EC PRIVATE KEY' : 'CERTIFICATE'
      expect(await text(name)).toMatch(
        new RegExp(`^-----BEGIN ${label}-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END ${label}-----\n$`),
      )
    }
  })

  test('holds certificates that OpenSSL verifies up to the root, and the keys that go with them', async () => {
    const { path } = await madePki()
    const root = path('factory_ca.pem')
    for (const name of CERTIFICATES) {
      expect(await output('openssl', ['verify', '-x509_strict', '-CAfile', root, path(name)])).toContain('OK')
    }
    for (const [key, certificate] of KEYS) {
      const publicKey = await output('openssl', ['pkey', '-in', path(key), '-pubout'])
      expect(publicKey.trim()).toBe(await x509(path(certificate), '-pubkey'))
    }
  })

  test('may be an empty directory that is there already', async () => {
    const home = await newHome()
    const { status } = await home.fpki(['ca', 'create', home.path, '--factory', 'acme'])
    expect(status).toBe(0)
    expect(await readdir(home.path)).toEqual(expect.arrayContaining(FILES))
  })

  test('may be deep below what is there; every folder on the way is its owner’s alone', async () => {
    const home = await newHome()
    const { status } = await home.fpki(['ca', 'create', join(home.path, 'a', 'b', 'acme')])
    expect(status).toBe(0)
    const made = await modes(join(home.path, 'a'))
    expect([made['.'], made['b'], made['b/acme']]).toEqual(['directory 700', 'directory 700', 'directory 700'])
  })

  test.each(['000', '022', '077'])('has the same modes under umask %s', async (umask) => {
    const usual = await madePki()
    const home = await newHome()
    const words = ['-c', `umask ${umask}; exec "$0" "$@"`, process.execPath, FPKI]
    const { status } = await runProgram('sh', [...words, 'ca', 'create', join(home.path, 'acme')], {
      env: { HOME: home.path },
    })
    expect(status).toBe(0)
    expect(await modes(home.path)).toEqual(await modes(usual.home.path))
  })
})

describe('the rest of the machine', () => {
  test('sees nothing new in HOME but the PKI directory, the state directory and the compile cache', async () => {
    const { home } = await madePki()
    const others = (await namesBelow(home.path)).filter((name) => !/^(acme|\.local\/share\/fpki)(\/|$)/.test(name))
    expect(others).toEqual(['.local', '.local/share'])
    expect((await readdir(home.path)).filter((name) => name === '.cache')).toEqual(
      (await readdir(join(home.path, '.cache')).catch(() => [])).filter((name) => name === 'fpki').map(() => '.cache'),
    )
  })

  test('gets nothing in the working directory', async () => {
    const home = await newHome()
    const elsewhere = await newHome()
    const before = await snapshot(elsewhere.path)
    expect((await home.fpki(['ca', 'create', join(home.path, 'acme')], { cwd: elsewhere.path })).status).toBe(0)
    expect(await snapshot(elsewhere.path)).toEqual(before)
  })

  test('cannot read what the embedded factory keeps', async () => {
    const { home } = await madePki()
    const state = await modes(home.state)
    expect(new Set(Object.values(state))).toEqual(new Set(['directory 700', 'file 600']))
    expect(Object.keys(state)).toEqual(
      expect.arrayContaining(['factories/acme/keys/tls-1.key', 'factories/acme/keys/ca-1.key']),
    )
  })
})

test('two runs share no key, no serial number and no certificate', async () => {
  const [one, two] = await Promise.all([madePki(), madePki()])
  for (const name of FILES) expect(await one.text(name)).not.toBe(await two.text(name))
  expect(await x509(one.path('factory_ca.pem'), '-serial')).not.toBe(await x509(two.path('factory_ca.pem'), '-serial'))
})

test('the journal ends with every step done and names no secret’s content', async () => {
  const { path } = await madePki()
  const text = await readFile(path('.fpki/journal.jsonl'), 'utf8')
  const { steps } = foldJournal(text)
  expect(steps.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'done'])
  expect(text).not.toContain('PRIVATE KEY')
  expect((await stat(path('.fpki/journal.jsonl'))).size).toBeLessThan(16_384)
})
