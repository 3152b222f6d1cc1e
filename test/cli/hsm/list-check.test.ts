import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { checkHsmResult } from '../../../src/operations/hsm/check-hsm.js'
import { listTokens, listTokensResult } from '../../../src/operations/hsm/list-tokens.js'
import { newHome, temporaryDirectory } from '../../support/cli.js'
import { oddModule } from '../../support/odd-module.js'
import { homeWith, PIN, pkcs11Tool, SOFTHSM, softHsm, softHsmFolder, TOKENS } from '../../support/token.js'
import { expectRefusal } from '../refusal.js'

describe('fpki hsm list', () => {
  test.each(TOKENS)('shows the token of the given module: %s', async (_, newToken) => {
    const token = await newToken()
    const home = await homeWith(token, null)
    const words = ['hsm', 'list', '--hsm-module', token.module]
    const flags = token.initArgs === '' ? [] : ['--hsm-init-args', token.initArgs]
    const { status, stdout, stderr } = await home.fpki([...words, ...flags])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^${token.module}\n(  .*\n)*  "${token.label}"  .*, serial \\w+, ready\n`))
    const listed = listTokensResult.parse(JSON.parse((await home.fpki([...words, ...flags, '--json'])).stdout))
    expect(listed.modules.flatMap(({ tokens }) => tokens.map(({ label }) => label))).toContain(token.label)
  })

  test('finds the modules of this machine, and says why one does not start', async () => {
    const token = await softHsm('plant')
    const home = await homeWith(token, null)
    const { status, stdout } = await home.fpki(['hsm', 'list', '--json'])
    expect(status).toBe(0)
    const { modules } = listTokensResult.parse(JSON.parse(stdout))
    const softhsm = modules.filter(({ tokens }) => tokens.some(({ label }) => label === 'plant'))
    expect(softhsm).toHaveLength(1)
    for (const { path, problem } of modules)
      expect({ path, problem }).toEqual({ path, problem: problem === null ? null : expect.stringContaining(path) })
    expect((await home.fpki(['hsm', 'list'])).stdout).toContain('"plant"  SoftHSM v2')
  })

  test('omits an uninitialized token', async () => {
    const { env } = await softHsmFolder()
    const { stdout } = await (await newHome()).fpki(['hsm', 'list', '--hsm-module', SOFTHSM], { env })
    expect(stdout).toBe(`${SOFTHSM}\n  no tokens\n`)
  })

  test('reports a given module that cannot be loaded', async () => {
    const refusal = { status: 5, code: 'ERR_HSM_MODULE', names: ['/nowhere.so'] }
    const home = await newHome()
    expect((await home.fpki(['hsm', 'list', '--hsm-module', '/nowhere.so'])).stderr).toContain('ERR_HSM_MODULE')
    await expectRefusal(home, ['hsm', 'list', '--hsm-module', '/nowhere.so'], refusal)
  })
})

/** How a module misbehaves, in C, and what is said of it. */
const CRASHES: readonly (readonly [string, string, string])[] = [
  ['aborts', 'abort();', 'crashed (SIGABRT)'],
  ['writes to address 0', '*(volatile int *) 0 = 1;', 'crashed (SIGSEGV)'],
  ['ends the process', '_exit(0);', 'ended without an answer (exit status 0)'],
  ['writes another answer', 'write(3, "{}", 2); _exit(0);', 'ended without an answer (exit status 0)'],
]

describe('fpki hsm list isolates modules', () => {
  const NOISE = 'fputs("module: \\033[31mloading\\n", stderr); puts("ready"); fflush(stdout);'

  test('one that prints to stderr and stdout is listed without its output', async () => {
    const module = await oddModule(NOISE)
    const home = await newHome()
    const listed = await home.fpki(['hsm', 'list', '--hsm-module', module])
    expect(listed).toMatchObject({ status: 0, stdout: `${module}\n  no tokens\n`, stderr: '' })
    const { stdout, stderr } = await home.fpki(['hsm', 'list', '--json', '--hsm-module', module])
    expect({ modules: listTokensResult.parse(JSON.parse(stdout)).modules, stderr }).toEqual({
      modules: [{ path: module, problem: null, tokens: [] }],
      stderr: '',
    })
  })

  test('the output of one is shown with --verbose', async () => {
    const module = await oddModule(NOISE)
    const { stdout, stderr } = await (await newHome()).fpki(['hsm', 'list', '--verbose', '--hsm-module', module])
    expect(stdout).toBe(`${module}\n  no tokens\n`)
    expect(stderr.trimEnd().split('\n').sort()).toEqual([
      expect.stringMatching(/^note: Output of \S+\.so: module: [^\u001b]*loading$/),
      `note: Output of ${module}: ready`,
    ])
  })

  test.each(CRASHES)('one that %s is reported by name', async (_, code, reason) => {
    const module = await oddModule(`fputs("last words\\n", stderr); ${code}`)
    const refusal = { status: 5, code: 'ERR_HSM_MODULE', names: [module, reason, '--verbose'] }
    const home = await newHome()
    await expectRefusal(home, ['hsm', 'list', '--hsm-module', module], refusal)
    expect((await home.fpki(['hsm', 'list', '--hsm-module', module])).stderr).not.toContain('last words')
  })

  test('one that hangs is killed and reported by name', async () => {
    const path = await oddModule('fputs("waiting\\n", stderr); for (;;) pause();')
    const printed: string[] = []
    const child = {
      program: fileURLToPath(new URL('../../../dist/cli/list-module.js', import.meta.url)),
      env: process.env,
      seconds: 2,
      signal: new AbortController().signal,
      printed: (module: string, text: string) => void printed.push(module, text),
    }
    await expect(listTokens({ module: { module: path, initArgs: '' } }, { child })).rejects.toMatchObject({
      code: 'ERR_HSM_MODULE',
      message: `The PKCS#11 module ${path} did not answer within 2 seconds.`,
    })
    // Nothing when the machine is so slow that the module was not reached.
    expect([[], [path, 'waiting\n']]).toContainEqual(printed)
  })

  test('one that hangs is killed when the command ends', async () => {
    const marker = join(await temporaryDirectory(), 'marker')
    const path = await oddModule(`close(open("${marker}", O_CREAT | O_WRONLY, 0600)); for (;;) pause();`)
    const onStart = async (fpki: ChildProcess) => {
      await vi.waitUntil(() => existsSync(marker), { timeout: 60_000 })
      fpki.kill('SIGINT')
    }
    const start = { onStart: (fpki: ChildProcess) => void onStart(fpki) }
    const { status, stderr } = await (await newHome()).fpki(['hsm', 'list', '--hsm-module', path], start)
    expect({ status, stderr }).toEqual({ status: 130, stderr: expect.stringContaining('Interrupted') })
  })

  test('none gets the PIN from the environment', async () => {
    const module = await oddModule('fprintf(stderr, "PIN %s\\n", getenv("FPKI_HSM_PIN") ? "there" : "absent");')
    const start = { env: { FPKI_HSM_PIN: PIN } }
    const words = ['hsm', 'list', '--verbose', '--hsm-module', module]
    expect((await (await newHome()).fpki(words, start)).stderr).toBe(`note: Output of ${module}: PIN absent\n`)
  })
})

