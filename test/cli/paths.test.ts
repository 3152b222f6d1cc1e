import { chmod, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newHome } from '../support/cli.js'
import { copiedPki } from './made.js'
import { ordinaryUser } from './ordinary-user.js'
import { expectWords } from './refusal.js'

describe('relative paths', () => {
  test('are accepted by root-csr, status and --state-dir, but not by create', async () => {
    const home = await newHome()
    const start = { cwd: home.path }
    expect(await home.fpki(['ca', 'root-csr', 'acme', '-q'], start)).toMatchObject({ status: 0 })
    expect(await readdir(join(home.path, 'acme'))).toContain('factory_ca.key')
    const create = ['ca', 'create', join(home.path, 'bolt'), '--state-dir', 'state', '-q']
    expect(await home.fpki(create, start)).toMatchObject({ status: 0 })
    expect(await readdir(join(home.path, 'state', 'factories'))).toEqual(['bolt'])
    expect(await home.fpki(['ca', 'status', 'bolt', '-q'], start)).toMatchObject({ status: 0 })
    const refusal = { status: 2, code: 'ERR_USAGE', names: ['"coil"', join(home.path, 'coil')] }
    expectWords(await home.fpki(['ca', 'create', 'coil'], start), refusal)
  })
})

describe('a HOME without write permission', () => {
  test('HOME=/ is reported with the setting, before the PKI directory is created', async () => {
    const user = await ordinaryUser()
    const open = join(user.path, 'pub')
    await mkdir(open)
    await chmod(open, 0o1777)
    const ended = await user.fpki(['ca', 'create', join(open, 'p'), '--factory', 'acme'], { env: { HOME: '/' } })
    expectWords(ended, {
      status: 3,
      code: 'ERR_STORAGE',
      names: ['--state-dir', 'FPKI_STATE_DIR', '/.local/share/fpki'],
    })
    expect(await readdir(open)).toEqual([])
  })

  test('an empty HOME works with --state-dir, else the hint names the setting', async () => {
    const home = await newHome()
    const env = { HOME: '' }
    const directory = join(home.path, 'acme')
    expectWords(await home.fpki(['ca', 'create', directory], { env }), {
      status: 2,
      code: 'ERR_USAGE',
      names: ['HOME', '--state-dir', 'FPKI_STATE_DIR'],
    })
    const state = ['--state-dir', join(home.path, 'state')]
    for (const words of [
      ['ca', 'create', directory],
      ['ca', 'show'],
      ['ca', 'rotate-tls', directory],
    ])
      expect(await home.fpki([...words, '-q', ...state], { env })).toMatchObject({ status: 0 })
  })
})

test('ca update checks its file before it selects a factory', async () => {
  const { home } = await copiedPki()
  await home.fpki(['ca', 'create', join(home.path, 'bolt')])
  const missing = join(home.path, 'missing.pem')
  const { status, stderr } = await home.fpki(['ca', 'update', missing])
  expect(status).not.toBe(0)
  expect(stderr).toContain(missing)
})
