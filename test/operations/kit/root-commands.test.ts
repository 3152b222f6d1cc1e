import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { copiedPki, type Made } from '../../cli/made.js'
import { snapshot } from '../../cli/snapshot.js'
import { createLine, pkiWithSite } from '../../support/site.js'

const PASSPHRASE = 'correct horse battery staple'

/** A kit for site-b with line-1, made by the command. */
async function madeKit(): Promise<Made> {
  const made = await pkiWithSite()
  await createLine(made.directory, 'line-1', { quota: 10 })
  const words = ['ca', 'export-kit', made.directory, join(made.home.path, 'kit'), '--ca', 'site-b']
  expect(await made.home.fpki(words)).toMatchObject({ status: 0 })
  return made
}

async function scene() {
  const made = await copiedPki(madeKit)
  const { home } = made
  const env = { FPKI_STATE_DIR: home.state, FPKI_PASSPHRASE: PASSPHRASE }
  return { ...made, kit: join(home.path, 'kit'), run: (...words: readonly string[]) => home.fpki(words, { env }) }
}

test('a command that needs the root key says that a kit has none, and changes nothing', async () => {
  const { kit, home, run } = await scene()
  const before = await snapshot(kit)
  for (const words of [
    ['ca', 'add-device-ca', kit, '--local-ca', '--local-ca-filename', 'other'],
    ['ca', 'rotate-tls', kit],
    ['ca', 'revoke-device-ca', kit, '--ca-file', 'site-b', '--yes'],
    ['ca', 'sign', join(kit, 'site-b.pem'), '--pki-dir', kit],
    ['ca', 'paper', kit, '--out', join(home.path, 'sheet.html'), '--plain'],
    ['ca', 'export-kit', kit, join(home.path, 'second'), '--ca', 'site-b'],
    ['est', 'authorize', kit],
    ['ca', 'renew-root', kit, '--yes'],
    ['ca', 'plan-root-change', kit],
    ['devices', 'import', kit, join(kit, 'kit.json')],
  ]) {
    const { status, stderr } = await run(...words)
    expect({ words, status, stderr }).toMatchObject({ status: 3, stderr: expect.stringContaining('[ERR_KIT]') })
  }
  expect(await snapshot(kit)).toEqual(before)
})

test('verify, status, log and backup work on a kit', async () => {
  const { kit, home, run } = await scene()
  expect(await run('ca', 'verify', kit, '--strict')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('A kit has no root key.'),
  })
  const status = await run('ca', 'status', kit, '--json')
  expect(JSON.parse(status.stdout)).toMatchObject({
    state: 'fine',
    pkis: [{ kit: true, devices: { devices: 0 }, problems: [] }],
  })
  expect(await run('ca', 'log', 'verify', kit)).toMatchObject({ status: 0 })
  const [backup, restored] = [join(home.path, 'kit.backup'), join(home.path, 'restored')]
  const written = await run('ca', 'backup', kit, '--out', backup)
  expect(written).toMatchObject({ status: 0, stdout: expect.stringContaining('A kit has no root key.') })
  expect(await run('ca', 'restore', backup, restored)).toMatchObject({ status: 0 })
  expect(await readFile(join(restored, 'site-b.key'), 'utf8')).toBe(await readFile(join(kit, 'site-b.key'), 'utf8'))
  expect(await run('ca', 'verify', restored, '--strict')).toMatchObject({ status: 0 })
})