describe('fpki hsm check', () => {
  test.each(TOKENS)('tests what create needs, and leaves nothing in the token: %s', async (_, newToken) => {
    const token = await newToken()
    const home = await homeWith(token)
    const words = ['hsm', 'check', ...token.flags]
    const { status, stdout, stderr } = await home.fpki(words)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout.match(/^ok: /gm)).toHaveLength(7)
    expect(stdout).toContain('OpenSSL verifies')
    expect(stdout).toMatch(/This token supports a root key\.\n$/)
    const checked = checkHsmResult.parse(JSON.parse((await home.fpki([...words, '--json'])).stdout))
    expect({ rootKeyIsThere: checked.rootKeyIsThere, label: checked.token.label }).toEqual({
      rootKeyIsThere: false,
      label: token.label,
    })
    expect((await home.fpki(['ca', 'create', join(home.path, 'acme'), '--quiet', ...token.flags])).status).toBe(0)
    expect((await home.fpki(words)).stdout).toContain('already contains one')
  })

  test('deletes its key, as pkcs11-tool sees it', async () => {
    const token = await softHsm()
    const home = await homeWith(token)
    expect((await home.fpki(['hsm', 'check', '--quiet', ...token.flags])).status).toBe(0)
    expect(await pkcs11Tool(token, ['-O'])).not.toContain('Object')
  })

  test('needs an HSM', async () => {
    await expectRefusal(await newHome(), ['hsm', 'check'], { status: 2, code: 'ERR_USAGE', names: ['No HSM given'] })
  })
})
