import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runProgram } from '../../support/cli.js'
import { homeWith, TOKENS } from '../../support/token.js'
import { entriesOf, knownOf, serialOf } from '../device-cas.js'
import { expectWords } from '../refusal.js'
import { snapshotButAuditLog } from '../snapshot.js'

test.each(TOKENS)('with the root key in %s, device CAs are disabled, enabled and revoked', async (_, newToken) => {
  const token = await newToken()
  const home = await homeWith(token)
  const directory = join(home.path, 'acme')
  const stateFile = join(home.state, 'factories', 'acme', 'factory.json')
  expect((await home.fpki(['ca', 'create', directory, ...token.flags, '--quiet'])).status).toBe(0)
  const serial = await serialOf(join(directory, 'local-ca.pem'))
  const words = (action: string) => ['ca', `${action}-device-ca`, directory, '--ca-file', 'local-ca', '--yes']
  const before = await snapshotButAuditLog(home.path)
  const dry = await home.fpki([...words('revoke'), '--dry-run'])
  expect(await entriesOf(dry.stdout)).toEqual([[serial, 'Privilege Withdrawn']])
  const wrong = await home.fpki(words('revoke'), { env: { FPKI_HSM_PIN: '00000000' } })
  expectWords(wrong, { status: 5, code: 'ERR_HSM_PIN', names: [] })
  expect(await snapshotButAuditLog(home.path)).toEqual(before)
  for (const [action, reason] of [
    ['disable', 'Certificate Hold'],
    ['enable', 'Remove From CRL'],
    ['revoke', 'Privilege Withdrawn'],
  ] as const) {
    expect(await home.fpki([...words(action), '--quiet'])).toMatchObject({ status: 0, stdout: '' })
    const stdin = (await knownOf({ stateFile })).caRevokeCrl ?? ''
    expect(await entriesOf(stdin)).toEqual([[serial, reason]])
    const verified = await runProgram('openssl', ['crl', '-noout', '-CAfile', join(directory, 'factory_ca.pem')], {
      stdin,
    })
    expect(verified.stderr).toBe('verify OK\n')
  }
})
