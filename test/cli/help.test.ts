import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EXIT } from '../../src/cli/exit.js'
import { type Ended, FPKI, type Home, newHome, runProgram } from '../support/cli.js'
import { copiedPki } from './made.js'
import { expectWords } from './refusal.js'

const HSM_FLAGS = [
  ...['--hsm-module', '--hsm-token-label', '--hsm-token-serial', '--hsm-uri', '--hsm-init-args'],
  ...['--hsm-pin-file', '--hsm-pin', '--hsm-pinpad', '--hsm-allow-final-pin-try'],
]
const LEVELS = [
  ...[[], ['ca'], ['ca', 'create'], ['ca', 'show'], ['ca', 'import-root']],
  ...[['hsm'], ['hsm', 'list'], ['hsm', 'check']],
  ...[['api'], ['api', 'ping'], ['login'], ['logout'], ['config']],
  ...['show', 'set', 'unset', 'path'].map((name) => ['config', name]),
]
/** They have no example that works without an HSM; docs.test.ts runs those of the guide. */
const WITHOUT_EXAMPLE = ['ca', 'ca import-root', 'hsm', 'hsm check', 'api', 'config', 'login']

describe('help', () => {
  test.each(LEVELS.flatMap((words) => ['--help', '-h'].map((flag) => [[...words, flag].join(' ')])))(
    'fpki %s goes to stdout, exit 0',
    async (words) => {
      const { status, stdout, stderr } = await (await newHome()).fpki(words.split(' '))
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(stdout).toContain(`Usage: fpki ${words.replace(/ ?-.*$/, '')}`.trim())
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    },
  )

  test.each(['help', 'help ca', 'ca help', 'ca help create'])('fpki %s is the same', async (words) => {
    const home = await newHome()
    const asFlag = [...words.split(' ').filter((word) => word !== 'help'), '--help']
    expect(await home.fpki(words.split(' '))).toEqual(await home.fpki(asFlag))
  })

  test('names every flag of the command', async () => {
    const home = await newHome()
    const flagsOf = async (command: string, group = 'ca') => {
      const { stdout } = await home.fpki([group, command, '--help'])
      return [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, flag]) => flag)
    }
    const common = [
      '--help',
      '--version',
      '--factory',
      '--api',
      '--token',
      '--config',
      '--json',
      '--quiet',
      '--verbose',
    ]
    expect(await flagsOf('create')).toEqual([
      ...['--online-ca', '--no-online-ca', '--local-ca', '--no-local-ca', '--tls-name'],
      ...['--key-type', '--local-ca-in-hsm', ...HSM_FLAGS],
      ...common,
    ])
    expect(await flagsOf('show')).toEqual(['--pretty', '--just-root', '--just-tls', '--just-device-cas', ...common])
    expect(await flagsOf('import-root')).toEqual(['--remove-key', ...HSM_FLAGS, ...common])
    expect(await flagsOf('check', 'hsm')).toEqual(['--key-type', ...HSM_FLAGS, ...common])
    expect(await flagsOf('list', 'hsm')).toEqual(['--hsm-module', '--hsm-init-args', ...common])
  })

  test('says a default once, and in words', async () => {
    const { stdout } = await (await newHome()).fpki(['ca', 'create', '--help'])
    expect(stdout.replace(/\s+/g, ' ')).not.toMatch(/\(default\) \(default: true\)|\(default: \[\]\)/)
  })

  test('names every exit code', async () => {
    const { stdout } = await (await newHome()).fpki(['--help'])
    const [, codes = ''] = stdout.split('Exit codes:')
    for (const code of new Set([0, 1, ...Object.values(EXIT)])) expect(codes).toMatch(new RegExp(`\\b${code}\\b`))
  })

  test('alone, fpki says that a command is missing: exit 2', async () => {
    const refusal = { status: 2, code: 'ERR_USAGE', names: ['A command is missing', 'fpki --help'] }
    expectWords(await (await newHome()).fpki([]), refusal)
  })
})

test.each(['--version', '-V'])('%s is the version of package.json', async (flag) => {
  const { version }: { version: string } = JSON.parse(await readFile(join(FPKI, '..', '..', 'package.json'), 'utf8'))
  expect(await (await newHome()).fpki([flag])).toEqual({ status: 0, signal: null, stdout: `${version}\n`, stderr: '' })
})

describe('every example in the help', () => {
  test.each(LEVELS.map((words) => [words.join(' ')]))('of fpki %s works as it stands', async (words) => {
    const asked = await (await newHome()).fpki([...words.split(' '), '--help'].filter((word) => word !== ''))
    const examples = [...asked.stdout.matchAll(/^ {2}\$ (fpki .*?)(?: {2,}.*)?$/gm)].map(([, line = '']) => line)
    if (!WITHOUT_EXAMPLE.includes(words)) expect(examples.length).toBeGreaterThan(1)
    for (const example of examples) {
      const home = example.includes('ca create') ? await newHome() : (await copiedPki()).home
      const { status, stderr } = await inShell(home, example.replace('/srv/pki', home.path))
      expect({ example, status, stderr: status === 0 ? '' : stderr }).toEqual({ example, status: 0, stderr: '' })
    }
  })
})

/** Runs a line that a person would type, with fpki on the PATH. */
async function inShell(home: Home, line: string): Promise<Ended> {
  const bin = join(home.path, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'fpki'), `#!/bin/sh\nexec '${process.execPath}' '${FPKI}' "$@"\n`)
  await chmod(join(bin, 'fpki'), 0o755)
  return runProgram('sh', ['-c', line], {
    cwd: home.path,
    env: { HOME: home.path, PATH: `${bin}:${process.env['PATH']}` },
  })
}
