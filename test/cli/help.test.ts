import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { EXIT, EXIT_FOUND } from '../../src/cli/exit.js'
import { buildProgram } from '../../src/cli/program.js'
import { type Ended, FPKI, type Home, newHome, runProgram } from '../support/cli.js'
import { ISSUED_AT, recordDevices, UNLIMITED, withRegister } from '../support/device-register.js'
import { withFpkiOnPath } from '../support/on-path.js'
import { sampleOf } from '../support/points.js'
import { copiedPki } from './made.js'
import { expectWords } from './refusal.js'
import { silentIo } from './silent-io.js'

/** The options for tokens. */
const TOKEN_FLAGS = [
  ...['--hsm-module', '--hsm-token-label', '--hsm-token-serial', '--hsm-uri', '--hsm-init-args'],
  ...['--hsm-pin-file', '--hsm-pin', '--hsm-pinpad', '--hsm-allow-final-pin-try'],
]
/** Every command and group, as the words after `fpki`. */
const LEVELS = levelsOf(buildProgram(silentIo(() => undefined)))
/** The options for keys, in files or tokens. */
const HSM_FLAGS = ['--passphrase-file', ...TOKEN_FLAGS]
/** Their examples need an HSM, a server, a prompt or a second PKI; docs.test.ts runs those of the guide. */
const WITHOUT_EXAMPLE = [
  'ca import-root',
  'ca cross-sign',
  'hsm check',
  'login',
  'api serve',
  'api token revoke',
  'devices serve',
  'devices relay',
  'devices publish',
  'lines revoke-token',
]

function levelsOf(command: Command, words: readonly string[] = []): readonly (readonly string[])[] {
  return [words, ...command.commands.flatMap((below) => levelsOf(below, [...words, below.name()]))]
}

/** Groups have no examples of their own. */
function isGroup(words: readonly string[]): boolean {
  return (
    words.length > 0 &&
    LEVELS.some((level) => level.length > words.length && level.join(' ').startsWith(`${words.join(' ')} `))
  )
}

