import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { beforeAll, describe, expect, test } from 'vitest'
import { complete } from '../../src/cli/complete.js'
import { completionDocument } from '../../src/cli/documents.js'
import { buildProgram } from '../../src/cli/program.js'
import { type Home, newHome, runProgram } from '../support/cli.js'
import { withFpkiOnPath } from '../support/on-path.js'
import { copiedPki, x509 } from './made.js'
import { bashOffers, fishOffers, linesAfterTab, type Shell } from './shells.js'
import { silentIo } from './silent-io.js'

const SHELLS = ['bash', 'zsh', 'fish'] as const

/** A shell in the HOME of a test that has a PKI and some files. */
async function shellWithPki(name: Shell['name']): Promise<Shell> {
  const { home } = await copiedPki()
  await mkdir(join(home.path, 'my folder'))
  await writeFile(join(home.path, 'my file'), '')
  return { name, folder: home.path, env: await withFpkiOnPath(home) }
}

/** A shell in a HOME with a directory `pki` that has certificates of these names. */
async function shellWithCaFiles(name: Shell['name'], caFiles: readonly string[]): Promise<Shell> {
  const home = await newHome()
  await mkdir(join(home.path, 'pki'))
  for (const caFile of caFiles) await writeFile(join(home.path, 'pki', caFile), '')
  return { name, folder: home.path, env: await withFpkiOnPath(home) }
}

/**
 * Asks a shell for all lines of a table in one session, when the first test of the table wants an answer. No line may
 * have run a part of itself.
 */
function inOneSession<Answer>(
  makeShell: () => Promise<Shell>,
  ask: (shell: Shell, lines: readonly string[]) => Promise<ReadonlyMap<string, Answer>>,
  lines: readonly string[],
): (line: string) => Promise<Answer | undefined> {
  const askAll = async () => {
    const shell = await makeShell()
    const answers = await ask(shell, lines)
    expect(await readdir(shell.folder)).not.toContain('pwned')
    return answers
  }
  let answers: ReturnType<typeof askAll> | null = null
  return async (line) => {
    answers ??= askAll()
    return (await answers).get(line)
  }
}

const REVOKE = 'fpki ca revoke-device-ca ~/pki --ca-file '

