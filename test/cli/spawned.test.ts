import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { buildProgram } from '../../src/cli/program.js'
import { opensslCsr } from '../pki/support/openssl-csr.js'
import type { Ended } from '../support/cli.js'
import { ISSUED_AT, recordDevices, UNLIMITED, uuidNumber, withRegister } from '../support/device-register.js'
import { copiedPki, type Made } from './made.js'
import { silentIo } from './silent-io.js'

/** One run of each command; those without the work of theirs need a server, a token or a terminal, and are refused. */
const RUNS: Readonly<Record<string, (made: Scene) => readonly string[]>> = {
  'ca create': ({ at }) => [at('new'), '--factory', 'new'],
  'ca root-csr': ({ at }) => [at('new'), '--factory', 'new'],
  'ca show': () => ['--pretty'],
  'ca verify': ({ directory }) => [directory],
  'ca status': ({ directory }) => [directory],
  'ca report': ({ directory, at }) => [directory, '--out', at('report.html'), '--sign'],
  'ca add-device-ca': ({ directory }) => [directory, '--local-ca', '--local-ca-filename', 'b'],
  'ca revoke-device-ca': ({ directory }) => [directory, '--ca-file', 'local-ca', '--yes'],
  'ca disable-device-ca': ({ directory }) => [directory, '--ca-file', 'local-ca', '--yes'],
  'ca enable-device-ca': ({ directory }) => [directory, '--ca-file', 'local-ca'],
  'devices issue': ({ directory, at }) => [directory, '--from', at('a.csr'), '--out', at('devices'), '--dry-run'],
  'ca update': ({ path }) => [path('online-crt'), '--yes'],
  'ca rotate-tls': ({ directory }) => [directory, '--tls-name', 'gateway.example'],
  'ca sign': ({ at, directory }) => [at('a.csr'), '--pki-dir', directory],
  'ca import-root': ({ directory }) => [directory],
  'ca plan-root-change': ({ directory }) => [directory],
  'ca cross-sign': ({ directory }) => [directory, '--with', directory],
  'ca renew-root': ({ directory }) => [directory, '--dry-run'],
  'ca paper': ({ directory, at }) => [directory, '--out', at('sheet.html'), '--plain'],
  'ca export': ({ directory, at }) => [directory, '--p12', 'local-ca', '--out', at('a.p12')],
  'ca export-kit': ({ directory, at }) => [directory, at('kit'), '--ca', 'local-ca'],
  'devices export': ({ directory, at }) => [directory, '--out', at('issued.jsonl')],
  'devices import': ({ directory, at }) => [directory, at('a.csr')],
  'devices publish': ({ directory }) => [directory],
  'ca backup': ({ directory, at }) => [directory, '--out', at('a.backup')],
  'ca restore': ({ at }) => [at('a.csr'), at('restored')],
  'ca resume': ({ directory }) => [directory],
  'ca abandon': ({ directory }) => [directory, '--yes'],
  'ca log': ({ directory }) => [directory],
  'ca log verify': ({ directory }) => [directory],
  'ca history': ({ directory }) => [directory],
  'ca diff': ({ directory }) => [directory, '1', '2'],
  'lines create': ({ directory }) => [directory, 'a', '--quota', '10'],
  'lines list': ({ directory }) => [directory],
  'lines show': ({ directory }) => [directory, 'site-a'],
  'lines change': ({ directory }) => [directory, 'site-a', '--quota', 'none'],
  'lines pause': ({ directory }) => [directory, 'site-a'],
  'lines resume': ({ directory }) => [directory, 'site-a'],
  'lines close': ({ directory }) => [directory, 'site-a', '--yes'],
  'lines token': ({ directory }) => [directory, 'site-a', '--uses', '5', '--for', '8h'],
  'lines tokens': ({ directory }) => [directory],
  'lines revoke-token': ({ directory }) => [directory, 'a'],
  'lines station': ({ directory, home }) => [directory, 'site-a', 'tester-1', '--out', home.path],
  'lines stations': ({ directory }) => [directory, 'site-a'],
  'lines revoke-station': ({ directory }) => [directory, 'site-a', 'tester-1'],
  'devices list': ({ directory }) => [directory],
  'devices show': ({ directory }) => [directory, uuidNumber(1)],
  'devices count': ({ directory }) => [directory],
  'devices deny': ({ directory }) => [directory, uuidNumber(1)],
  'devices allow': ({ directory }) => [directory, uuidNumber(1)],
  'devices seen': ({ directory, at }) => [directory, '--from', at('a.csr')],
  'devices report': ({ directory, at }) => [directory, '--line', 'site-a', '--out', at('report')],
  'devices ocsp-export': ({ directory, at }) => [directory, '--out', at('answers')],
  'devices store init': ({ directory }) => [directory],
  'devices store migrate': ({ directory }) => [directory],
  'devices store check': ({ directory }) => [directory],
  'devices store copy': ({ directory, at }) => [directory, '--to', `sqlite:${at('moved.sqlite')}`],
  'devices serve': ({ directory }) => [directory, '--register', 'nowhere'],
  'devices relay': ({ at }) => [
    '--listen',
    'nowhere',
    '--upstream',
    'https://a.example',
    '--cert',
    at('a'),
    '--key',
    at('b'),
  ],
  'est show': () => [],
  'est authorize': ({ directory }) => [directory],
  'hsm list': () => [],
  'hsm check': () => [],
  'api ping': () => [],
  'api serve': () => ['--listen', 'nowhere'],
  'api token create': () => ['--name', 'a'],
  'api token list': () => [],
  'api token revoke': () => ['a'],
  'api export-gateway': ({ at }) => [at('gateway')],
  'api delete-factory': () => ['acme', '--yes'],
  'config show': () => [],
  'config set': () => ['factory', 'acme'],
  'config unset': () => ['factory'],
  'config path': () => [],
  login: () => ['--api', 'https://factory.example'],
  logout: () => [],
  lint: ({ path }) => [path('tls-crt')],
  completion: () => ['bash'],
}

