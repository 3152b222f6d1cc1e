import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkedHsm } from '../../src/operations/check-hsm.js'
import { listedModules } from '../../src/operations/list-tokens.js'
import { expectRefusal } from '../cli/refusal.js'
import { newHome } from '../support/cli.js'
import { homeWith, pkcs11Tool, SOFTHSM, softHsm, softHsmFolder, TOKENS } from '../support/token.js'

describe('fpki hsm list', () => {
  test.each(TOKENS)('shows the token of a module that is named: %s', async (_, newToken) => {
    const token = await newToken()
    const home = await homeWith(token, null)
    const words = ['hsm', 'list', '--hsm-module', token.module]
    const flags = token.initArgs === '' ? [] : ['--hsm-init-args', token.initArgs]
    const { status, stdout, stderr } = await home.fpki([...words, ...flags])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^${token.module}\n(  .*\n)*  "${token.label}"  .*, serial \\w+, ready\n`))
    const listed = listedModules.parse(JSON.parse((await home.fpki([...words, ...flags, '--json'])).stdout))
    expect(listed.modules.flatMap(({ tokens }) => tokens.map(({ label }) => label))).toContain(token.label)
  })

  test('finds the modules of this machine, and says why one does not start', async () => {
    const token = await softHsm('plant')
    const home = await homeWith(token, null)
    const { status, stdout } = await home.fpki(['hsm', 'list', '--json'])
    expect(status).toBe(0)
    const { modules } = listedModules.parse(JSON.parse(stdout))
    const softhsm = modules.filter(({ tokens }) => tokens.some(({ label }) => label === 'plant'))
    expect(softhsm).toHaveLength(1)
    for (const { path, problem } of modules)
      expect({ path, problem }).toEqual({ path, problem: problem === null ? null : expect.stringContaining(path) })
    expect((await home.fpki(['hsm', 'list'])).stdout).toContain('"plant"  SoftHSM v2')
  })

  test('leaves out a token that nobody has initialized', async () => {
    const { env } = await softHsmFolder()
    const { stdout } = await (await newHome()).fpki(['hsm', 'list', '--hsm-module', SOFTHSM], { env })
    expect(stdout).toBe(`${SOFTHSM}\n  no token\n`)
  })

  test('tells of a module that cannot be loaded, when it was named', async () => {
    const refusal = { status: 5, code: 'ERR_HSM_MODULE', names: ['/nowhere.so'] }
    const home = await newHome()
    expect((await home.fpki(['hsm', 'list', '--hsm-module', '/nowhere.so'])).stderr).toContain('ERR_HSM_MODULE')
    await expectRefusal(home, ['hsm', 'list', '--hsm-module', '/nowhere.so'], refusal)
  })
})

describe('fpki hsm check', () => {
  test.each(TOKENS)('walks what create needs, and leaves nothing behind: %s', async (_, newToken) => {
    const token = await newToken()
    const home = await homeWith(token)
    const words = ['hsm', 'check', ...token.flags]
    const { status, stdout, stderr } = await home.fpki(words)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout.match(/^works: /gm)).toHaveLength(7)
    expect(stdout).toContain('OpenSSL verifies')
    expect(stdout).toMatch(/This token can hold a root key\.\n$/)
    const checked = checkedHsm.parse(JSON.parse((await home.fpki([...words, '--json'])).stdout))
    expect({ rootKeyIsThere: checked.rootKeyIsThere, label: checked.token.label }).toEqual({
      rootKeyIsThere: false,
      label: token.label,
    })
    expect((await home.fpki(['ca', 'create', join(home.path, 'acme'), '--quiet', ...token.flags])).status).toBe(0)
    expect((await home.fpki(words)).stdout).toContain('there is one in it already')
  })

  test('deletes its key, as pkcs11-tool sees it', async () => {
    const token = await softHsm()
    const home = await homeWith(token)
    expect((await home.fpki(['hsm', 'check', '--quiet', ...token.flags])).status).toBe(0)
    expect(await pkcs11Tool(token, ['-O'])).not.toContain('Object')
  })

  test('needs an HSM', async () => {
    await expectRefusal(await newHome(), ['hsm', 'check'], { status: 2, code: 'ERR_USAGE', names: ['No HSM is named'] })
  })
})
