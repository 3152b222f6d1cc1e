import { createHash, X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createPkiResult } from '../../../src/operations/create/create-pki.js'
import { output } from '../../support/cli.js'
import { cutOffIn, editJournal, readJournal } from '../../support/journal.js'
import { homeWith, type TestToken, TOKENS } from '../../support/token.js'
import { createUpTo, holdFactory, interruptedCreate } from '../interruption.js'
import { x509 } from '../made.js'
import { expectRefusal } from '../refusal.js'
import { namesBelow } from '../snapshot.js'

const CERTIFICATES = ['factory_ca.pem', 'tls-crt', 'online-crt', 'local-ca.pem']

describe.each(TOKENS)('ca create on %s', (_, newToken) => {
  async function scene(token?: TestToken) {
    const made = token ?? (await newToken())
    const home = await homeWith(made)
    const directory = join(home.path, 'acme')
    const create = ['ca', 'create', directory, ...made.flags]
    return { token: made, home, directory, create }
  }

  test('creates a PKI that OpenSSL verifies, and leaves no root key on the disk', async () => {
    const { home, directory, create } = await scene()
    const { status, stdout, stderr } = await home.fpki([...create, '--json'])
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    expect(createPkiResult.parse(JSON.parse(stdout)).rootKey).toMatchObject({
      kind: 'pkcs11',
      keyLabel: 'root-ca',
      keyId: '01',
    })
    expect(await namesBelow(directory)).toEqual(
      ['.fpki', '.fpki/journal.jsonl', '.fpki/lock', '.fpki/state.json', 'local-ca.key', ...CERTIFICATES].sort(),
    )
    for (const name of CERTIFICATES) await expectVerified(directory, name)
    const shown = await home.fpki(['ca', 'show', '--just-root'])
    expect(shown.stdout).toBe(await readFile(join(directory, 'factory_ca.pem'), 'utf8'))
  })

  test('records module, token and key, but no PIN', async () => {
    const { home, directory, create, token } = await scene()
    expect((await home.fpki([...create, '--quiet'])).status).toBe(0)
    const { rootKey } = JSON.parse(await readFile(join(directory, '.fpki', 'state.json'), 'utf8'))
    expect(rootKey).toMatchObject({
      kind: 'pkcs11',
      module: token.module,
      tokenLabel: token.label,
      keyLabel: 'root-ca',
    })
    expect(rootKey.initArgs ?? '').toBe(token.initArgs)
  })

  test('refuses a token that has a root key, and creates nothing', async () => {
    const { home, create, token } = await scene()
    expect((await home.fpki([...create, '--quiet'])).status).toBe(0)
    await expectRefusal(home, ['ca', 'create', join(home.path, 'second'), ...token.flags], {
      status: 3,
      code: 'ERR_EXISTS',
      names: [token.label, 'root-ca'],
    })
  })

  test('resumes with the key that is in the token', async () => {
    const { home, directory, create, token } = await scene()
    await interruptedCreate(home, directory, token.flags)
    const made = (await readJournal(directory)).facts['keys']
    const { status, stdout } = await home.fpki([...create, '--json'])
    expect(status).toBe(0)
    expect(createPkiResult.parse(JSON.parse(stdout)).resumed).toBe(true)
    expect(made).toMatchObject({ rootKey: await certifiedKey(directory) })
    await expectVerified(directory, 'tls-crt')
  })

  test('finds the key of a run that was interrupted before it recorded the key', async () => {
    const { home, directory, create, token } = await scene()
    await interruptedCreate(home, directory, token.flags)
    const made = (await readJournal(directory)).facts['keys']
    await editJournal(directory, (journal) => cutOffIn(journal, 'keys'))
    expect((await home.fpki([...create, '--quiet'])).status).toBe(0)
    expect(made).toMatchObject({ rootKey: await certifiedKey(directory) })
  })

  test('resumes only with the same HSM', async () => {
    const { home, directory, token } = await scene()
    await interruptedCreate(home, directory, token.flags)
    await expectRefusal(home, ['ca', 'create', directory], {
      status: 3,
      code: 'ERR_UNFINISHED',
      names: ['--hsm-module', token.module],
    })
  })

  test('creates a P-384 key with --key-type', async () => {
    const { home, directory, create } = await scene()
    expect((await home.fpki([...create, '--quiet', '--key-type', 'P-384'])).status).toBe(0)
    expect(await x509(join(directory, 'factory_ca.pem'), '-text')).toMatch(/ecdsa-with-SHA384[\s\S]*NIST CURVE: P-384/)
    await expectVerified(directory, 'tls-crt')
  })

  test('creates local-ca in the token with --local-ca-in-hsm, under its own label', async () => {
    const { home, directory, create } = await scene()
    const made = await home.fpki([...create, '--local-ca-in-hsm'])
    expect(made.status).toBe(0)
    expect(made.stdout).toContain('not extractable: "root-ca" and "local-ca"')
    expect(await namesBelow(directory)).not.toContain('local-ca.key')
    await expectVerified(directory, 'local-ca.pem')
    const { localCaKey } = JSON.parse(await readFile(join(directory, '.fpki', 'state.json'), 'utf8'))
    expect(localCaKey).toMatchObject({ kind: 'pkcs11', keyLabel: 'local-ca', keyId: '02' })
    expect(await x509(join(directory, 'local-ca.pem'), '-pubkey')).not.toBe(
      await x509(join(directory, 'factory_ca.pem'), '-pubkey'),
    )
  })

  test('on SIGINT, stops with nothing incomplete, and the token is usable immediately', async () => {
    const { home, directory, create, token } = await scene()
    const release = await holdFactory(home, 'acme')
    const waiting = await createUpTo('requests', { home, directory, words: token.flags })
    waiting.kill('SIGINT')
    expect(await waiting.ended).toMatchObject({ status: 130, stdout: '' })
    await release()
    expect((await home.fpki([...create, '--quiet'])).status).toBe(0)
  })

  test('tries a wrong PIN once, and creates nothing', async () => {
    const { home, directory, token } = await scene()
    const start = { env: { FPKI_HSM_PIN: '11112222' } }
    const { status, stdout, stderr } = await home.fpki(['ca', 'create', directory, ...token.flags], start)
    expect({ status, stdout }).toEqual({ status: 5, stdout: '' })
    expect(stderr).toMatch(/wrong PIN \(CKR_PIN_INCORRECT\).*\[ERR_HSM_PIN\]/)
    expect(stderr).not.toContain('11112222')
    expect(await namesBelow(home.path)).not.toContain('acme')
  })
})

test('a directory that others can write to is refused before the token is used', async () => {
  const [, newToken] = TOKENS[0] ?? []
  if (newToken === undefined) throw new Error('no token')
  const token = await newToken()
  const home = await homeWith(token, null)
  const directory = join(home.path, 'open')
  await output('mkdir', ['-m', '0777', directory])
  await writeFile(join(directory, 'x'), '')
  const { status, stderr } = await home.fpki(['ca', 'create', directory, ...token.flags])
  expect({ status, refused: stderr.includes('ERR_PERMISSIONS') }).toEqual({ status: 3, refused: true })
})

async function expectVerified(directory: string, name: string): Promise<void> {
  const words = ['verify', '-x509_strict', '-CAfile', join(directory, 'factory_ca.pem'), join(directory, name)]
  expect(await output('openssl', words)).toContain('OK')
}

/** The SHA-256 of the root certificate's public key (SubjectPublicKeyInfo, DER). */
async function certifiedKey(directory: string): Promise<string> {
  const { publicKey } = new X509Certificate(await readFile(join(directory, 'factory_ca.pem')))
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}