interface Scene extends Made {
  at(name: string): string
}

function commandsBelow(command: Command, words: readonly string[] = []): readonly string[] {
  const below = command.commands
    .filter((one) => one.name() !== 'keys')
    .flatMap((one) => commandsBelow(one, [...words, one.name()]))
  return command.commands.length === 0 || words.join(' ') === 'ca log' ? [words.join(' '), ...below] : below
}

/** What it said, without what differs from one home, key or second to the next. */
function said({ stdout, stderr, ...end }: Ended, { home }: Made) {
  const plain = (text: string) =>
    text
      .replaceAll(home.path, 'HOME')
      .replace(/fpki_[0-9a-f]{16}_[\w-]{43}/g, 'TOKEN')
      .replace(/-----BEGIN [\s\S]*?-----END/g, 'PEM')
      .replace(/^[\w+/=]{20,}$/gm, 'BASE64')
      .replace(/\b[0-9a-f]{2}(:?[0-9a-f]{2}){7,}\b/gi, 'HEX')
      .replace(/\d+/g, 'N')
  return { ...end, stdout: plain(stdout), stderr: plain(stderr) }
}

async function withRequestAndDevice(): Promise<Made> {
  const made = await copiedPki()
  await writeFile(join(made.home.path, 'a.csr'), await opensslCsr({}))
  await recordDevices(made.directory, [{ uuid: uuidNumber(1) }])
  await withRegister(made.directory, (register) => register.lines.create('site-a', UNLIMITED, ISSUED_AT))
  return made
}

async function scene(): Promise<Scene> {
  const made = await copiedPki(withRequestAndDevice)
  return { ...made, at: (name) => join(made.home.path, name) }
}

test('every command is tested', () => {
  expect(Object.keys(RUNS).sort()).toEqual([...commandsBelow(buildProgram(silentIo(() => undefined)))].sort())
})

test.each(Object.keys(RUNS))(
  'fpki %s says and does the same as a program and in the process of a test',
  async (name) => {
    const start = { env: { FPKI_FACTORY: 'acme', FPKI_PASSPHRASE: 'nine lives of a fish' } }
    const [one, other] = [await scene(), await scene()]
    const wordsFor = (made: Scene) => [...name.split(' '), ...(RUNS[name]?.(made) ?? [])]
    const asProgram = await one.home.spawn(wordsFor(one), start)
    const inProcess = await other.home.fpki(wordsFor(other), start)
    expect(said(asProgram, one)).toEqual(said(inProcess, other))
    expect(asProgram.status).not.toBe(1)
  },
)
