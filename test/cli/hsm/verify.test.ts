import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { verifyPkiResult } from '../../../src/operations/audit/verify-pki.js'
import type { Home } from '../../support/cli.js'
import { homeWith, PIN, softHsm, type TestToken } from '../../support/token.js'
import { knowsOfBackup } from '../made.js'

/** A PKI with its root key in a token, and the local CA's too. */
async function pkiIn(token: TestToken): Promise<{ home: Home; directory: string }> {
  const home = await homeWith(token, null)
  const directory = join(home.path, 'acme')
  const words = ['ca', 'create', directory, '--quiet', '--local-ca-in-hsm', ...token.flags]
  const { status, stderr } = await home.fpki(words, { env: { FPKI_HSM_PIN: PIN } })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  await knowsOfBackup(directory)
  return { home, directory }
}

async function findings(home: Home, words: readonly string[], env: Readonly<Record<string, string>>) {
  const { status, stdout, stderr } = await home.fpki(['ca', 'verify', '--json', ...words], { env })
  for (const said of [stdout, stderr]) expect(said).not.toContain(PIN)
  const wrong = verifyPkiResult.parse(JSON.parse(stdout)).findings.filter((finding) => finding.status !== 'ok')
  return { status, wrong }
}

test('the root key in a token signs, with the records of the directory and the PIN', async () => {
  const { home, directory } = await pkiIn(await softHsm())
  expect(await findings(home, [directory], { FPKI_HSM_PIN: PIN })).toEqual({ status: 0, wrong: [] })
})

test('without a PIN and a terminal, the check of the root key fails with the reason, unless it is skipped', async () => {
  const { home, directory } = await pkiIn(await softHsm())
  const { status, wrong } = await findings(home, [directory], {})
  const reason = {
    code: 'root-key.unusable',
    message: expect.stringContaining('No PIN given'),
    hint: expect.stringContaining('--hsm-pin-file'),
  }
  expect({ status, wrong }).toEqual({ status: 6, wrong: [expect.objectContaining(reason)] })
  const skipped = await findings(home, [directory, '--skip-root-key'], {})
  expect(skipped).toEqual({ status: 0, wrong: [expect.objectContaining({ code: 'root-key.skipped' })] })
})

test('a wrong PIN is tried once and reported', async () => {
  const { home, directory } = await pkiIn(await softHsm())
  const { status, wrong } = await findings(home, [directory], { FPKI_HSM_PIN: '00000000' })
  expect({ status, wrong }).toEqual({ status: 6, wrong: [expect.objectContaining({ code: 'root-key.unusable' })] })
  expect(await findings(home, [directory], { FPKI_HSM_PIN: PIN })).toEqual({ status: 0, wrong: [] })
})

test('a missing token, and one with another root key, are reported', async () => {
  const [token, other] = [await softHsm(), await softHsm('other')]
  const { home, directory } = await pkiIn(token)
  await pkiIn(other)
  const env = { FPKI_HSM_PIN: PIN }
  const mismatch = await findings(home, [directory, ...other.flags], { ...env, ...other.env })
  expect(mismatch).toEqual({
    status: 6,
    wrong: [
      expect.objectContaining({
        code: 'root-key.unusable',
        message: expect.stringContaining('none of which has the public key of the certificate'),
      }),
    ],
  })
  await rename(token.folder, `${token.folder}-away`)
  const gone = await findings(home, [directory], env)
  expect(gone).toEqual({ status: 6, wrong: [expect.objectContaining({ code: 'root-key.unusable' })] })
})
