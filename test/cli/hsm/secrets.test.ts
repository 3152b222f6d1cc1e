import type { ChildProcess } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FPKI, output, runProgram, temporaryDirectory } from '../../support/cli.js'
import { filesBelow } from '../../support/files.js'
import { answering } from '../../support/terminal.js'
import { homeWith, PIN, pkcs11Tool, softHsm } from '../../support/token.js'

interface Way {
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
}

const uri = (query: string) => ['--hsm-uri', `pkcs11:token=acme?${query}`]

/** Every way to give the PIN; `file` holds it. */
const WAYS: readonly (readonly [string, (file: string) => Way])[] = [
  ['--hsm-pin-file', (file) => ({ flags: ['--hsm-pin-file', file] })],
  ['stdin', () => ({ flags: ['--hsm-pin-file', '-'], stdin: PIN })],
  ['the environment', () => ({ env: { FPKI_HSM_PIN: PIN } })],
  ['pin-source of the URI', (file) => ({ flags: uri(`pin-source=file:${file}`) })],
  ['pin-value of the URI', () => ({ flags: uri(`pin-value=${PIN}`) })],
  ['--hsm-pin', () => ({ flags: ['--hsm-pin', PIN] })],
]

describe('the PIN', () => {
  test.each(WAYS)('is read from %s, and appears in nothing that fpki prints or writes', async (way, how) => {
    const file = join(await temporaryDirectory(), 'pin')
    await writeFile(
      file,
      `${PIN}
`,
      { mode: 0o600 },
    )
    const { flags = [], env = {}, stdin } = how(file)
    const token = await softHsm()
    const home = await homeWith(token, null)
    const words = ['ca', 'create', join(home.path, 'acme'), '--verbose', ...token.flags, ...flags]
    const { status, stdout, stderr } = await home.fpki(words, { env, ...(stdin === undefined ? {} : { stdin }) })
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    expect(`${stdout}${stderr}`).not.toContain(PIN)
    expect(stderr.includes('Other users can see the PIN')).toBe(way === '--hsm-pin' || way.startsWith('pin-value'))
    for (const name of await filesBelow(home.path)) expect(await readFile(name, 'latin1')).not.toContain(PIN)
  })

  test('is read from the file before the environment, and from the environment before the flag', async () => {
    const token = await softHsm()
    const home = await homeWith(token, '11112222')
    const file = join(home.path, 'pin')
    await writeFile(file, PIN, { mode: 0o600 })
    const check = ['hsm', 'check', '--quiet', ...token.flags]
    expect((await home.fpki([...check, '--hsm-pin-file', file])).status).toBe(0)
    expect((await home.fpki([...check, '--hsm-pin', PIN])).status).toBe(5)
  })

  test('in a file that others can read is used, with a warning', async () => {
    const token = await softHsm()
    const home = await homeWith(token, null)
    const file = join(home.path, 'pin')
    await writeFile(file, PIN, { mode: 0o644 })
    const { status, stderr } = await home.fpki(['hsm', 'check', ...token.flags, '--hsm-pin-file', file])
    expect({ status, warned: stderr.includes('Other users can read the PIN in') }).toEqual({ status: 0, warned: true })
  })

  test.each([
    ['is empty', ''],
    ['has more than one line', `${PIN}\nmore`],
  ])('in a file that %s is not tried', async (says, content) => {
    const token = await softHsm()
    const home = await homeWith(token, null)
    const { status, stderr } = await home.fpki(['hsm', 'check', ...token.flags, '--hsm-pin-file', '-'], {
      stdin: content,
    })
    expect({ status, says: stderr.includes(says), leaks: stderr.includes(PIN) }).toEqual({
      status: 2,
      says: true,
      leaks: false,
    })
  })

  test('is awaited from a pipe, and Ctrl-C twice stops waiting', async () => {
    const token = await softHsm()
    const home = await homeWith(token, null)
    const pipe = join(home.path, 'pin')
    await output('mkfifo', ['-m', '0600', pipe])
    const words = ['hsm', 'check', '--quiet', ...token.flags, '--hsm-pin-file', pipe]
    const stop = (child: ChildProcess) => {
      setTimeout(() => child.kill('SIGINT'), 1500)
      setTimeout(() => child.kill('SIGINT'), 2000)
    }
    expect((await home.fpki(words, { onStart: stop })).signal).toBe('SIGINT')
    const waiting = home.fpki(words)
    await output('sh', ['-c', `echo ${PIN} > "$1"`, 'sh', pipe])
    expect((await waiting).status).toBe(0)
  })

  test('is not prompted for without a terminal, and the message says how to pass it', async () => {
    const token = await softHsm()
    const { status, stderr } = await (await homeWith(token, null)).fpki(['hsm', 'check', ...token.flags])
    expect(status).toBe(5)
    expect(stderr).toMatch(
      /No PIN given for the token "acme" \(SoftHSM v2, serial \w+\), and there is no terminal.*ERR_HSM_PIN/,
    )
    expect(stderr).toContain('--hsm-pin-file')
  })

  /** `fpki hsm check` on a terminal, on which `keys` are typed when it asks for the PIN. */
  async function answeringPin(keys: string) {
    const token = await softHsm()
    const home = await homeWith(token, null)
    const env = { HOME: home.path, ...token.env }
    return answering(['hsm', 'check', ...token.flags], env, [['PIN for the token', keys]])
  }

  test('is prompted for again after an empty line, without Ctrl-U and arrow keys', async () => {
    const { status, stdout } = await answeringPin(`\r99\u0015${PIN}\u001b[D\r`)
    expect({ status, works: stdout.includes('supports a root key') }).toEqual({ status: 0, works: true })
  })

  test('is prompted for on a terminal, with the name of the token and no echo', async () => {
    // One wrong key, taken back.
    const { status, stdout } = await answeringPin(`x\u007f${PIN}\r`)
    expect(stdout).toMatch(/PIN for the token "acme" \(SoftHSM v2, serial \w+\): /)
    expect({ status, works: stdout.includes('supports a root key'), leaks: stdout.includes(PIN) }).toEqual({
      status: 0,
      works: true,
      leaks: false,
    })
  })

  test('Ctrl-C at the prompt exits with 130', async () => {
    const { status, stdout } = await answeringPin('123\u0003')
    expect({ status, says: stdout.includes('[ERR_SIGINT]'), leaks: stdout.includes('123\u0003') }).toEqual({
      status: 130,
      says: true,
      leaks: false,
    })
  })
})

