import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { certifyServerResult, pkiStatusResult } from '../src/index.js'
import { nodeFileSystem } from '../src/storage/node-file-system.js'
import { serialOf } from './cli/device-cas.js'
import { newFactory } from './factory/support/embedded.js'
import { type Ended, type Home, newHome, runProgram } from './support/cli.js'
import { factoryServer } from './support/factory-server.js'
import { withFpkiOnPath } from './support/on-path.js'

const PASSPHRASE = 'correct horse battery staple'

const guide = await readFile(fileURLToPath(new URL('../docs/ci.md', import.meta.url)), 'utf8')
const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, text = '']) => text)
const [METRICS = '', ...more] = blocks('sh')
const [GITHUB = '', GITLAB = ''] = blocks('yaml')

/** What the examples have of a workflow. */
interface Workflow {
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly env: Readonly<Record<string, string>>
        readonly steps: readonly { readonly run?: string; readonly env?: Readonly<Record<string, string>> }[]
      }
    >
  >
}

/** What the examples have of a pipeline. */
interface Pipeline {
  readonly variables: Readonly<Record<string, string>>
  readonly 'rotate-tls': { readonly script: readonly string[] }
  readonly status: {
    readonly script: readonly string[]
    readonly allow_failure: { readonly exit_codes: readonly number[] }
  }
}

interface Runner {
  readonly home: Home
  readonly directory: string
  /** Runs a line as a pipeline does: without a terminal, with variables and nothing else. */
  run(line: string, env: Readonly<Record<string, string>>, shell?: 'sh' | 'bash'): Promise<Ended>
}

/** A runner with fpki and a PKI with encrypted keys. */
async function runner(env: Readonly<Record<string, string>> = {}): Promise<Runner> {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  const onPath = await withFpkiOnPath(home)
  const run: Runner['run'] = async (line, more, shell = 'sh') => {
    const ended = await runProgram(shell, ['-e', '-c', line], { cwd: home.path, env: { ...onPath, ...env, ...more } })
    expect(`${ended.stdout}${ended.stderr}`).not.toContain(PASSPHRASE)
    return ended
  }
  const made = await run(`fpki ca create "${directory}" --encrypt-keys --quiet`, { FPKI_PASSPHRASE: PASSPHRASE })
  expect(made).toMatchObject({ status: 0, stderr: '' })
  return { home, directory, run }
}

/** The variables of an example, with the runner's directory and the secrets in their places. */
function filledIn(variables: Readonly<Record<string, string>>, directory: string): Readonly<Record<string, string>> {
  const secrets: Readonly<Record<string, string>> = { FPKI_TOKEN: '', FPKI_PASSPHRASE: PASSPHRASE }
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => {
      const [, secret] = /^\$\{\{ secrets\.(\w+) \}\}$/.exec(value) ?? []
      return [name, secret === undefined ? value.replace('/srv/pki/acme', directory) : (secrets[secret] ?? '?')]
    }),
  )
}

test('the guide has the blocks that run here, and no others', () => {
  expect(more).toEqual([])
  expect(blocks('yaml').length).toBe(2)
})

/** As pasted, but with a limit that the certificate of the test is within. */
const dueNow = (line: string) => line.replace('--if-expiring 60', '--if-expiring 4000')

