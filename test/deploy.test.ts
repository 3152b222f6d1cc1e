import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildProgram } from '../src/cli/program.js'
import { estMetrics } from '../src/server/est/metrics.js'
import { processMetrics } from '../src/server/metrics.js'
import { ocspMetrics } from '../src/server/ocsp/metrics.js'
import { registrationMetrics } from '../src/server/registration/metrics.js'
import { silentIo } from './cli/silent-io.js'
import { temporaryDirectory } from './support/cli.js'
import { problemOf } from './support/hints.js'
import { parsePrometheus } from './support/prometheus.js'
import { FPKI, runProgram } from './support/run-program.js'

const CHECKOUT = join(import.meta.dirname, '..')
const DEPLOY = join(CHECKOUT, 'deploy')
const PROGRAM = buildProgram(silentIo(() => undefined))
const ON_PATH = { PATH: `${process.env['PATH']}:/usr/sbin` }

const deployed = (name: string) => readFile(join(DEPLOY, name), 'utf8')

/** The commands of a unit, in one line each. */
const commandsOf = (unit: string) =>
  [...unit.replaceAll('\\\n', ' ').matchAll(/^ExecStart=(\S+)(.*)$/gm)].map(([, program, words = '']) => ({
    program,
    command: `fpki ${words.trim().replaceAll(/ +/g, ' ')}`,
  }))

describe.each(['fpki-api', 'fpki-registration', 'fpki-status'])('%s.service', (name) => {
  /** The unit, whose program exists here. */
  async function unit(...dropIns: readonly string[]): Promise<string> {
    const folder = await temporaryDirectory()
    const file = join(folder, `${name}.service`)
    const here = (text: string) => text.replaceAll('/usr/local/bin/fpki', FPKI)
    await writeFile(file, here(await deployed(`systemd/${name}.service`)))
    await mkdir(`${file}.d`)
    for (const dropIn of dropIns) await writeFile(join(`${file}.d`, dropIn), here(await deployed(`systemd/${dropIn}`)))
    return file
  }

  test('systemd accepts it', async () => {
    const dropIns = name === 'fpki-registration' ? [['fpki-registration-hsm.conf'], ['fpki-est.conf']] : []
    for (const some of [[], ...dropIns]) {
      const { status, stdout, stderr } = await runProgram('systemd-analyze', [
        ...['verify', '--man=no'],
        await unit(...some),
      ])
      expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' })
    }
  })

  test('systemd rates its exposure at 2.0 of 10 at most', async () => {
    const words = ['security', '--offline=true', '--no-pager', '--threshold=20']
    const { status, stdout } = await runProgram('systemd-analyze', [...words, await unit()])
    expect({ status, said: stdout.match(/Overall exposure level.*: ([\d.]+)/)?.[1] }).toEqual({
      status: 0,
      said: expect.stringMatching(/^[12]\.\d$/),
    })
  })

  test('its commands are commands of fpki, and secrets are credentials', async () => {
    const text = await deployed(`systemd/${name}.service`)
    const dropIns = ['fpki-registration-hsm.conf', 'fpki-est.conf'].map((file) => deployed(`systemd/${file}`))
    const all = name === 'fpki-registration' ? [text, ...(await Promise.all(dropIns))].join('') : text
    const commands = commandsOf(all)
    expect(commands.length).toBe(name === 'fpki-registration' ? 3 : 1)
    for (const { program, command } of commands) {
      expect(program).toBe('/usr/local/bin/fpki')
      expect(problemOf(command, PROGRAM), command).toBeNull()
      expect(command).not.toMatch(/--(hsm-pin|token) /)
    }
    const used = [...text.matchAll(/\$\{CREDENTIALS_DIRECTORY\}\/(\S+)/g)].map(([, credential]) => credential)
    const loaded = [...text.matchAll(/^LoadCredential=([^:]+):/gm)].map(([, credential]) => credential)
    expect(loaded.toSorted()).toEqual(used.toSorted())
  })
})

test('systemd accepts the timer, which starts every Monday', async () => {
  const folder = await temporaryDirectory()
  for (const name of ['fpki-status.service', 'fpki-status.timer']) {
    const text = await deployed(`systemd/${name}`)
    await writeFile(join(folder, name), text.replaceAll('/usr/local/bin/fpki', FPKI))
  }
  const words = ['verify', '--man=no', join(folder, 'fpki-status.timer')]
  const { status, stdout, stderr } = await runProgram('systemd-analyze', words)
  expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' })
  const [, calendar = ''] = /^OnCalendar=(.*)$/m.exec(await deployed('systemd/fpki-status.timer')) ?? []
  const next = await runProgram('systemd-analyze', ['calendar', calendar])
  expect(next.stdout).toMatch(/Normalized form: Mon \*-\*-\* 07:00:00/)
})

test('lines for cron name fpki by its path, since PATH of cron lacks it, and are commands that it accepts', async () => {
  const guide = await readFile(join(CHECKOUT, 'docs/reminders.md'), 'utf8')
  const lines = guide.match(/^(?:[\d*]+ ){5}.*/gm) ?? []
  expect(lines).toHaveLength(2)
  for (const line of lines) {
    const command = line.replace(/^(?:\S+ ){5} */, '')
    expect(command).toMatch(/^\/usr\/local\/bin\/fpki /)
    expect(problemOf(command.slice('/usr/local/bin/'.length), PROGRAM)).toBeNull()
  }
})

