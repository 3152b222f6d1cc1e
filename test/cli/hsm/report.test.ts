import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { output } from '../../support/cli.js'
import { recordDevices, uuidNumber } from '../../support/device-register.js'
import { homeWith, softHsm } from '../../support/token.js'

test('a report is signed by the key of local-ca in a token, recorded or selected', async () => {
  const token = await softHsm()
  const home = await homeWith(token)
  const directory = join(home.path, 'acme')
  expect((await home.fpki(['ca', 'create', directory, '--quiet', '--local-ca-in-hsm', ...token.flags])).status).toBe(0)
  await recordDevices(directory, [{ uuid: uuidNumber(1) }])
  const key = join(home.path, 'ca.pub')
  await writeFile(key, await output('openssl', ['x509', '-in', join(directory, 'local-ca.pem'), '-noout', '-pubkey']))
  for (const [name, flags] of [
    ['recorded', []],
    ['selected', token.flags],
  ] as const) {
    const report = join(home.path, name)
    const ended = await home.fpki(['devices', 'report', directory, '--line', 'default', '--out', report, ...flags])
    expect(ended).toMatchObject({ status: 0, stdout: '' })
    const words = ['dgst', '-sha256', '-verify', key, '-signature', `${report}.sig`, report]
    expect(await output('openssl', words)).toBe('Verified OK\n')
  }
  // The root key is in the token too.
  const report = join(home.path, 'report.html')
  const ended = await home.fpki(['ca', 'report', directory, '--out', report, '--sign', ...token.flags])
  expect(ended).toMatchObject({ status: 0, stdout: '' })
  await writeFile(key, await output('openssl', ['x509', '-in', join(directory, 'factory_ca.pem'), '-noout', '-pubkey']))
  const words = ['dgst', '-sha256', '-verify', key, '-signature', `${report}.sig`, report]
  expect(await output('openssl', words)).toBe('Verified OK\n')
  expect(await readFile(report, 'utf8')).toMatch(/<td[^>]*>token &#34;[^<]+, serial [0-9a-f]+, key/)
})
