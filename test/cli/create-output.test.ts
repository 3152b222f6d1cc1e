import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createPkiResult } from '../../src/operations/create/create-pki.js'
import { FPKI, newHome, runProgram } from '../support/cli.js'
import { dnsNamesOf } from './made.js'

describe('the output of create', () => {
  test('lists the directory, every file, and what to back up', async () => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    const { stdout } = await home.fpki(['ca', 'create', directory])
    const [created = '', backup = ''] = stdout.split('Back up')
    expect(created).toContain(`factory acme in ${directory}\n`)
    for (const name of ['factory_ca.key', 'factory_ca.pem', 'tls-crt', 'online-crt', 'local-ca.key', 'local-ca.pem']) {
      expect(created).toMatch(new RegExp(`^ {2}${name.replace('.', '\\.')} +\\S`, 'm'))
    }
    expect(created.match(/^ .*\(secret\)$/gm)?.map((line) => line.trim().split(' ')[0])).toEqual([
      'factory_ca.key',
      'local-ca.key',
    ])
    expect(backup).toContain(`  ${directory}\n`)
    expect(backup).toContain(`  ${join(home.state, 'factories', 'acme')}\n`)
    expect(backup).toContain('factory_ca.key is irreplaceable')
  })

  test('suggests a command that works', async () => {
    const home = await newHome()
    const { stdout } = await home.fpki(['ca', 'create', join(home.path, 'pki'), '--factory', 'acme'])
    const next = /Next:\n +fpki (.+)\n$/.exec(stdout)?.[1] ?? ''
    const { status, stdout: shown } = await runProgram('sh', ['-c', `exec "$0" "$1" ${next}`, process.execPath, FPKI], {
      env: { HOME: home.path },
    })
    expect(status).toBe(0)
    expect(shown).toContain('OU=acme')
  })

  test('reports progress on stderr, one line per step', async () => {
    const home = await newHome()
    const { stderr } = await home.fpki(['ca', 'create', join(home.path, 'acme')])
    expect(stderr.match(/^ {2}\S.* …$/gm)).toHaveLength(5)
    expect(stderr).not.toMatch(/warning|error/)
  })

  test('ends with a recommendation of an HSM if the root key is not encrypted', async () => {
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

  test.each(['-q', '--quiet'])('prints nothing with %s', async (flag) => {
    const home = await newHome()
    expect(await home.fpki(['ca', 'create', join(home.path, 'acme'), flag])).toEqual({
      status: 0,
      signal: null,
      stdout: '',
      stderr: '',
    })
  })

  test.each(['acme', 'Acme_2', 'a'.repeat(64)])('lists the names in tls-crt for the factory %s', async (name) => {
    const home = await newHome()
    const directory = join(home.path, name)
    const { stderr } = await home.fpki(['ca', 'create', directory])
    const names = /tls-crt is valid for (.+?);/.exec(stderr)?.[1] ?? ''
    expect(names.split(' and ')).toEqual(await dnsNamesOf(join(directory, 'tls-crt')))
  })

  test('does not mention default names with --tls-name', async () => {
    const home = await newHome()
    const words = ['ca', 'create', join(home.path, 'acme'), '--tls-name', 'gw.acme.example']
    const { status, stderr } = await home.fpki(words)
    expect(status).toBe(0)
    expect(stderr).not.toContain('localhost')
  })
})

describe('create --json', () => {
  test('prints exactly one valid document to stdout', async () => {
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

  test('prints nothing to stderr with --quiet', async () => {
    const home = await newHome()
    const { stdout, stderr } = await home.fpki(['ca', 'create', join(home.path, 'acme'), '--json', '--quiet'])
    expect(stderr).toBe('')
    expect(createPkiResult.safeParse(JSON.parse(stdout)).success).toBe(true)
  })

  test('lists only the files created', async () => {
    const home = await newHome()
    const words = ['ca', 'create', join(home.path, 'acme'), '--json', '--no-local-ca', '--no-online-ca']
    const { files } = createPkiResult.parse(JSON.parse((await home.fpki(words)).stdout))
    expect(files.map(({ name }) => name)).toEqual(['factory_ca.key', 'factory_ca.pem', 'tls-crt'])
  })
})
