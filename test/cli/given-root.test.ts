import { chmod, copyFile, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { bundledScript } from '../support/bundles.js'
import { type Home, newHome, output, runProgram } from '../support/cli.js'
import { EC_P256, newCompany, newKey, type RootWords, selfSigned } from '../support/company.js'
import { createUpTo, holdFactory } from './interruption.js'
import { x509 } from './made.js'
import { expectRefusal } from './refusal.js'
import { snapshot } from './snapshot.js'

const FIXTURES = fileURLToPath(new URL('../fixtures/openssl', import.meta.url))
const PASSPHRASE = 'correct horse battery'

/** The words of a `ca create` that takes a root. */
function create(home: Home, certificate: string, key?: string): readonly string[] {
  return ['ca', 'create', join(home.path, 'acme'), '--root-cert', certificate, ...(key ? ['--root-key', key] : [])]
}

/** Sees that OpenSSL verifies all that the directory holds, from its root. */
async function expectVerified(directory: string, ...words: readonly string[]): Promise<void> {
  const issued = ['tls-crt', 'online-crt', 'local-ca.pem'].map((name) => join(directory, name))
  await output('openssl', ['verify', '-x509_strict', ...words, '-CAfile', join(directory, 'factory_ca.pem'), ...issued])
}

/** Whatever `ca create` took: verify, `backup --check`, restore and lint find no failure. */
async function expectOneJudge(home: Home): Promise<void> {
  const env = { FPKI_PASSPHRASE: PASSPHRASE }
  const [directory, file, again] = ['acme', 'acme.backup', 'again'].map((name) => join(home.path, name))
  const run = async (...words: readonly (string | undefined)[]) => (await home.fpki(words.map(String), { env })).status
  expect({
    verify: await run('ca', 'verify', directory),
    lint: await run('lint', `${directory}/factory_ca.pem`, '--profile', 'root', '--factory', 'acme'),
    backup: await run('ca', 'backup', directory, '--out', file),
    check: await run('ca', 'backup', '--check', file, '--pki-dir', directory),
    restore: await run('ca', 'restore', file, again, '--no-state'),
  }).toEqual({ verify: 0, lint: 0, backup: 0, check: 0, restore: 0 })
}

describe('an existing root', () => {
  test('matches a key file with a compressed point', async () => {
    const { folder, key, certificate } = await selfSigned()
    const compressed = join(folder, 'compressed.key')
    await output('openssl', ['ec', '-in', key, '-conv_form', 'compressed', '-out', compressed])
    const home = await newHome()
    expect(await home.fpki([...create(home, certificate, compressed), '--quiet'])).toMatchObject({
      status: 0,
      stderr: '',
    })
    await expectVerified(join(home.path, 'acme'))
    await expectOneJudge(home)
  })

  test('with a compressed point is refused before anything is created, and lint reports why', async () => {
    const { folder, key } = await selfSigned()
    const [compressed, certificate] = [join(folder, 'compressed.key'), join(folder, 'compressed.pem')]
    await output('openssl', ['ec', '-in', key, '-conv_form', 'compressed', '-out', compressed])
    const ca = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign']
    const request = ['req', '-x509', '-new', '-key', compressed, '-utf8', '-subj', '/CN=Factory-CA/OU=acme', ...ca]
    await output('openssl', [...request, '-days', '7000', '-out', certificate])
    const home = await newHome()
    const refusal = { status: 6, code: 'ERR_BAD_CERTIFICATE', names: [certificate, 'compressed point'] }
    await expectRefusal(home, [...create(home, certificate, key)], refusal)
    expect((await home.fpki(['lint', certificate])).stdout).toContain('error compressed-point')
  })

  test.each([
    ['sec1-p256.key', 'root-p256.pem', 'ecdsa-with-SHA256'],
    ['pkcs8-p256.key', 'root-crlf.pem', 'ecdsa-with-SHA256'],
    ['parameters-p256.key', 'root-parameters-p256.pem', 'ecdsa-with-SHA256'],
    ['text-openssl.key', 'root-text-crlf-bom.pem', 'ecdsa-with-SHA256'],
    ['encrypted-pbkdf2.key', 'root-p256.pem', 'ecdsa-with-SHA256'],
    ['encrypted-traditional-crlf.key', 'root-text.pem', 'ecdsa-with-SHA256'],
    ['parameters-p384.key', 'root-parameters-p384.pem', 'ecdsa-with-SHA384'],
    ['sec1-p521.key', 'root-p521.pem', 'ecdsa-with-SHA512'],
  ])('is accepted from %s and %s', async (key, certificate, algorithm) => {
    const home = await newHome()
    const files = [certificate, key].map((name) => join(FIXTURES, name))
    const directory = join(home.path, 'acme')
    const words = create(home, files[0] ?? '', files[1])
    const { status, stderr } = await home.fpki([...words, '--quiet'], { env: { FPKI_PASSPHRASE: PASSPHRASE } })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    await expectVerified(directory)
    const fingerprint = await x509(join(FIXTURES, certificate), '-fingerprint')
    expect(await x509(join(directory, 'factory_ca.pem'), '-fingerprint')).toBe(fingerprint)
    expect(await x509(join(directory, 'tls-crt'), '-text')).toContain(`Signature Algorithm: ${algorithm}`)
    for (const name of ['factory_ca.key', 'factory_ca.pem']) {
      const path = join(directory, name)
      const text = await readFile(path, 'latin1')
      expect((await stat(path)).mode & 0o777).toBe(0o400)
      // One PEM block, as every tool takes it (docs/profile.md#files).
      expect(text.match(/-----BEGIN /g)).toHaveLength(1)
      expect(text).toMatch(/^-----BEGIN [A-Z ]+-----\n[\s\S]*\n-----END [A-Z ]+-----\n$/)
      expect(text).not.toContain('\r')
    }
    const copied = await readFile(join(directory, 'factory_ca.key'), 'utf8')
    expect(/ENCRYPTED/.test(copied)).toBe(key.startsWith('encrypted'))
    const [here, there] = [join(directory, 'factory_ca.key'), join(FIXTURES, key)].map((path) =>
      output('openssl', ['pkey', '-in', path, '-passin', `pass:${PASSPHRASE}`]),
    )
    expect(await here).toBe(await there)
  })

  test('is copied, and its files are unchanged', async () => {
    const { folder, key, certificate } = await selfSigned()
    const before = await snapshot(folder)
    const home = await newHome()
    expect((await home.fpki(create(home, certificate, key))).status).toBe(0)
    expect(await snapshot(folder)).toEqual(before)
  })

  test('may have a relative path', async () => {
    const { folder, key, certificate } = await selfSigned()
    const home = await newHome()
    const [one, other] = [certificate, key].map((path) => path.slice(folder.length + 1))
    expect((await home.fpki(create(home, one ?? '', other), { cwd: folder })).status).toBe(0)
  })

  test('is encrypted with --encrypt-keys', async () => {
    const { key, certificate } = await selfSigned()
    const home = await newHome()
    const words = [...create(home, certificate, key), '--encrypt-keys']
    expect((await home.fpki(words, { env: { FPKI_PASSPHRASE: PASSPHRASE } })).status).toBe(0)
    for (const name of ['factory_ca.key', 'local-ca.key']) {
      expect(await readFile(join(home.path, 'acme', name), 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
    }
  })

  test('may be signed by a company CA, and is a trust anchor', async () => {
    const company = await newCompany()
    const key = await newKey(join(company.folder, 'root.key'))
    const certificate = await company.sign({ key })
    const home = await newHome()
    const { status, stderr } = await home.fpki(create(home, certificate, key))
    expect(status).toBe(0)
    expect(stderr).toContain('is signed by O=Company, CN=Company Root; fpki did not check that signature')
    const directory = join(home.path, 'acme')
    await expectVerified(directory, '-partial_chain')
    const whole = join(company.folder, 'whole.pem')
    const files = [join(directory, 'factory_ca.pem'), company.certificate].map((path) => readFile(path, 'utf8'))
    await writeFile(whole, (await Promise.all(files)).join(''))
    await output('openssl', ['verify', '-CAfile', whole, join(directory, 'local-ca.pem')])
    const shown = await home.fpki(['ca', 'show', '--pretty'])
    expect(shown.stdout).toContain('O=Company, CN=Company Root  (trust anchor, not verified)')
    expect(shown.stdout).not.toContain('NOT SIGNED')
  })

  const differing: readonly (readonly [string, RootWords, string])[] = [
    [
      'extensions that are not critical, as in the OpenSSL recipe of Foundries and in easy-rsa',
      { extensions: ['basicConstraints=CA:TRUE', 'keyUsage=keyCertSign,cRLSign'] },
      'basicConstraints is not critical (basic-constraints-not-critical)',
    ],
    ['an end that is far away', { until: '99991231235959Z', printable: true }, 'PrintableString'],
  ]
  const odd: readonly (readonly [string, RootWords, string])[] = [
    ['another CN', { subject: '/CN=Old Root/OU=acme' }, 'CN=Old Root; the usual CN of a root is Factory-CA'],
    ['a PrintableString', { printable: true }, 'PrintableString; devices with mbedTLS may reject it'],
    [
      'no key id',
      {
        extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=keyCertSign,cRLSign', 'subjectKeyIdentifier=none'],
      },
      'has no subjectKeyIdentifier',
    ],
    [
      'a critical extension',
      {
        extensions: [
          'basicConstraints=critical,CA:TRUE,pathlen:1',
          'keyUsage=critical,keyCertSign,cRLSign',
          'nameConstraints=critical,permitted;DNS:localhost',
        ],
      },
      'critical extension nameConstraints',
    ],
  ]
  test.each([...odd, ...differing])('with %s is accepted with a warning', async (_, words, warning) => {
    const { key, certificate } = await selfSigned(words)
    const home = await newHome()
    const { status, stdout, stderr } = await home.fpki([...create(home, certificate, key), '--json'])
    expect({ status, stderr: stderr.includes(warning) }).toEqual({ status: 0, stderr: true })
    expect(JSON.parse(stdout).warnings.join()).toContain(warning)
    await expectOneJudge(home)
  })
})

const CA = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']

describe('an invalid root is refused before anything is written', () => {
  const rows: readonly (readonly [string, RootWords, string, keyWords?: readonly string[]])[] = [
    ['of another factory', { subject: '/CN=Factory-CA/OU=bolt' }, 'has OU=bolt, but must have OU=acme exactly once'],
    ['of no factory', { subject: '/CN=Factory-CA' }, 'has no OU'],
    ['of two factories', { subject: '/CN=Factory-CA/OU=acme/OU=bolt' }, 'OU=acme, OU=bolt'],
    ['that has expired', { until: '20260201000000Z' }, 'it expired on 2026-02-01T00:00:00Z'],
    ['of the future', { from: '20490101000000Z' }, 'it is not valid before 2049-01-01T00:00:00Z'],
    ['that is no CA', { extensions: ['basicConstraints=critical,CA:FALSE'] }, 'it is not a CA'],
    ['with a path length of 0', { extensions: ['basicConstraints=critical,CA:TRUE,pathlen:0'] }, 'its pathLen is 0'],
    ['without cRLSign', { extensions: [CA[0] ?? '', 'keyUsage=keyCertSign'] }, 'its keyUsage lacks cRLSign'],
    ['without keyUsage', { extensions: [CA[0] ?? ''] }, 'its keyUsage lacks keyCertSign and cRLSign'],
    ['for servers only', { extensions: [...CA, 'extendedKeyUsage=serverAuth'] }, 'its extKeyUsage lacks clientAuth'],
    ['for an RSA key', {}, 'its key is RSA 2048, but must be EC', ['-algorithm', 'RSA']],
  ]
  test.each(rows.map(([title, ...row]) => ({ title, row })))('one $title', async ({ row }) => {
    const [words, reason, keyWords = EC_P256] = row
    const { key, certificate } = await selfSigned(words, keyWords)
    const home = await newHome()
    const names = [certificate, reason]
    await expectRefusal(home, create(home, certificate, key), { status: 6, code: 'ERR_BAD_CERTIFICATE', names })
  })

  test('one whose signature does not verify', async () => {
    const { folder, key } = await selfSigned()
    const forger = await selfSigned()
    const certificate = join(folder, 'forged.pem')
    const csr = join(folder, 'forged.csr')
    await output('openssl', ['req', '-new', '-key', key, '-subj', '/CN=Factory-CA/OU=acme', '-utf8', '-out', csr])
    const extensions = join(folder, 'extensions')
    await writeFile(extensions, CA.join('\n'))
    const issuer = ['-CA', forger.certificate, '-CAkey', forger.key, '-extfile', extensions]
    await output('openssl', ['x509', '-req', '-in', csr, ...issuer, '-days', '30', '-out', certificate])
    const home = await newHome()
    const names = ['it is self-issued, but its signature does not verify']
    await expectRefusal(home, create(home, certificate, key), { status: 6, code: 'ERR_BAD_CERTIFICATE', names })
  })

  test.each([
    ['the key of another certificate', 'root-p256.pem', 'pkcs8-p256.key', 'sec1-p384.key', 'ERR_BAD_KEY'],
    ['two keys', 'root-p256.pem', 'refused-two-keys.key', 'contains 2 private keys', 'ERR_BAD_KEY'],
    ['an RSA key', 'root-p256.pem', 'refused-rsa.key', 'contains an RSA 2048 key', 'ERR_BAD_KEY'],
    ['two certificates', 'refused-two-roots.pem', 'sec1-p256.key', 'contains 2 PEM blocks', 'ERR_BAD_FILE'],
    ['the key in the place of the certificate', 'sec1-p256.key', 'sec1-p256.key', 'EC PRIVATE KEY', 'ERR_BAD_FILE'],
    [
      'no file',
      'nothing.pem',
      'sec1-p256.key',
      'nothing.pem does not exist … Pass the right file (--root-cert).',
      'ERR_BAD_FILE',
    ],
    [
      'no key file',
      'root-p256.pem',
      'nothing.key',
      'nothing.key does not exist … Pass the right file (--root-key).',
      'ERR_BAD_FILE',
    ],
    ['a key without its passphrase', 'root-p256.pem', 'encrypted-scrypt.key', '--passphrase-file', 'ERR_PASSPHRASE'],
  ])('%s', async (title, certificate, key, named, code) => {
    const home = await newHome()
    const [pem, file] = [join(FIXTURES, certificate), join(FIXTURES, title.startsWith('the key of') ? named : key)]
    const names = title.startsWith('the key of') ? ['is not the key of'] : named.split(' … ')
    await expectRefusal(home, create(home, pem, file), { status: 6, code, names })
  })

  test('a wrong passphrase', async () => {
    const home = await newHome()
    const files = ['root-p256.pem', 'encrypted-scrypt.key'].map((name) => join(FIXTURES, name))
    const refusal = { status: 6, code: 'ERR_PASSPHRASE', names: ['Wrong passphrase for', files[1] ?? ''] }
    await expectRefusal(home, create(home, files[0] ?? '', files[1]), refusal, { env: { FPKI_PASSPHRASE: 'wrong' } })
  })

  test.each(['--root-cert', '--root-key'])('10 MB for %s', async (flag) => {
    const { folder, key, certificate } = await selfSigned()
    const big = join(folder, 'big')
    await writeFile(big, 'x'.repeat(10_000_000))
    const home = await newHome()
    const words = create(home, flag === '--root-cert' ? big : certificate, flag === '--root-key' ? big : key)
    await expectRefusal(home, words, { status: 6, code: 'ERR_BAD_FILE', names: [big, 'too large'] })
  })

  const usages: readonly (readonly [string, readonly string[], number, string, string])[] = [
    ['a key alone', ['--root-key', 'KEY'], 2, 'ERR_USAGE', '--root-cert'],
    ['a certificate alone', ['--root-cert', 'PEM'], 6, 'ERR_BAD_KEY', 'ca root-csr'],
    [
      'local-ca in a token that is not there',
      ['--root-cert', 'PEM', '--root-key', 'KEY', '--local-ca-in-hsm'],
      2,
      'ERR_USAGE',
      'no HSM',
    ],
    [
      'a key in a file and in a token',
      ['--root-cert', 'PEM', '--root-key', 'KEY', '--hsm-module', '/no.so', '--hsm-token-label', 'x'],
      ...([2, 'ERR_USAGE', 'ca import-root'] as const),
    ],
  ]
  test.each(usages)('%s', async (_, words, status, code, named) => {
    const { key, certificate } = await selfSigned()
    const home = await newHome()
    const said = words.map((word) => ({ KEY: key, PEM: certificate })[word] ?? word)
    const start = { env: { FPKI_HSM_PIN: '1' } }
    await expectRefusal(
      home,
      ['ca', 'create', join(home.path, 'acme'), ...said],
      { status, code, names: [named] },
      start,
    )
  })
})

describe('interrupted', () => {
  test('is resumed by the same command only', async () => {
    const { folder, key, certificate } = await selfSigned()
    const home = await newHome()
    const directory = join(home.path, 'acme')
    const words = ['--root-cert', certificate, '--root-key', key]
    const release = await holdFactory(home, 'acme')
    const waiting = await createUpTo('requests', { home, directory, words })
    waiting.kill('SIGKILL')
    await waiting.ended
    await release()
    const before = await snapshot(directory)
    const without = await home.fpki(['ca', 'create', directory])
    expect({ status: without.status, named: without.stderr.includes('--root-cert') }).toEqual({
      status: 3,
      named: true,
    })
    await copyFile(certificate, join(folder, 'kept.pem'))
    const other = await selfSigned()
    await chmod(certificate, 0o600)
    await copyFile(other.certificate, certificate)
    const exchanged = await home.fpki(['ca', 'create', directory, ...words])
    expect({ status: exchanged.status, code: exchanged.stderr.includes('ERR_BAD_KEY') }).toEqual({
      status: 6,
      code: true,
    })
    expect(await snapshot(directory)).toEqual(before)
    await copyFile(join(folder, 'kept.pem'), certificate)
    // The key has its place already: it may be locked away again.
    await rm(key)
    const refused = await home.fpki(['ca', 'create', directory, ...words])
    expect(refused.stderr).toContain(`The root key file ${key} does not exist`)
    expect(refused.stderr).toContain('(--root-key).')
    expect((await home.fpki(['ca', 'create', directory, '--root-cert', certificate])).status).toBe(0)
    await expectVerified(directory)
  })

  test('is finished by a second run after a kill at each write of the journal', async () => {
    const { key, certificate } = await selfSigned()
    const fixture = bundledScript('killed-create')
    for (let write = 1; write <= 4; write++) {
      const home = await newHome()
      const directory = join(home.path, 'acme')
      const words = [fixture, directory, home.state, String(write), 'after', certificate, key]
      expect((await runProgram(process.execPath, words)).signal).toBe('SIGKILL')
      const { status, stderr } = await home.fpki(create(home, certificate, key))
      expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
      await expectVerified(directory)
    }
  })
})