describe('help', () => {
  const short = sampleOf(LEVELS, 'help by -h').map((words) => [...words, '-h'])
  const asked = [...LEVELS.map((words) => [...words, '--help']), ...short].map((words) => [words.join(' ')])
  test.each(asked)('fpki %s prints help to stdout in 80 columns', async (words) => {
    const { status, stdout, stderr } = await (await newHome()).fpki(words.split(' '))
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain(`Usage: fpki ${words.replace(/ ?-.*$/, '')}`.trim())
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  test.each(['help', 'help ca', 'ca help', 'ca help create', 'help ca create', 'help keys ca create', 'help ca log'])(
    'fpki %s prints the help of the command',
    async (words) => {
      const home = await newHome()
      const asFlag = [...words.split(' ').filter((word) => word !== 'help'), '--help']
      expect(await home.fpki(words.split(' '))).toEqual(await home.fpki(asFlag))
    },
  )

  test('lists every option of the command', async () => {
    const home = await newHome()
    const flagsOf = async (command: string, group = 'ca') => {
      const { stdout } = await home.fpki([group, command, '--help'])
      return [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, flag]) => flag)
    }
    const common = [
      '--help',
      '--version',
      '--factory',
      '--token',
      '--config',
      '--api',
      '--json',
      '--quiet',
      '--verbose',
    ]
    expect(await flagsOf('create')).toEqual([
      ...['--online-ca', '--no-online-ca', '--local-ca', '--no-local-ca', '--tls-name'],
      ...['--encrypt-keys', '--root-cert', '--root-key', '--key-type', '--local-ca-in-hsm', '--backup', ...HSM_FLAGS],
      ...common,
    ])
    expect(await flagsOf('show')).toEqual([
      ...['--pretty', '--short', '--just-root', '--just-tls', '--just-device-cas', '--svg', '--mermaid'],
      ...common,
    ])
    expect(await flagsOf('report')).toEqual([
      ...['--out', '--format', '--sign', '--warn-days', '--store', ...HSM_FLAGS],
      ...common,
    ])
    expect(await flagsOf('verify')).toEqual([
      ...['--offline', '--skip-root-key', '--strict', '--warn-days', ...HSM_FLAGS],
      ...common,
    ])
    expect(await flagsOf('status')).toEqual([
      ...['--prometheus', '--ics', '--webhook', '--webhook-file', '--webhook-format', '--warn-days', '--backup-days'],
      ...common,
    ])
    expect(await flagsOf('backup')).toEqual([
      ...[
        '--out',
        '--no-devices',
        '--check',
        '--recipient',
        '--recipient-key',
        '--pki-dir',
        '--passphrase-file',
        '--key-passphrase-file',
      ],
      ...common,
    ])
    expect(await flagsOf('restore')).toEqual([
      ...['--no-state', '--skip-root-key', '--recipient-key', '--passphrase-file', '--key-passphrase-file'],
      ...common,
    ])
    expect(await flagsOf('import-root')).toEqual(['--remove-key', ...HSM_FLAGS, ...common])
    expect(await flagsOf('cross-sign')).toEqual([
      ...['--with', '--with-passphrase-file', '--with-hsm-pin-file', '--with-hsm-uri'],
      ...HSM_FLAGS,
      ...common,
    ])
    expect(await flagsOf('renew-root')).toEqual(['--dry-run', '--yes', ...HSM_FLAGS, ...common])
    expect(await flagsOf('plan-root-change')).toEqual(['--start', '--rollout', '--renewal', '--store', ...common])
    expect(await flagsOf('root-csr')).toEqual(['--out', '--encrypt-keys', '--key-type', ...HSM_FLAGS, ...common])
    expect(await flagsOf('check', 'hsm')).toEqual(['--key-type', ...TOKEN_FLAGS, ...common])
    expect(await flagsOf('list', 'hsm')).toEqual(['--hsm-module', '--hsm-init-args', ...common])
  })

  test('shows a default once, as text', async () => {
    const { stdout } = await (await newHome()).fpki(['ca', 'create', '--help'])
    expect(stdout.replace(/\s+/g, ' ')).not.toMatch(/\(default\) \(default: true\)|\(default: \[\]\)/)
  })

  test('lists every exit code', async () => {
    const { stdout } = await (await newHome()).fpki(['--help'])
    const [, codes = ''] = stdout.split('Exit codes:')
    for (const code of new Set([0, 1, ...Object.values(EXIT), ...Object.values(EXIT_FOUND)]))
      expect(codes).toMatch(new RegExp(`\\b${code}\\b`))
  })

  test.each(LEVELS.filter(([first, ...below]) => first === 'keys' && below.length > 0).map(([, ...words]) => [words]))(
    'fpki keys %j --help is the same as without keys',
    async (words) => {
      const home = await newHome()
      const { stdout } = await home.fpki(['keys', ...words, '--help'])
      expect(stdout.replace('fpki keys ', 'fpki ')).toBe((await home.fpki([...words, '--help'])).stdout)
    },
  )

  test.each([[[]], [['ca']], [['est']], [['keys', 'ca']], [['api', 'token']]])(
    'fpki %j without a command prints its help',
    async (words) => {
      const home = await newHome()
      expect(await home.fpki(words)).toEqual(await home.fpki([...words, '--help']))
    },
  )

  test('refuses a missing command with --json', async () => {
    const { status, stdout } = await (await newHome()).fpki(['ca', '--json'])
    expect(status).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'ERR_USAGE', message: 'Missing command.' } })
  })

  test('lists the commands of ca by purpose', async () => {
    const { stdout } = await (await newHome()).fpki(['ca'])
    const headings = [...stdout.matchAll(/^(\w+):$/gm)].map(([, heading]) => heading)
    expect(headings).toEqual(['Options', 'Create', 'Inspect', 'Change', 'Protect', 'Recover', 'Help'])
    const under = (heading: string) => {
      const [section = ''] = (stdout.split(`\n${heading}:\n`)[1] ?? '').split('\n\n')
      return [...section.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name)
    }
    expect(under('Inspect')).toEqual(['show', 'verify', 'status', 'report', 'log', 'history', 'diff'])
    expect(under('Recover')).toEqual(['restore', 'resume', 'abandon'])
  })

  test('ca create explains its files, the owner of each key and what to back up', async () => {
    const { stdout } = await (await newHome()).fpki(['ca', 'create', '--help'])
    for (const file of ['factory_ca.key', 'factory_ca.pem', 'tls-crt', 'online-crt', 'local-ca.key', 'local-ca.pem'])
      expect(stdout.split('Who owns which key:')[0]).toContain(file)
    expect(stdout).toMatch(/Who owns which key:\n {2}factory_ca\.key, local-ca\.key +you/)
    expect(stdout).toMatch(/^Back up the PKI directory.*`fpki ca backup`/m)
  })
})