describe('bash', () => {
  const tables = {
    words: [
      ['fpki ', ['ca', 'hsm', 'keys', 'completion', 'help']],
      ['fpki ca sh', ['show']],
      ['fpki keys ca sh', ['show']],
      ['fpki ca create --on', ['--online-ca']],
      ['fpki -q ca create --key-type ', ['P-256', 'P-384']],
      ['fpki ca create --key-type=P-3', ['P-384']],
      ['fpki ca show --factory ', ['acme']],
      ['fpki ca show -f a', ['acme']],
      ['fpki api ping -- --fact', []],
      ['fpki completion ', ['bash', 'zsh', 'fish']],
      ['fpki ca show --api ', ['embedded', 'foundries']],
      ['fpki ca show --api=f', ['foundries']],
      ['fpki completion "ba', ['bash']],
      ['fpki ca create --hsm-pin ', []],
      ['fpki devices issue acme --ca lo', ['local-ca.pem']],
    ],
    paths: [
      ['fpki ca create ', '-o dirnames'],
      ['fpki --config ', '-o default'],
      ['fpki ca create --hsm-pin-file=', '-o default'],
      ['fpki devices issue acme --from ', '-o default'],
      ['fpki devices issue acme --out ', '-o default'],
      ['fpki ca export-kit acme ', '-o dirnames'],
    ],
  } satisfies Record<string, readonly (readonly [string, unknown])[]>
  const offers = inOneSession(
    () => shellWithPki('bash'),
    bashOffers,
    [...tables.words, ...tables.paths].map(([line]) => line),
  )

  test.each(tables.words)('offers for %j: %j', async (line, words) => {
    const offered = await offers(line)
    if (line === 'fpki ') expect(offered?.words).toEqual(expect.arrayContaining(words))
    else expect(offered).toEqual({ words, options: '' })
  })

  test('finds the script where the README puts it', async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
    const [, block = ''] = /^```sh\n((?:.*\n)?fpki completion bash .*\n)/m.exec(readme) ?? []
    const home = await newHome()
    const script = `${block}\n. ~/.local/share/bash-completion/completions/fpki; complete -p fpki`
    const ended = await runProgram('bash', ['-e', '-c', script], { env: await withFpkiOnPath(home) })
    expect(ended).toMatchObject({ status: 0, stdout: 'complete -F _fpki fpki\n', stderr: '' })
  })

  test('offers the servers of `fpki login` for --api', async () => {
    const shell = await shellWithPki('bash')
    const login = 'echo t0ken | fpki login --api https://factory.example --token-file -'
    expect(await runProgram('sh', ['-c', login], { env: shell.env })).toMatchObject({ status: 0 })
    const offered = await bashOffers(shell, ['fpki ca show --api h'])
    expect([...offered.values()]).toMatchObject([{ words: [expect.stringContaining('https')] }])
  })

  test.each(tables.paths)('leaves the paths of %j to the shell', async (line, options) => {
    expect(await offers(line)).toEqual({ words: [], options })
  })
})

describe.each(['bash', 'zsh'] as const)('in an interactive %s, a Tab turns', (name) => {
  const lines = [
    ['fpki ca cre', 'fpki ca create '],
    ['fpki keys ca sh', 'fpki keys ca show '],
    ['true; FOO="x y" fpki ca cre', 'true; FOO="x y" fpki ca create '],
    ['fpki ca create --key', 'fpki ca create --key-type '],
    ['fpki ca show --factory a', 'fpki ca show --factory acme '],
    ['fpki ca show --factory=a', 'fpki ca show --factory=acme '],
    ['fpki ca create my', 'fpki ca create my\\ folder/'],
    ['fpki ca show --config my\\ fi', 'fpki ca show --config my\\ file '],
    ['fpki ca create $(touch pwned) --online', 'fpki ca create $(touch pwned) --online-ca '],
  ] as const
  const lineAfterTab = inOneSession(
    () => shellWithPki(name),
    linesAfterTab,
    lines.map(([line]) => line),
  )

  test.each(lines)('completes %j to %j', async (line, after) => {
    expect(await lineAfterTab(line)).toBe(after)
  })

  const hostileNames = [
    ['$(touch pwned).pem', '\\$\\(touch\\ pwned\\).pem '],
    ["it's; touch pwned `touch pwned`.pem", "it\\'s\\;\\ touch\\ pwned\\ \\`touch\\ pwned\\`.pem "],
    ['~root&"x".pem', '\\~root\\&\\"x\\".pem '],
    ['süd 2.pem', 'süd\\ 2.pem '],
  ] as const
  const begun = (quoted: string) => `${REVOKE}${quoted.slice(0, 2)}`
  const hostileAfterTab = inOneSession(
    () => shellWithCaFiles(name, ['site b.pem', ...hostileNames.map(([hostile]) => hostile)]),
    linesAfterTab,
    [`${REVOKE}"si`, ...hostileNames.map(([, quoted]) => begun(quoted))],
  )

  test.each(hostileNames)('quotes a name such as %j', async (_, quoted) => {
    expect(await hostileAfterTab(begun(quoted))).toBe(`${REVOKE}${quoted}`)
  })

  test('completes a word inside an open quote', async () => {
    expect(await hostileAfterTab(`${REVOKE}"si`)).toBe(`${REVOKE}"site b.pem" `)
  })
})

describe('fish', () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ['fpki ca cre', ['create\tcreate a Factory PKI, or resume an interrupted create']],
    ['fpki keys ca sh', ['show\tprint the certificates stored in the Factory API']],
    ['fpki ca create --key-type ', ['P-256', 'P-384']],
    ['fpki ca create --key-type=', ['--key-type=P-256', '--key-type=P-384']],
    ['fpki ca show --factory ', ['acme']],
    ['fpki ca create my', ['my folder/']],
    ['fpki --config=my', ['--config=my file', '--config=my folder/']],
    [
      'fpki ca create (touch pwned) --online',
      ['--online-ca\tcreate online-ca, for devices that register online (default: yes)'],
    ],
  ]
  const offers = inOneSession(
    () => shellWithPki('fish'),
    fishOffers,
    table.map(([line]) => line),
  )

  test.each(table)('offers for %j: %j', async (line, offered) => {
    expect(await offers(line)).toEqual(offered)
  })

  test('evaluates nothing in a hostile name', async () => {
    const shell = await shellWithCaFiles('fish', ['(touch pwned).pem'])
    expect((await fishOffers(shell, [REVOKE])).get(REVOKE)).toEqual(['(touch pwned).pem'])
    expect(await readdir(shell.folder)).not.toContain('pwned')
  })
})