test('a container runs as an ordinary user, and all that it copies exists', async () => {
  const file = (await deployed('Containerfile')).replaceAll('\\\n', ' ')
  const last = file.slice(file.lastIndexOf('\nFROM '))
  expect(last).toMatch(/^USER 10001:10001$/m)
  expect([...file.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)).toEqual([
    'docker.io/library/node:24-bookworm-slim',
    'docker.io/library/node:24-bookworm-slim',
  ])
  const copied = [...file.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names = '']) => names.split(' '))
  expect(copied).toContain('src')
  for (const name of copied) await stat(join(CHECKOUT, name))
  const words = (instruction: string): readonly string[] =>
    JSON.parse(new RegExp(`^${instruction} (\\[.*\\])$`, 'm').exec(last)?.[1] ?? '[]')
  expect(words('ENTRYPOINT')).toEqual(['/usr/local/bin/fpki'])
  expect(problemOf(['fpki', ...words('CMD')].join(' '), PROGRAM)).toBeNull()
  const [, health = '[]'] = /^HEALTHCHECK .* CMD (\[.*\])$/m.exec(last) ?? []
  const [program = '', ...rest] = JSON.parse(health)
  // Something else of this machine may answer there.
  const { status, stderr } = await runProgram(program, rest)
  expect([0, 1]).toContain(status)
  expect(stderr).toBe('')
})

describe('alerts for Prometheus', () => {
  const rules = join(DEPLOY, 'prometheus/fpki-alerts.yml')

  test('promtool accepts them, and they fire when they should', async () => {
    expect(await runProgram('promtool', ['check', 'rules', rules])).toMatchObject({ status: 0, stderr: '' })
    const folder = await temporaryDirectory()
    await cp(rules, join(folder, 'fpki-alerts.yml'))
    await cp(join(import.meta.dirname, 'fixtures/alerts.test.yml'), join(folder, 'alerts.test.yml'))
    const { status, stdout, stderr } = await runProgram('promtool', ['test', 'rules', 'alerts.test.yml'], {
      cwd: folder,
    })
    expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' })
  })

  test('their metrics and labels are those of devices serve', async () => {
    const metrics = registrationMetrics('1', new Date(0))
    metrics.begin()
    metrics.end({ method: 'POST', route: '/sign', status: 201, seconds: 0.1 })
    metrics.registered('site-a', 'issued')
    metrics.wrongCredential(true)
    const outbox = { waiting: 1, oldest: 0, conflicts: 1 }
    const register = { outbox, lines: [{ name: 'site-a', quota: 2, issued: 1 }] }
    const own = await metrics.text({ at: 1000, isAvailable: true, register })
    const renewal = estMetrics()
    renewal.ended('renew', 'issued')
    const responders = [{ ca: 'local-ca.pem', notAfter: new Date(0) }]
    const others = [
      await renewal.text({ isAvailable: true }),
      await ocspMetrics().text({ isAvailable: true, responders }),
    ]
    const text = [own, ...others, await processMetrics().text(1)].join('\n')
    const served = new Map(parsePrometheus(text).map(({ metric, labels }) => [metric, Object.keys(labels)]))
    const used = [...(await deployed('prometheus/fpki-alerts.yml')).matchAll(/\b((?:fpki|process)_\w+)(?:\{(\w+))?/g)]
    expect(used.length).toBeGreaterThan(9)
    for (const [, name = '', label] of used) {
      expect([...served.keys()]).toContain(name)
      // Prometheus adds these two.
      if (label !== undefined && label !== 'job') expect(served.get(name), `${name}{${label}}`).toContain(label)
    }
  })

  test('the guide has an answer to each', async () => {
    const guide = await readFile(join(CHECKOUT, 'docs/registration.md'), 'utf8')
    const names = [...(await deployed('prometheus/fpki-alerts.yml')).matchAll(/- alert: (\w+)/g)].map(
      ([, name]) => name,
    )
    expect(names.filter((name) => !guide.includes(`\`${name}\``))).toEqual([])
  })
})

test('nginx accepts its configuration', async () => {
  const folder = await temporaryDirectory()
  const module = '/usr/lib/nginx/modules/ngx_stream_module.so'
  const loads = await stat(module).then(
    () => `load_module ${module};\n`,
    () => '',
  )
  const rest = `pid ${folder}/pid; events {}\ninclude ${DEPLOY}/nginx/fpki-registration.conf;\n`
  await writeFile(join(folder, 'nginx.conf'), loads + rest)
  const words = ['-t', '-q', '-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')]
  expect(await runProgram('nginx', words, { env: ON_PATH })).toMatchObject({ status: 0 })
})

test('the package has what the guides name', async () => {
  const { files } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8'))
  expect(files).toContain('deploy')
  const guides = ['docs/registration.md', 'docs/reminders.md'].map((name) => readFile(join(CHECKOUT, name), 'utf8'))
  const guide = (await Promise.all(guides)).join('\n')
  for (const name of await readdir(DEPLOY, { recursive: true }))
    if ((await stat(join(DEPLOY, name))).isFile()) expect(guide).toContain(`deploy/${name}`)
})