test('the PIN is in no argument or environment of a program that fpki starts', async () => {
  const token = await softHsm()
  const home = await homeWith(token, null)
  const log = join(await temporaryDirectory(), 'strace')
  const trace = ['-f', '-v', '-qq', '-e', 'trace=execve', '-e', 'signal=none', '-s', '10000', '-o', log]
  const words = [process.execPath, FPKI, 'ca', 'create', join(home.path, 'acme'), ...token.flags]
  const { status } = await runProgram('strace', [...trace, ...words], {
    env: { HOME: home.path, ...token.env, FPKI_HSM_PIN: PIN },
  })
  expect(status).toBe(0)
  const [itself, ...programs] = (await readFile(log, 'utf8')).match(/execve\(.*/g) ?? []
  expect(itself).toContain(PIN)
  expect(programs.length).toBeGreaterThan(0)
  for (const program of programs) {
    expect(program).toMatch(/^execve\("[^"]*\/flock", \["flock", "-n", "3"\], \["PATH=[^"]*"\]/)
    expect(program).not.toContain(PIN)
  }
})

test('the private key is sensitive, never extractable and only for signing, as pkcs11-tool sees it', async () => {
  const token = await softHsm()
  const home = await homeWith(token)
  const directory = join(home.path, 'acme')
  expect((await home.fpki(['ca', 'create', directory, '--quiet', '--local-ca-in-hsm', ...token.flags])).status).toBe(0)
  const keys = (await pkcs11Tool(token, ['-O', '--type', 'privkey'])).split('Private Key Object; EC').slice(1)
  expect(keys).toHaveLength(2)
  for (const key of keys) {
    expect(key).toMatch(/Usage: +sign\n/)
    expect(key).toContain('sensitive, always sensitive, never extractable, local')
  }
  expect((await readdir(directory)).filter((name) => name.endsWith('.key'))).toEqual([])
})
