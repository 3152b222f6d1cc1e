import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { VerifyPkiResult } from '../../src/operations/audit/verify-pki.js'
import { type Home, newHome } from '../support/cli.js'
import { interruptedCreate } from './interruption.js'

/** Directories without a root certificate that no backup can complete, and what completes them. */
const INCOMPLETE: readonly [
  what: string,
  make: (home: Home, directory: string) => Promise<unknown>,
  hint: (directory: string) => string,
][] = [
  [
    'an interrupted create',
    (home, directory) => interruptedCreate(home, directory, ['--factory', 'acme']),
    (directory) => `\`fpki ca create\` was interrupted; to finish: \`fpki ca resume ${directory}\`.`,
  ],
  [
    'a root that waits for its certificate',
    (home, directory) => home.fpki(['ca', 'root-csr', directory]),
    (directory) => `Have factory_ca.csr signed, then run \`fpki ca create ${directory} --root-cert signed.pem\`.`,
  ],
  [
    'no PKI',
    (_, directory) => mkdir(directory, { mode: 0o700 }),
    () => 'Pass a PKI directory, or create one with `fpki ca create /absolute/path`.',
  ],
]

test.each(INCOMPLETE)('verify of %s does not ask for a backup', async (_, make, hint) => {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  await make(home, directory)
  const { status, stdout } = await home.fpki(['ca', 'verify', directory, '--offline', '--json'])
  const { findings }: VerifyPkiResult = JSON.parse(stdout)
  expect(status).toBe(6)
  for (const file of ['factory_ca.pem', 'tls-crt'])
    expect(findings).toContainEqual(
      expect.objectContaining({ code: 'files.missing', status: 'failure', file, hint: hint(directory) }),
    )
  expect(findings.filter((one) => /from a backup|move the file away/.test(one.hint ?? ''))).toEqual([])
})

test('status of a root that waits for its certificate says how to complete it', async () => {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  expect((await home.fpki(['ca', 'root-csr', directory])).status).toBe(0)
  const { status, stderr } = await home.fpki(['ca', 'status', directory])
  expect(status).toBe(3)
  expect(stderr).toContain(`fpki ca create ${directory} --root-cert signed.pem`)
})