describe('the CAs of a PKI', () => {
  const ask = async (line: string, home: Home) => {
    const { stdout } = await home.fpki(['__complete', 'bash', line])
    return stdout.split('\n').slice(0, -1)
  }

  test('--ca-file: the certificates in the directory except the root', async () => {
    const { home, path } = await copiedPki()
    await writeFile(path('site b.pem'), '')
    await writeFile(path('broken\nname.pem'), '')
    for (const directory of ['"$HOME/acme"', '~/acme', `'${home.path}'/acme`, `\${HOME}/acme`])
      expect(await ask(`fpki ca revoke-device-ca ${directory} --ca-file `, home)).toEqual([
        ...['words', 'local-ca.pem\t', 'online-crt\t', 'site\\ b.pem\t'],
      ])
    expect(await ask('fpki ca revoke-device-ca ~/acme --ca-file="si', home)).toEqual(['words', 'site b.pem\t'])
    expect(await ask('fpki ca revoke-device-ca ~/none --ca-file ', home)).toEqual(['words'])
    expect(await ask('fpki ca revoke-device-ca --ca-file ', home)).toEqual(['words'])
  })

  test('--ca-serial: the serial numbers in the Factory API', async () => {
    const { home, path } = await copiedPki()
    const hex = (await x509(path('local-ca.pem'), '-serial')).replace('serial=', '')
    const [kind, ...offered] = await ask('fpki ca revoke-device-ca ~/acme --ca-serial ', home)
    expect({ kind, count: offered.length }).toEqual({ kind: 'words', count: 2 })
    expect(offered.map((line) => line.split('\t')[0])).toContain(`0x${hex}`)
  })

  test('an invalid state offers nothing and prints no error', async () => {
    const { home, stateFile } = await copiedPki()
    await writeFile(stateFile, '{')
    expect(await ask('fpki ca revoke-device-ca ~/acme --ca-serial ', home)).toEqual(['words'])
  })
})

describe('every command', () => {
  const io = silentIo(() => undefined)
  const commands = pathsOf(buildProgram(io))
  let said = ''
  const asking = silentIo((text) => {
    said += text
  })

  beforeAll(() => {
    expect(commands).toContain('fpki keys ca create')
  })

  test.each(commands)('offers all options of %s', async (line) => {
    said = ''
    await complete(['bash', `${line} -`], buildProgram(asking), asking)
    const command = line.split(' ').slice(1).reduce(commandIn, buildProgram(io))
    const flags = command.options.filter(({ hidden }) => !hidden).map(({ long }) => long)
    expect(said.split('\n').map((offer) => offer.split('\t')[0])).toEqual(
      expect.arrayContaining([...flags, '--factory', '--token', '--config', '--verbose', '--help']),
    )
  })
})

function commandIn(command: Command, name: string): Command {
  const below = command.commands.find((one) => one.name() === name)
  if (below === undefined) throw new Error(`no ${name}`)
  return below
}

function pathsOf(command: Command, above = ''): readonly string[] {
  const path = `${above} ${command.name()}`.trim()
  return [path, ...command.commands.flatMap((below) => pathsOf(below, path))]
}

test.each(SHELLS)('fpki completion %s --json contains the script', async (shell) => {
  const home = await newHome()
  const { stdout } = await home.fpki(['completion', shell])
  const { stdout: json } = await home.fpki(['completion', shell, '--json'])
  expect(completionDocument.parse(JSON.parse(json))).toEqual({ schemaVersion: 1, shell, script: stdout })
})