describe('a misspelled command or option', () => {
  test.each([
    ['ca shwo', 'Did you mean show?', 'fpki ca --help'],
    ['ca show --fatcory acme', 'Did you mean --factory?', 'fpki ca show --help'],
    ['ca craete /tmp/acme', 'Did you mean create?', 'fpki ca --help'],
    ['kyes ca show', 'Did you mean keys?', 'fpki --help'],
    ['help ca shwo', 'Did you mean show?', 'fpki ca --help'],
    ['help shwo', 'See', 'fpki --help'],
    ['verify /tmp/acme', 'Did you mean `fpki ca verify`?', 'fpki --help'],
    ['log /tmp/acme', 'Did you mean `fpki ca log`?', 'fpki --help'],
    ['authorize /tmp/acme', 'Did you mean `fpki est authorize`?', 'fpki --help'],
    ['issue /tmp/acme', 'Did you mean `fpki devices issue`?', 'fpki --help'],
  ])('fpki %s is refused with a suggestion', async (words, similar, help) => {
    const refusal = { status: 2, code: 'ERR_USAGE', names: [similar, `\`${help}\``] }
    expectWords(await (await newHome()).fpki(words.split(' ')), refusal)
  })

  test('has the suggestion in the JSON hint', async () => {
    const { stdout } = await (await newHome()).fpki(['ca', 'shwo', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      error: { message: "Unknown command 'shwo'.", hint: 'Did you mean show? See `fpki ca --help`.' },
    })
  })
})

test.each(['--version', '-V'])('%s prints the version of package.json', async (flag) => {
  const { version }: { version: string } = JSON.parse(await readFile(join(FPKI, '..', '..', 'package.json'), 'utf8'))
  expect(await (await newHome()).fpki([flag])).toEqual({ status: 0, signal: null, stdout: `${version}\n`, stderr: '' })
})

test.each([['--version --json'], ['--json -V'], ['ca show --json --version']])(
  '%s prints the version as JSON',
  async (words) => {
    const { version }: { version: string } = JSON.parse(await readFile(join(FPKI, '..', '..', 'package.json'), 'utf8'))
    const { status, stdout } = await (await newHome()).fpki(words.split(' '))
    expect({ status, document: JSON.parse(stdout) }).toEqual({ status: 0, document: { schemaVersion: 1, version } })
  },
)

