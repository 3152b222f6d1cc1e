import { describe, expect, test } from 'vitest'
import { FPKI, type Home, newHome, runProgram } from '../support/cli.js'
import { expectRefusal, expectWords } from './refusal.js'

/** A mistake; `{home}` in a word stands for the HOME of the test. */
interface Row {
  readonly words: readonly string[]
  /** What the message must name. */
  readonly names: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

async function expectUsageError({ words, names, env = {} }: Row): Promise<void> {
  const home = await newHome()
  const inPlace = (text: string) => text.replace('{home}', home.path)
  await expectRefusal(
    home,
    words.map(inPlace),
    { status: 2, code: 'ERR_USAGE', names: names.map(inPlace) },
    { env, cwd: home.path },
  )
}

describe('invalid command lines', () => {
  const rows: readonly (Row & { readonly title: string })[] = [
    { title: 'an unknown command', words: ['nope'], names: ["'nope'", '--help'] },
    { title: 'an unknown command of ca', words: ['ca', 'nope'], names: ["'nope'", '--help'] },
    { title: 'an unknown flag of create', words: ['ca', 'create', '{home}/acme', '--nope'], names: ["'--nope'"] },
    { title: 'an unknown flag of show', words: ['ca', 'show', '--nope'], names: ["'--nope'"] },
    {
      title: 'a value for a flag that takes none',
      words: ['ca', 'create', '{home}/acme', '--online-ca=maybe'],
      names: ['--online-ca=maybe'],
    },
    { title: 'no directory', words: ['ca', 'create'], names: ["'directory'"] },
    { title: 'two directories', words: ['ca', 'create', '{home}/acme', '{home}/bolt'], names: ['create', '1', '2'] },
    { title: 'two directories of show', words: ['est', 'show', 'acme', 'bolt'], names: ["'show'"] },
  ]
  test.each(rows)('$title', expectUsageError)

  test.each([
    { words: ['ca', 'show', '--just-root', '--just-tls'], names: ['--just-root', '--just-tls'] },
    { words: ['ca', 'show', '--factory'], names: ["'-f, --factory <name>'"] },
    { words: ['ca', 'create', '--tls-name'], names: ["'--tls-name <host>'"] },
  ])('fpki $words', async ({ words, names }) => {
    expectWords(await (await newHome()).fpki(words), { status: 2, code: 'ERR_USAGE', names })
  })
})

describe('an invalid PKI directory', () => {
  const rows: readonly (Row & { readonly title: string })[] = [
    { title: 'a relative path', words: ['ca', 'create', 'acme'], names: ['"acme"', '{home}/acme'] },
    {
      title: 'a relative path with dots',
      words: ['ca', 'create', './a/../acme'],
      names: ['"./a/../acme"', '{home}/acme'],
    },
    { title: 'one that starts with a tilde', words: ['ca', 'create', '~/acme'], names: ['"~/acme"'] },
    { title: 'no name at all', words: ['ca', 'create', ''], names: ['""', '{home}'] },
    { title: 'the root of the file system', words: ['ca', 'create', '/'], names: ['--factory'] },
    {
      title: 'a name that no factory has',
      words: ['ca', 'create', '{home}/my factory'],
      names: ['"my factory"', '--factory'],
    },
    {
      title: 'a name of 65 characters',
      words: ['ca', 'create', `{home}/${'a'.repeat(65)}`],
      names: ['a'.repeat(65), '--factory'],
    },
  ]
  test.each(rows)('$title', expectUsageError)
})

describe('an invalid factory name', () => {
  const names = ['../x', '', '.', '..', 'x'.repeat(65), 'a b', 'a/b', 'ä', 'a\nb']
  test.each(names)('--factory %j', async (name) => {
    const words = ['ca', 'create', '{home}/acme', `--factory=${name}`]
    await expectUsageError({ words, names: [JSON.stringify(name), '--factory'] })
  })

  test.each(['FPKI_FACTORY', 'FIOCTL_FACTORY'])('%s=../x', async (variable) => {
    const [names, env] = [['"../x"', variable], { [variable]: '../x' }]
    await expectUsageError({ words: ['ca', 'create', '{home}/acme'], names, env })
    await expectUsageError({ words: ['ca', 'show'], names, env })
  })
})

describe('an invalid gateway name', () => {
  const names = [
    'a b',
    '',
    '-x',
    'x..y',
    'http://x.example',
    'x.*',
    `${'a'.repeat(64)}.b`,
    '192.0.2.256',
    '2001:db8::1::2',
  ]
  test.each(names)('--tls-name %j', async (name) => {
    await expectUsageError({
      words: ['ca', 'create', '{home}/acme', `--tls-name=${name}`],
      names: [JSON.stringify(name)],
    })
  })

  test('is reported even next to a valid name', async () => {
    const words = ['ca', 'create', '{home}/acme', '--tls-name', 'gw.example', '--tls-name', 'a b']
    await expectUsageError({ words, names: ['"a b"', '--tls-name'] })
  })
})

describe('invalid settings', () => {
  const rows: readonly (Row & { readonly title: string })[] = [
    {
      title: '--api foundries',
      words: ['ca', 'create', '{home}/acme', '--api', 'foundries'],
      names: ['the Factory API foundries', '--factory'],
    },
    {
      title: '--api https://…',
      words: ['ca', 'show', '--api', 'https://x.example'],
      names: ['the Factory API https://x.example', '--factory'],
    },
    {
      title: '--api http://…',
      words: ['ca', 'show', '--api', 'http://x.example'],
      names: ['"http://x.example/"', '--api', 'embedded', 'this machine only'],
    },
    { title: '--api with nothing', words: ['ca', 'show', '--api', ''], names: ['--api is none: ""', 'embedded'] },
    {
      title: 'FPKI_API=foundries',
      words: ['ca', 'create', '{home}/acme'],
      names: ['"foundry"', 'FPKI_API'],
      env: { FPKI_API: 'foundry' },
    },
    {
      title: 'a relative FPKI_STATE_DIR',
      words: ['ca', 'create', '{home}/acme'],
      names: ['FPKI_STATE_DIR'],
      env: { FPKI_STATE_DIR: 'state' },
    },
    {
      title: 'a relative FPKI_STATE_DIR, for show',
      words: ['ca', 'show'],
      names: ['FPKI_STATE_DIR', 'state'],
      env: { FPKI_STATE_DIR: 'state' },
    },
    { title: 'an empty HOME', words: ['ca', 'create', '{home}/acme'], names: ['HOME'], env: { HOME: '' } },
    { title: 'a relative HOME', words: ['ca', 'create', '{home}/acme'], names: ['HOME'], env: { HOME: 'somewhere' } },
  ]
  test.each(rows)('$title', expectUsageError)
})

test.each([
  ['a relative path is a mistake', 'ca create acme', 2],
  ['an absolute path is none', 'ca create "$HOME/acme"', 0],
])('where the working directory is gone, %s', async (_, words, expected) => {
  const home = await newHome()
  const script = `mkdir gone && cd gone && rmdir ../gone && exec "$0" "$1" ${words}`
  const { status, stderr } = await runProgram('sh', ['-c', script, process.execPath, FPKI], {
    cwd: home.path,
    env: { HOME: home.path },
  })
  expect(stderr).not.toMatch(/^ {4}at /m)
  expect(status).toBe(expected)
})

test('the stack of a refusal is printed only with --verbose', async () => {
  const home = await newHome()
  const words = ['ca', 'create', 'relative']
  expect((await home.fpki(words)).stderr.trimEnd().split('\n')).toHaveLength(2)
  expect((await home.fpki([...words, '--verbose'])).stderr).toMatch(/^ {4}at /m)
})

test('a usage error is printed as JSON wherever --json is', async () => {
  const home: Home = await newHome()
  for (const words of [
    ['ca', 'create', '--json', 'relative'],
    ['ca', 'create', 'relative', '--json'],
    ['ca', 'create', 'relative', '--json=true'],
    ['ca', 'show', '--json', '--nope'],
    ['ca', '--json'],
    ['--json', 'nope'],
  ]) {
    const { status, stdout } = await home.fpki(words)
    expect(status).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'ERR_USAGE' } })
  }
  expect(await home.fpki(['ca', 'show', '--json=false', 'a', 'b'])).toMatchObject({ status: 2, stdout: '' })
})
