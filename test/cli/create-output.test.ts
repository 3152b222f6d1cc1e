import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createPkiResult } from '../../src/operations/create/create-pki.js'
import { FPKI, newHome, runProgram } from '../support/cli.js'
import { dnsNamesOf } from './made.js'

describe('what create tells', () => {
  test('names the directory, every file, what to back up and why', async () => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    const { stdout } = await home.fpki(['ca', 'create', directory])
    const [made = '', backup = ''] = stdout.split('Back up')
    expect(made).toContain(`factory acme in ${directory}\n`)
    for (const name of ['factory_ca.key', 'factory_ca.pem', 'tls-crt', 'online-crt', 'local-ca.key', 'local-ca.pem']) {
      expect(made).toMatch(new RegExp(`^ {2}${name.replace('.', '\\.')} +\\S`, 'm'))
    }
    expect(made.match(/^ .*\(secret\)$/gm)?.map((line) => line.trim().split(' ')[0])).toEqual([
      'factory_ca.key',
      'local-ca.key',
    ])
    expect(backup).toContain(`  ${directory}\n`)
    expect(backup).toContain(`  ${join(home.state, 'factories', 'acme')}\n`)
    expect(backup).toContain('factory_ca.key cannot be made again')
  })

  test('names a next command that works', async () => {
    const home = await newHome()
    const { stdout } = await home.fpki(['ca', 'create', join(home.path, 'pki'), '--factory', 'acme'])
    const next = /Next:\n +fpki (.+)\n$/.exec(stdout)?.[1] ?? ''
    const { status, stdout: shown } = await runProgram('sh', ['-c', `exec "$0" "$1" ${next}`, process.execPath, FPKI], {
      env: { HOME: home.path },
    })
    expect(status).toBe(0)
    expect(shown).toContain('OU=acme')
  })

  test('goes to stderr as far as it is progress, one line a step', async () => {
    const home = await newHome()
    const { stderr } = await home.fpki(['ca', 'create', join(home.path, 'acme')])
    expect(stderr.match(/^ {2}\S.* …$/gm)).toHaveLength(5)
    expect(stderr).not.toMatch(/warning|error/)
  })

  test('ends with one line that recommends an HSM, when the root key is in the clear', async () => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    const { stderr } = await home.fpki(['ca', 'create', directory])
    const advice = stderr.split('\n').filter((line) => line.includes('HSM'))
    expect(advice).toEqual([stderr.trimEnd().split('\n').at(-1)])
    expect(advice[0]).toContain(`An HSM is recommended: \`fpki ca import-root ${directory} --hsm-module `)
    expect(advice[0]).toContain('--encrypt-keys')
    const encrypted = await home.fpki(['ca', 'create', join(home.path, 'other'), '--encrypt-keys'], {
      env: { FPKI_PASSPHRASE: 'open sesame' },
    })
    expect(encrypted).toMatchObject({ status: 0, stderr: expect.not.stringContaining('HSM') })
  })

  test.each(['-q', '--quiet'])('is nothing with %s', async (flag) => {
    const home = await newHome()
    expect(await home.fpki(['ca', 'create', join(home.path, 'acme'), flag])).toEqual({
      status: 0,
      signal: null,
      stdout: '',
      stderr: '',
    })
  })

  test.each(['acme', 'Acme_2', 'a'.repeat(64)])('tells of exactly the names that tls-crt has, for %s', async (name) => {
    const home = await newHome()
    const directory = join(home.path, name)
    const { stderr } = await home.fpki(['ca', 'create', directory])
    const told = /tls-crt is for (.+?);/.exec(stderr)?.[1] ?? ''
    expect(told.split(' and ')).toEqual(await dnsNamesOf(join(directory, 'tls-crt')))
  })

  test('does not tell of default names when --tls-name gave some', async () => {
    const home = await newHome()
    const words = ['ca', 'create', join(home.path, 'acme'), '--tls-name', 'gw.acme.example']
    const { status, stderr } = await home.fpki(words)
    expect(status).toBe(0)
    expect(stderr).not.toContain('localhost')
  })
})

describe('create --json', () => {
  test('prints one document that its schema accepts, and nothing else on stdout', async () => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    const { stdout } = await home.fpki(['ca', 'create', directory, '--json'])
    const document = createPkiResult.parse(JSON.parse(stdout))
    expect(document).toMatchObject({ factory: 'acme', directory, resumed: false, warnings: [] })
    expect(document.api).toContain(home.state)
    expect(document.files.filter(({ secret }) => secret).map(({ name }) => name)).toEqual([
      'factory_ca.key',
      'local-ca.key',
    ])
    expect(document.files).toHaveLength(6)
  })

  test('with --quiet leaves stderr empty', async () => {
    const home = await newHome()
    const { stdout, stderr } = await home.fpki(['ca', 'create', join(home.path, 'acme'), '--json', '--quiet'])
    expect(stderr).toBe('')
    expect(createPkiResult.safeParse(JSON.parse(stdout)).success).toBe(true)
  })

  test('names only the files that were asked for', async () => {
    const home = await newHome()
    const words = ['ca', 'create', join(home.path, 'acme'), '--json', '--no-local-ca', '--no-online-ca']
    const { files } = createPkiResult.parse(JSON.parse((await home.fpki(words)).stdout))
    expect(files.map(({ name }) => name)).toEqual(['factory_ca.key', 'factory_ca.pem', 'tls-crt'])
  })
})