describe('the examples in help texts', () => {
  const withExamples = LEVELS.filter((words) => words[0] !== 'keys' && !isGroup(words))
  test.each(withExamples.map((words) => [words.join(' ')]))('of fpki %s work when pasted', async (words) => {
    const help = await (await newHome()).fpki([...words.split(' '), '--help'].filter((word) => word !== ''))
    const examples = [
      ...help.stdout.matchAll(/^ {2}\$ (\(?(?:umask 077; )?fpki (?:.*\\\n)*.*?\S)(?: {3,}\S.*)?$/gm),
    ].map(([, line = '']) => line)
    if (!WITHOUT_EXAMPLE.includes(words)) expect(examples.length).toBeGreaterThan(1)
    for (const example of examples) {
      const home = /ca (create|root-csr)/.test(example) ? await newHome() : (await copiedPki()).home
      const isMove = /^devices (export|import|store)/.test(words)
      if (/^(lines|devices) /.test(words) && !isMove) await deviceScene(home)
      if (isMove) await inShell(home, `${NEW_DEVICES}\n${ISSUED}`)
      if (words === 'lines revoke-station') await run(home, 'fpki lines station "$HOME/acme" site-a tester-1 --out .')
      if (words === 'est show') await home.fpki(['est', 'authorize', join(home.path, 'acme')])
      if (words === 'ca update') await inShell(home, 'fpki ca show --just-device-cas > cas.pem')
      if (words === 'ca export') await inShell(home, '(umask 077; echo seventy-six trombones > phrase)')
      if (words === 'ca cross-sign') await home.fpki(['ca', 'create', join(home.path, 'acme-2027'), '--quiet'])
      if (words === 'ca status') await inShell(home, '(umask 077; echo https://chat.example/hooks/TOKEN > url)')
      if (words === 'ca sign') await inShell(home, NEW_REQUEST)
      if (words === 'devices issue') await inShell(home, NEW_DEVICES)
      if (['ca backup', 'ca restore'].includes(words)) await inShell(home, NEW_PASSPHRASE)
      if (words === 'devices import') await run(home, EXPORTED)
      if (!example.includes('--out') && example.includes('acme.backup')) await run(home, NEW_BACKUP)
      const { status, stderr } = await run(home, example.replace('/srv/pki', home.path))
      expect({ example, status, stderr: status === 0 ? '' : stderr }).toEqual({ example, status: 0, stderr: '' })
    }
  })
})

/** A register with the line site-a and the device of the examples, and a list of what was shipped. */
async function deviceScene({ path }: Home): Promise<void> {
  const directory = join(path, 'acme')
  const uuid = '0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001'
  await recordDevices(directory, [{ uuid }])
  await withRegister(directory, (register) => register.lines.create('site-a', UNLIMITED, ISSUED_AT))
  await writeFile(join(path, 'shipped.csv'), `uuid,box\n${uuid},1\n`)
  await writeFile(join(path, 'uuids.txt'), `${uuid}\n`)
  await writeFile(join(path, 'seen.log'), `2026-07-28T12:00:00Z ${'4f'.repeat(20)}\n`)
}

const NEW_REQUEST =
  'openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -subj /CN=gw -out gateway.csr'

/** The request of a device, alone and in a folder, and a list of UUIDs. */
const NEW_DEVICES = [
  'mkdir csrs',
  'cat /proc/sys/kernel/random/uuid > uuids.txt',
  'openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out csrs.pem \\',
  '  -subj "/CN=$(cat /proc/sys/kernel/random/uuid)/OU=acme"',
  'cp csrs.pem csrs/one.pem',
].join('\n')

const ISSUED = 'fpki devices issue "$HOME/acme" --from csrs/'
const EXPORTED = 'fpki devices export "$HOME/acme" --out issued.jsonl'

const NEW_PASSPHRASE = '(umask 077; echo nine lives of a fish > pass.txt)'
const NEW_BACKUP = 'fpki ca backup "$HOME/acme" --out acme.backup --passphrase-file pass.txt'

/** A redirection, a substitution, a pattern or a quoted word. */
const NEEDS_SHELL = /[|<>;&`\\*?~']|\$\(/

/** Runs an example in HOME, in the process of the test unless it needs a shell. */
function run(home: Home, example: string): Promise<Ended> {
  if (NEEDS_SHELL.test(example)) return inShell(home, example)
  const [, ...words] = example.split(' ').map((word) => word.replaceAll('"', '').replace('$HOME', home.path))
  return home.fpki(words, { cwd: home.path })
}

/** Runs a shell command line with fpki on the PATH. */
async function inShell(home: Home, line: string): Promise<Ended> {
  return runProgram('sh', ['-c', line], { cwd: home.path, env: await withFpkiOnPath(home) })
}
