import { copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exportP12Result } from '../../src/operations/paper/export-p12.js'
import { output } from '../support/cli.js'
import { copiedPki, editJson } from './made.js'
import { expectRefusal } from './refusal.js'
import { found, secretForms } from './secret-forms.js'

const PASSPHRASE = 'correct horse battery'
const START = { env: { FPKI_PASSPHRASE: PASSPHRASE } }

async function scene() {
  const made = await copiedPki()
  const out = join(made.home.path, 'ca.p12')
  return { ...made, out, words: ['ca', 'export', made.directory, '--p12', 'local-ca', '--out', out] }
}

/** The output of `openssl pkcs12` for a file, without -legacy. */
function pkcs12(file: string, passphrase: string, ...words: readonly string[]): Promise<string> {
  return output('openssl', ['pkcs12', '-in', file, '-passin', 'env:P', ...words], { env: { P: passphrase } })
}

async function expectContains(out: string, passphrase: string, key: string, directory: string): Promise<void> {
  const inside = await pkcs12(out, passphrase, '-nodes')
  const certificates = inside.match(/-----BEGIN CERT[\s\S]*?-----END CERTIFICATE-----\n/g)
  const files = ['local-ca.pem', 'factory_ca.pem'].map((name) => readFile(join(directory, name), 'utf8'))
  expect(certificates).toEqual(await Promise.all(files))
  expect(await output('openssl', ['pkey', '-pubout'], { stdin: inside })).toBe(
    await output('openssl', ['pkey', '-in', key, '-passin', 'env:P', '-pubout'], { env: { P: passphrase } }),
  )
}

