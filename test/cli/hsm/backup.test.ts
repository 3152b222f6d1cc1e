import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { backupPkiResult, checkBackupResult, restorePkiResult } from '../../../src/index.js'
import { homeWith, PIN, softHsm } from '../../support/token.js'

test('of a PKI with its root key in a token reports what it cannot contain, and needs no PIN', async () => {
  const token = await softHsm()
  const home = await homeWith(token, null)
  const [directory, file, again] = ['acme', 'acme.backup', 'again'].map((name) => join(home.path, name))
  const env = { FPKI_PASSPHRASE: 'nine lives of a fish' }
  const run = async (words: readonly string[], more = {}) => home.fpki(['ca', ...words], { env: { ...env, ...more } })
  const create = ['create', `${directory}`, '--quiet', ...token.flags]
  expect((await run(create, { FPKI_HSM_PIN: PIN })).status).toBe(0)

  const made = backupPkiResult.parse(
    JSON.parse((await run(['backup', `${directory}`, '--out', `${file}`, '--json'])).stdout),
  )
  expect(made.rootKey).toMatchObject({ kind: 'pkcs11', tokenLabel: 'acme' })
  expect(made.notHeld).toEqual([expect.stringContaining('"root-ca" never leaves the token "acme"')])

  const { stdout } = await run(['backup', '--check', `${file}`, '--pki-dir', `${directory}`, '--json'])
  expect(checkBackupResult.parse(JSON.parse(stdout))).toMatchObject({ rootKeyProven: false, recordedIn: directory })

  const { stdout: said } = await run(['status', `${directory}`])
  expect(said).toMatch(/, checked \S+, except for the root key, which is in a token: /)

  const ended = await run(['restore', `${file}`, `${again}`, '--json'])
  expect(ended.status).toBe(0)
  expect(restorePkiResult.parse(JSON.parse(ended.stdout)).notHeld).toEqual(made.notHeld)
  expect(await readdir(`${again}`)).toEqual(await readdir(`${directory}`))

  // A backup does not authenticate its author: the module that it names is shown, and loaded only with --hsm-module.
  expect(ended.stderr).toContain(`names the PKCS#11 module "${token.module}" (token "acme")`)
  const verify = async (...words: readonly string[]) => run(['verify', `${again}`, ...words], { FPKI_HSM_PIN: PIN })
  const unnamed = await verify()
  expect(unnamed.status).toBe(6)
  expect(unnamed.stdout).toMatch(/failure {2}root-key\.unusable.*restored from a backup.*--hsm-module PATH/)
  const named = await verify('--hsm-module', token.module)
  expect({ status: named.status, said: named.stdout.includes('The root key signs') }).toEqual({ status: 0, said: true })

  // A change with the module named remembers it again.
  const rotate = ['rotate-tls', `${again}`, '--quiet']
  const refused = await run(rotate, { FPKI_HSM_PIN: PIN })
  expect({ status: refused.status, code: refused.stderr.includes('[ERR_HSM_MODULE]') }).toEqual({
    status: 5,
    code: true,
  })
  expect((await run([...rotate, '--hsm-module', token.module], { FPKI_HSM_PIN: PIN })).status).toBe(0)
  expect((await verify()).status).toBe(0)
})

test('a module without a token is refused if no directory records a token', async () => {
  const token = await softHsm()
  const home = await homeWith(token)
  const module = ['--hsm-module', token.module]
  for (const words of [
    ['ca', 'create', join(home.path, 'acme')],
    ['hsm', 'check'],
  ]) {
    const { status, stderr } = await home.fpki([...words, ...module])
    expect(status).toBe(2)
    expect(stderr).toContain(`No token given for the PKCS#11 module ${token.module}`)
  }
})
