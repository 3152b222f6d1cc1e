import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkedBackup, madeBackup, restoredPki } from '../../src/index.js'
import { homeWith, PIN, softHsm } from '../support/token.js'

test('of a PKI with its root key in a token says what it cannot hold, and needs no PIN', async () => {
  const token = await softHsm()
  const home = await homeWith(token, null)
  const [directory, file, again] = ['acme', 'acme.backup', 'again'].map((name) => join(home.path, name))
  const env = { FPKI_PASSPHRASE: 'nine lives of a fish' }
  const run = async (words: readonly string[], more = {}) => home.fpki(['ca', ...words], { env: { ...env, ...more } })
  const create = ['create', `${directory}`, '--quiet', ...token.flags]
  expect((await run(create, { FPKI_HSM_PIN: PIN })).status).toBe(0)

  const made = madeBackup.parse(
    JSON.parse((await run(['backup', `${directory}`, '--out', `${file}`, '--json'])).stdout),
  )
  expect(made.rootKey).toMatchObject({ kind: 'pkcs11', tokenLabel: 'acme' })
  expect(made.notHeld).toEqual([expect.stringContaining('"root-ca" is in the token "acme"')])

  const { stdout } = await run(['backup', '--check', `${file}`, '--json'])
  expect(checkedBackup.parse(JSON.parse(stdout))).toMatchObject({ rootKeyProven: false, recordedIn: directory })

  const { stdout: said } = await run(['status', `${directory}`])
  expect(said).toMatch(/, proven \S+ but for the root key, which is in a token: /)

  const ended = await run(['restore', `${file}`, `${again}`, '--json'])
  expect(ended.status).toBe(0)
  expect(restoredPki.parse(JSON.parse(ended.stdout)).notHeld).toEqual(made.notHeld)
  expect(await readdir(`${again}`)).toEqual(await readdir(`${directory}`))

  // The token and the directory belong together again.
  const verified = await run(['verify', `${again}`], { FPKI_HSM_PIN: PIN })
  expect({ status: verified.status, said: verified.stdout.includes('The root key signs') }).toEqual({
    status: 0,
    said: true,
  })
})
