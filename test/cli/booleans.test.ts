import { Command } from 'commander'
import { expect, test } from 'vitest'
import { addCommonOptions, normalizeBooleans } from '../../src/cli/options.js'
import { copiedPki } from './made.js'

/** Two commands with the same flag, as create (default true) and add-device-ca (default false) have it. */
function parsed(line: string): Record<string, unknown> {
  const program = new Command('fpki').exitOverride().configureOutput({ writeErr: () => undefined })
  addCommonOptions(program)
  let found: Record<string, unknown> = {}
  const action = (...words: unknown[]) => {
    const command = words.at(-1)
    if (command instanceof Command) found = { ...command.optsWithGlobals(), args: command.args }
  }
  const ca = program.command('keys').command('ca')
  const create = ca.command('create').argument('[directory]').action(action)
  create.option('--online-ca', '', true).option('--no-online-ca').option('--hsm-pin <pin>')
  ca.command('add').argument('[directory]').option('--online-ca').action(action)
  program.parse(normalizeBooleans(line.split(' '), program), { from: 'user' })
  return found
}

test.each([
  ['keys ca create', true],
  ['keys ca create --online-ca=true', true],
  ['keys ca create --online-ca=false', false],
  ['keys ca create --online-ca=F', false],
  ['keys ca create --no-online-ca', false],
  ['keys ca create --no-online-ca=false', true],
  ['keys ca create --online-ca=false --online-ca', true],
  ['keys ca create --online-ca --online-ca=0', false],
  ['keys ca add', undefined],
  ['keys ca add --online-ca', true],
  ['keys ca add --online-ca=1', true],
  ['keys ca add --online-ca=false', undefined],
  ['keys ca add --no-online-ca', undefined],
  ['keys ca add --online-ca --no-online-ca', undefined],
  ['keys ca add --no-online-ca --online-ca', true],
  ['-f ca keys ca add --online-ca=false', undefined],
  ['keys ca add -f keys --online-ca=true', true],
])('fpki %s: --online-ca is %s', (line, value) => {
  expect(parsed(line)['onlineCa']).toBe(value)
})

test('common options accept the same spellings', () => {
  expect(parsed('keys ca add --json=true --quiet=true --quiet=false -v')).toMatchObject({ json: true, verbose: true })
  expect(parsed('--json=true --no-json keys ca add')).not.toHaveProperty('json')
})

test.each(['--online-ca=maybe', '--online-ca=', '--no-such', '--no-such=true', '--such=false'])(
  '%s is refused',
  (flag) => {
    expect(() => parsed(`keys ca add ${flag}`)).toThrow()
  },
)

test('values and arguments are unchanged', () => {
  expect(parsed('keys ca create --hsm-pin --json=true')).toMatchObject({ hsmPin: '--json=true' })
  expect(parsed('keys ca create -- --online-ca=false')).toMatchObject({ args: ['--online-ca=false'], onlineCa: true })
})

test('command names and global options of fioctl work', async () => {
  const { home, text } = await copiedPki()
  const root = await text('factory_ca.pem')
  const words = [
    'keys',
    'ca',
    'show',
    '--just-root=true',
    '-f',
    'acme',
    '-c',
    '/nowhere/fioctl.yaml',
    '-v',
    '--pretty=false',
  ]
  expect(await home.fpki(words)).toEqual({ status: 0, signal: null, stdout: root, stderr: '' })
})

test.each([['-t', 'secret-token'], ['--token', 'secret-token'], ['--token=secret-token']])(
  'accepts a token on the command line (%s), with a warning that does not repeat it',
  async (...words) => {
    const { home } = await copiedPki()
    const { status, stderr } = await home.fpki(['ca', 'show', ...words.filter((word) => typeof word === 'string')])
    expect({ status, warned: stderr.startsWith('warning: Other users can see') }).toEqual({
      status: 0,
      warned: true,
    })
    expect(stderr).not.toContain('secret-token')
  },
)