describe('docs/ci.md', () => {
  test('GitHub: tls-crt is rotated when it is due, and not before', async () => {
    const { directory, run } = await runner()
    const { jobs }: Workflow = parse(GITHUB)
    const [job] = Object.values(jobs)
    const [rotate, status, ...others] = job?.steps ?? []
    expect(others).toEqual([])
    const step = (one: typeof rotate, changed = (line: string) => line) =>
      run(changed(one?.run ?? ''), filledIn({ ...job?.env, ...one?.env }, directory), 'bash')
    const before = await serialOf(join(directory, 'tls-crt'))
    const first = await step(rotate)
    expect(first).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('tls-crt of the factory acme is not due'),
    })
    expect(await serialOf(join(directory, 'tls-crt'))).toBe(before)
    expect(await step(status)).toMatchObject({ status: 0 })

    expect(await step(rotate, dueNow)).toMatchObject({ status: 0 })
    expect(await serialOf(join(directory, 'tls-crt'))).not.toBe(before)
    expect(await serialOf(join(directory, 'tls-crt.bak'))).toBe(before)
  })

  test('GitLab: the same, and what expires soon is a warning', async () => {
    const { directory, run } = await runner()
    const pipeline: Pipeline = parse(GITLAB)
    const env = { ...filledIn(pipeline.variables, directory), FPKI_PASSPHRASE: PASSPHRASE, FPKI_TOKEN: '' }
    const before = await serialOf(join(directory, 'tls-crt'))
    const script = pipeline['rotate-tls'].script.join('\n')
    expect(await run(script, env)).toMatchObject({ status: 0, stdout: expect.stringContaining('not due') })
    expect(await serialOf(join(directory, 'tls-crt'))).toBe(before)
    expect(await run(dueNow(script), env)).toMatchObject({ status: 0 })
    expect(await serialOf(join(directory, 'tls-crt'))).not.toBe(before)
    const status = pipeline.status.script.join('\n')
    expect(await run(status, env)).toMatchObject({ status: 0 })
    const soon = await run(status.replace('--warn-days 30', '--warn-days 4000'), env)
    expect(pipeline.status.allow_failure.exit_codes).toEqual([soon.status])
  })

  test('not due: no passphrase is needed; due: without it exit 6, and with the lock taken exit 3', async () => {
    const { directory, run } = await runner()
    const env = { PKI_DIR: directory, FPKI_API: 'embedded' }
    const rotate = 'fpki ca rotate-tls "$PKI_DIR" --if-expiring 60'
    const idle = await run(`${rotate} --json`, env)
    expect(idle).toMatchObject({ status: 0, stderr: '' })
    expect(certifyServerResult.parse(JSON.parse(idle.stdout))).toMatchObject({
      due: false,
      keptAs: null,
      resumed: false,
      certificate: { serial: await serialOf(join(directory, 'tls-crt')) },
    })
    const missing = await run(dueNow(rotate), env)
    expect(missing).toMatchObject({ status: 6, stderr: expect.stringContaining('FPKI_PASSPHRASE') })
    const lock = await nodeFileSystem().lock(join(directory, '.fpki', 'lock'))
    const busy = await run(dueNow(rotate), { ...env, FPKI_PASSPHRASE: PASSPHRASE })
    expect(busy).toMatchObject({ status: 3, stderr: expect.stringContaining('ERR_LOCKED') })
    await lock?.release()
  })

  test('est authorize --if-expiring: due when there is none, then not; a new name is due', async () => {
    const { directory, run } = await runner()
    const env = { PKI_DIR: directory, FPKI_API: 'embedded', FPKI_PASSPHRASE: PASSPHRASE }
    const authorize = async (more = '') => {
      const { status, stdout } = await run(`fpki est authorize "$PKI_DIR" --if-expiring 60 --json ${more}`, env)
      expect(status).toBe(0)
      return certifyServerResult.parse(JSON.parse(stdout)).due
    }
    expect(await authorize()).toBe(true)
    expect(await authorize()).toBe(false)
    expect(await authorize('--tls-name est.acme.example')).toBe(true)
    expect(await authorize('--tls-name est.acme.example')).toBe(false)
  })

  test('each decision has its field in ca status --json', async () => {
    const { directory, run } = await runner()
    const env = { PKI_DIR: directory, FPKI_API: 'embedded', FPKI_PASSPHRASE: PASSPHRASE }
    const due = async (more: string) => {
      const { stdout } = await run(`fpki ca status "$PKI_DIR" --json ${more} || true`, env)
      return pkiStatusResult.parse(JSON.parse(stdout)).pkis[0]?.due
    }
    const nothing = { rotateTls: false, authorizeEst: false, addDeviceCa: false, replaceRoot: false }
    const fine = { ...nothing, resume: false, backup: false, repair: false }
    expect(await due('')).toEqual(fine)
    expect(await due('--backup-days 30')).toEqual({ ...fine, backup: true })
    expect(await due('--warn-days 4000')).toEqual({ ...fine, rotateTls: true, addDeviceCa: true })
    expect(await due('--warn-days 9000')).toEqual({ ...fine, rotateTls: true, addDeviceCa: true, replaceRoot: true })
    await run('fpki est authorize "$PKI_DIR" && rm "$PKI_DIR/tls-crt"', env)
    expect(await due('--warn-days 4000')).toEqual({ ...fine, authorizeEst: true, addDeviceCa: true, repair: true })
    const fields = [...guide.matchAll(/^\| `(\w+)` \| (?!a )/gm)].map(([, field]) => field)
    expect(fields).toEqual(expect.arrayContaining(Object.keys(fine)))
  })

  test('after a server error, the next run resumes an interrupted rotation, even if it is not due', async () => {
    const server = await factoryServer((await newFactory()).api)
    const env = { FPKI_API: server.url, FPKI_TOKEN: 'of-the-pipeline', CACERT: server.root, FPKI_FACTORY: 'acme' }
    const { home, directory, run } = await runner(env)
    const secrets = { PKI_DIR: directory, FPKI_PASSPHRASE: PASSPHRASE }
    const rotate = (days = 60) => run(`fpki ca rotate-tls "$PKI_DIR" --if-expiring ${days}`, secrets)
    const first = await serialOf(join(directory, 'tls-crt'))
    const no = { kind: 'answer', status: 403, body: '{}' } as const
    server.faults.push({ method: 'PATCH', times: 1, fault: no })
    expect(await rotate(4000)).toMatchObject({ status: 4 })
    expect(await serialOf(join(directory, 'tls-crt'))).toBe(first)
    expect(await rotate(4000)).toMatchObject({ status: 0 })
    const second = await serialOf(join(directory, 'tls-crt'))
    expect(second).not.toBe(first)

    server.faults.splice(0, 9, { method: 'PATCH', times: 1, fault: { kind: 'slow' } })
    const patches = () => server.seen.filter(({ method }) => method === 'PATCH').length
    const begin = patches()
    const killed = await home.fpki(['ca', 'rotate-tls', directory], {
      env: { ...env, ...secrets },
      onStart: (child) => {
        const timer = setInterval(() => {
          if (patches() === begin) return
          clearInterval(timer)
          child.kill('SIGKILL')
        })
      },
    })
    expect(killed.signal).toBe('SIGKILL')
    expect(await serialOf(join(directory, 'tls-crt'))).toBe(second)
    expect(await rotate()).toMatchObject({ status: 0 })
    expect(await serialOf(join(directory, 'tls-crt'))).not.toBe(second)
    expect((await rotate()).stdout).toContain('not due')
  })

  test('the metrics appear as a whole file, whatever the exit code is', async () => {
    const { home, directory, run } = await runner()
    const file = join(home.path, 'fpki.prom')
    const env = { PKI_DIR: directory, METRICS: file }
    expect(await run(METRICS, env)).toMatchObject({ status: 0, stdout: '', stderr: '' })
    expect(await readFile(file, 'utf8')).toMatch(/^fpki_certificate_valid\{.*role="tls".*\} 1$/m)
    expect(await run(METRICS, { ...env, PKI_DIR: join(home.path, 'typo') })).toMatchObject({
      status: 0,
      stdout: 'status: exit 3\n',
    })
  })
})