describe('ca export --p12', () => {
  test('opens with OpenSSL and GnuTLS, using AES-256 and HMAC-SHA-256', async () => {
    const { home, directory, path, out, words } = await scene()
    // In a process of its own: within the test, key derivation uses fewer iterations.
    const { status, stdout } = await home.spawn([...words, '--json'], START)
    expect(status).toBe(0)
    expect(exportP12Result.parse(JSON.parse(stdout))).toMatchObject({ factory: 'acme', file: out })
    expect((await stat(out)).mode & 0o777).toBe(0o600)
    await expectContains(out, PASSPHRASE, path('local-ca.key'), directory)
    const facts = await output('sh', ['-c', 'openssl pkcs12 -in "$0" -passin env:P -info -noout 2>&1', out], {
      env: { P: PASSPHRASE },
    })
    expect(facts).toMatch(/^MAC: sha256, Iteration 600000$/m)
    expect(facts).toMatch(/PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256/)
    const read = await output('certtool', ['--p12-info', '--infile', out, '--inder', '--password', PASSPHRASE])
    expect(read).toMatch(/Friendly name: local-ca/)
    expect(read.match(/Type: (Certificate|PKCS #8 Encrypted key)/gi)).toHaveLength(3)
  })

  test('imports key and chain into NSS', async () => {
    const { home, out, words, text } = await scene()
    const { stderr } = await home.fpki(words, START)
    expect(stderr).not.toContain('warning')
    const database = join(home.path, 'nss')
    await mkdir(database)
    await writeFile(join(home.path, 'phrase'), PASSPHRASE)
    await output('certutil', ['-N', '-d', database, '--empty-password'])
    await output('pk12util', ['-i', out, '-d', database, '-w', join(home.path, 'phrase')])
    expect(await output('certutil', ['-K', '-d', database])).toMatch(/ ec .*local-ca/)
    expect((await output('certutil', ['-L', '-d', database, '-n', 'local-ca', '-a'])).replaceAll('\r', '').trim()).toBe(
      (await text('local-ca.pem')).trim(),
    )
    expect(await output('certutil', ['-L', '-d', database])).toContain('Factory-CA')
  })

  test.each(['pässwört', 'пароль пароль', 'horse 🐎 battery'])(
    'accepts the passphrase %s, with a warning about Java',
    async (passphrase) => {
      const { home, directory, path, out, words } = await scene()
      const { status, stderr } = await home.fpki(words, { env: { FPKI_PASSPHRASE: passphrase } })
      expect({ status, warned: /warning: .*Java/.test(stderr) }).toEqual({ status: 0, warned: true })
      await expectContains(out, passphrase, path('local-ca.key'), directory)
      await expect(pkcs12(out, 'another one', '-nodes')).rejects.toThrow(/invalid password|mac verify/i)
    },
  )

  test('exports another local CA to a file with its name', async () => {
    const { home, directory } = await scene()
    const add = ['ca', 'add-device-ca', directory, '--local-ca', '--local-ca-filename', 'site-b.pem', '--quiet']
    expect((await home.fpki(add)).status).toBe(0)
    const words = ['ca', 'export', 'acme', '--p12', 'site-b.pem']
    expect((await home.fpki(words, { ...START, cwd: home.path })).status).toBe(0)
    const inside = await pkcs12(join(home.path, 'site-b.p12'), PASSPHRASE, '-clcerts', '-nokeys')
    expect(inside).toContain('friendlyName: site-b')
    expect(inside).toContain(await readFile(join(directory, 'site-b.pem'), 'utf8'))
  })

  test('decrypts an encrypted key with the same passphrase', async () => {
    const { home, directory, path, out, words } = await scene()
    const pem = await output('openssl', ['pkcs8', '-topk8', '-in', path('local-ca.key'), '-passout', 'env:P'], {
      env: { P: PASSPHRASE },
    })
    await rm(path('local-ca.key'))
    await writeFile(path('local-ca.key'), pem, { mode: 0o400 })
    const wrong = { env: { FPKI_PASSPHRASE: 'another horse' } }
    await expectRefusal(home, words, { status: 6, code: 'ERR_PASSPHRASE', names: ['local-ca.key'] }, wrong)
    expect((await home.fpki(words, START)).status).toBe(0)
    await expectContains(out, PASSPHRASE, path('local-ca.key'), directory)
  })

  test('prints no secret', async () => {
    const { home, words } = await scene()
    const { stdout, stderr } = await home.fpki([...words, '--verbose'], START)
    expect(found([PASSPHRASE, ...(await secretForms(home.path))], stdout + stderr)).toEqual([])
  })

  test('refuses the root, an unknown CA, a missing passphrase, an existing file and one in the PKI directory', async () => {
    const { home, directory, out, words } = await scene()
    const named = (name: string) => ['ca', 'export', directory, '--p12', name, '--out', out]
    for (const name of ['factory_ca', 'factory_ca.pem']) {
      await expectRefusal(home, named(name), { status: 2, code: 'ERR_USAGE', names: ['fpki ca paper'] }, START)
    }
    await expectRefusal(home, named('../x'), { status: 2, code: 'ERR_USAGE', names: ['plain file name'] }, START)
    await expectRefusal(home, named('site-c'), { status: 6, code: 'ERR_BAD_FILE', names: ['site-c.pem'] }, START)
    await expectRefusal(home, words, {
      status: 6,
      code: 'ERR_PASSPHRASE',
      names: ['No passphrase given for the new PKCS#12 file'],
    })
    const inside = ['ca', 'export', directory, '--p12', 'local-ca', '--out', join(directory, 'site-b.key')]
    await expectRefusal(home, inside, { status: 2, code: 'ERR_USAGE', names: ['it is in the PKI directory'] }, START)
    await writeFile(out, 'mine')
    await expectRefusal(home, words, { status: 3, code: 'ERR_EXISTS', names: ['ca.p12'] }, START)
  })

  test('refuses a key that does not match, or is in a token', async () => {
    const { home, path, words } = await scene()
    const key = await readFile(path('local-ca.key'))
    await rm(path('local-ca.key'))
    await copyFile(path('factory_ca.key'), path('local-ca.key'))
    await expectRefusal(home, words, { status: 6, code: 'ERR_BAD_KEY', names: ['is not the key of'] }, START)
    await rm(path('local-ca.key'))
    const place = {
      kind: 'pkcs11',
      module: '/m.so',
      tokenLabel: 'safe',
      tokenSerial: '1',
      keyLabel: 'local-ca',
      keyId: '02',
    }
    await expectRefusal(home, words, { status: 6, code: 'ERR_BAD_KEY', names: ['is missing'] }, START)
    await editJson(path('.fpki/state.json'), (state) => ({ ...state, localCaKey: place }))
    await expectRefusal(home, words, { status: 3, code: 'ERR_KEY_IN_TOKEN', names: ['token "safe"'] }, START)
    await writeFile(path('local-ca.key'), key)
    const { home: other, path: otherPath } = await copiedPki(async () => {
      const { madePki } = await import('./made.js')
      return madePki(['--tls-name', 'other.example'])
    })
    expect(other.path).not.toBe(home.path)
    await rm(path('factory_ca.pem'))
    await copyFile(otherPath('factory_ca.pem'), path('factory_ca.pem'))
    await expectRefusal(home, words, { status: 6, code: 'ERR_BAD_CERTIFICATE', names: ['not signed by'] }, START)
  })
})
