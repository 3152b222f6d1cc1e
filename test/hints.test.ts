import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EXIT_FOUND } from '../src/cli/exit.js'
import { buildProgram } from '../src/cli/program.js'
import { interruptedCreate } from './cli/interruption.js'
import { copiedPki, editCertificates, editJson, type Made, x509 } from './cli/made.js'
import { silentIo } from './cli/silent-io.js'
import { type Home, newHome } from './support/cli.js'
import { ISSUED_AT, UNLIMITED, uuidNumber, withRegister } from './support/device-register.js'
import { deviceCsr } from './support/device-requests.js'
import { advisedInSource, printedCommand, problemOf, wordsInShell } from './support/hints.js'

const PROGRAM = buildProgram(silentIo(() => undefined))

/** A message that advises commands was printed. */
interface Printed {
  readonly home: Home
  readonly text: string
  /** What a person writes for the words in capitals. */
  readonly fill?: Readonly<Record<string, string>>
  /** Of the command: 0 when it is left out. */
  readonly exit?: number
}

/** The passphrase of everything here; and a PKI that was copied records the state of the one that it was copied from. */
const inHome = ({ state }: Home) => ({ env: { FPKI_PASSPHRASE: 'correct horse battery', FPKI_STATE_DIR: state } })

/** A PKI in a directory whose name a shell would take apart. */
async function pki(): Promise<Made> {
  const made = await copiedPki()
  const directory = join(made.home.path, "it's my acme")
  await rename(made.directory, directory)
  const path = (name: string) => join(directory, name)
  return { ...made, directory, path, text: (name) => readFile(path(name), 'utf8') }
}

/** What a command on a PKI prints, after something has happened to it. */
function when(
  happens: (made: Made) => Promise<unknown>,
  words: (made: Made) => readonly string[],
  fill: (made: Made) => Readonly<Record<string, string>> = () => ({}),
): () => Promise<Printed> {
  return async () => {
    const made = await pki()
    await happens(made)
    const { stdout, stderr } = await made.home.fpki(words(made), inHome(made.home))
    return { home: made.home, text: stdout + stderr, fill: fill(made) }
  }
}

const nothing = async () => undefined
const verify = ({ directory }: Made) => ['ca', 'verify', directory]
const status = ({ directory }: Made) => ['ca', 'status', directory]
const again = ({ directory }: Made) => ['ca', 'create', directory, '--factory', 'acme']
const elsewhere = ({ home }: Made) => ['ca', 'create', join(home.path, 'other'), '--factory', 'acme']
const backUp = ({ directory, home }: Made) => ['ca', 'backup', directory, '--out', join(home.path, "the owner's")]
const exportRoot = ({ directory, home }: Made) => [
  'ca',
  'export',
  directory,
  '--p12',
  'factory_ca',
  '--out',
  join(home.path, 'root.p12'),
]
const withoutLocalCa = ({ home }: Made) =>
  home.fpki(['ca', 'create', join(home.path, 'nolocal'), '--no-local-ca'], inHome(home))
const issueIn =
  (name: string) =>
  ({ home, path }: Made) => ['devices', 'issue', join(home.path, name), '--from', path('local-ca.pem')]
const inQuotes = (word: string) => `"${word}"`
const newFile = ({ home }: Made) => ({ FILE: inQuotes(join(home.path, 'new file')) })
const backedUp = (made: Made) => made.home.fpki(backUp(made), inHome(made.home))
const withoutState = ({ home }: Made) => rm(home.state, { recursive: true })
const withoutTls = (made: Made) => editCertificates(made, { tlsCrt: null })
const withoutCas = (made: Made) => editCertificates(made, { caCrt: null })

const registerCreated = ({ directory }: Made) => withRegister(directory, async () => undefined)

const stationCreated = ({ directory }: Made) =>
  withRegister(directory, async ({ lines, credentials }) => {
    await lines.create('a', UNLIMITED, ISSUED_AT)
    const times = { notAfter: Date.parse('2099-01-01'), createdAt: ISSUED_AT }
    await credentials.createStation({ line: 'a', name: 'tester', fingerprint: 'ab'.repeat(32), ...times })
  })

const withoutOneCa = async (made: Made) => {
  const [online, local] = [await made.text('online-crt'), await made.text('local-ca.pem')]
  await editCertificates(made, { caCrt: online })
  await writeFile(join(made.home.path, 'all of them'), online + local)
}
const otherEst = async (made: Made) => {
  await made.home.fpki(['est', 'authorize', made.directory])
  await editCertificates(made, { estTlsCrt: await made.text('tls-crt') })
}

/** A create that was interrupted, in a directory with such a name; then another command. */
function afterInterruption(words: (directory: string) => readonly string[]): () => Promise<Printed> {
  return async () => {
    const home = await newHome()
    const directory = join(home.path, "it's my acme")
    await interruptedCreate(home, directory, ['--factory', 'acme'])
    const { stdout, stderr } = await home.fpki(words(directory))
    return { home, text: stdout + stderr }
  }
}

const noEst = async (made: Made) => {
  await made.home.fpki(['est', 'authorize', made.directory])
  await editCertificates(made, { estTlsCrt: null })
}

const revokedOnlyHere = async (made: Made) => {
  const serial = (await x509(made.path('local-ca.pem'), '-serial')).replace(/^.*=/, '')
  const revokedCaSerials = [BigInt(`0x${serial}`).toString()]
  await editJson(made.path('.fpki/state.json'), (state) => ({ ...state, revokedCaSerials }))
}

const verifyOffline = (directory: string) => ['ca', 'verify', directory, '--offline']
const createOther = (directory: string) => ['ca', 'create', directory, '--factory', 'bolt']

/** Every command that can be tried here, with the situation in which it is printed. */
const TRIED: readonly (readonly [advised: string, situation: string, when: () => Promise<Printed>])[] = [
  [
    'fpki ca show --pretty --factory …',
    'a PKI was made',
    async () => {
      const home = await newHome()
      const { stdout } = await home.fpki(['ca', 'create', join(home.path, "it's new"), '--factory', 'bolt'])
      return { home, text: stdout }
    },
  ],
  ['fpki ca backup DIR --out FILE', 'verify, no backup is known', when(nothing, verify, newFile)],
  ['fpki ca backup … --out FILE', 'status, no backup is known', when(nothing, status, newFile)],
  ['fpki ca backup --check … --pki-dir …', 'a backup was made', when(nothing, backUp)],
  ['fpki ca backup --check …', 'the file of a backup exists', when(backedUp, backUp)],
  [
    'fpki ca show DIR --just-tls',
    'verify, another tls-crt',
    when(async (made) => editCertificates(made, { tlsCrt: await made.text('online-crt') }), verify),
  ],
  [
    'fpki ca show DIR --just-device-cas',
    'verify, a device CA without a file',
    when(({ path }) => rm(path('local-ca.pem')), verify),
  ],
  [
    'fpki ca update FILE --factory FACTORY',
    'verify, a device CA that the API lacks',
    when(withoutOneCa, verify, ({ home }) => ({ FILE: inQuotes(join(home.path, 'all of them')) })),
  ],
  ['fpki ca revoke-device-ca … --ca-serial …', 'verify, the API has a revoked CA', when(revokedOnlyHere, verify)],
  ['fpki est authorize …', 'verify, the API has no EST certificate', when(noEst, verify)],
  ['fpki est show …', 'verify, another EST certificate', when(otherEst, verify)],
  ['fpki est authorize …', 'verify, another EST certificate', when(otherEst, verify)],
  ['fpki est authorize …', 'there is no EST certificate', when(nothing, ({ directory }) => ['est', 'show', directory])],
  ['fpki ca show … --just-tls', 'status, tls-crt is missing', when(({ path }) => rm(path('tls-crt')), status)],
  [
    'fpki ca show … --pretty',
    'an invalid serial number',
    when(nothing, ({ directory }) => ['ca', 'revoke-device-ca', directory, '--ca-serial', 'x']),
  ],
  ['fpki ca status …', 'create, again', when(nothing, again)],
  ['fpki ca rotate-tls … --tls-name HOST', 'create, again', when(nothing, again, () => ({ HOST: 'gateway.example' }))],
  [
    'fpki ca restore BACKUP DIR',
    'create in another directory',
    when(backedUp, elsewhere, ({ home }) => ({
      BACKUP: inQuotes(join(home.path, "the owner's")),
      DIR: inQuotes(join(home.path, 'new')),
    })),
  ],
  [
    'fpki ca rotate-tls DIR --tls-name HOST',
    'create in another directory',
    when(nothing, elsewhere, ({ directory }) => ({ DIR: inQuotes(directory), HOST: 'gateway.example' })),
  ],
  ['fpki api delete-factory …', 'create in another directory', when(nothing, elsewhere)],
  ['fpki ca rotate-tls …', 'verify, the API has no tls-crt', when(withoutTls, verify)],
  [
    'fpki ca rotate-tls DIR',
    'status of an API without tls-crt',
    when(
      withoutTls,
      () => ['ca', 'status', '--factory', 'acme'],
      ({ directory }) => ({ DIR: inQuotes(directory) }),
    ),
  ],
  ['fpki ca resume …', 'create with other options', afterInterruption(createOther)],
  ['fpki ca abandon …', 'create with other options', afterInterruption(createOther)],
  ['fpki ca resume DIR', 'verify after an interruption', afterInterruption(verifyOffline)],
  ['fpki ca resume …', 'status after an interruption', afterInterruption((directory) => ['ca', 'status', directory])],
  [
    'fpki ca resume …',
    'a change, and the API has no PKI',
    when(withoutState, ({ directory }) => ['ca', 'rotate-tls', directory]),
  ],
  [
    'fpki ca create /absolute/path',
    'show, and there is no PKI',
    when(
      withoutState,
      () => ['ca', 'show', '--factory', 'bolt'],
      ({ home }) => ({ '/absolute/path': inQuotes(join(home.path, 'bolt')) }),
    ),
  ],
  ['fpki ca paper … --out FILE', 'the root key is to be exported', when(nothing, exportRoot, newFile)],
  ['fpki ca backup … --out FILE', 'the root key is to be exported', when(nothing, exportRoot, newFile)],
  [
    'fpki ca verify …',
    'restore where a PKI is',
    when(backedUp, ({ home, directory }) => ['ca', 'restore', join(home.path, "the owner's"), directory]),
  ],
  [
    'fpki ca show --pretty --factory …',
    'there is no device CA to print',
    when(withoutCas, () => ['ca', 'show', '--just-device-cas', '--factory', 'acme']),
  ],
  [
    'fpki ca log verify …',
    'the audit log is broken',
    async () => ({
      ...(await when(
        async ({ path, text }) => writeFile(path('.fpki/log.jsonl'), `x\n${await text('.fpki/log.jsonl')}`),
        ({ directory }) => ['ca', 'log', directory],
      )()),
      exit: EXIT_FOUND.broken,
    }),
  ],
  [
    'fpki config set factory NAME',
    'no factory is named',
    when(
      nothing,
      () => ['ca', 'show', '--api', 'https://localhost:1', '--token', 'secret'],
      () => ({ NAME: 'acme' }),
    ),
  ],
  [
    'fpki config set api embedded',
    'a token, and no API is named',
    when(nothing, (made) => [...elsewhere(made), '--token', 'secret']),
  ],
  [
    'fpki config set api foundries',
    'login',
    when(
      ({ home }) => writeFile(join(home.path, 'token'), 'secret', { mode: 0o600 }),
      ({ home }) => ['login', '--token-file', join(home.path, 'token')],
    ),
  ],
  ['fpki api token list', 'a token that is not known', when(nothing, () => ['api', 'token', 'revoke', 'nobody'])],
  [
    'fpki lines list …',
    'a line that does not exist',
    when(registerCreated, ({ directory }) => ['lines', 'show', directory, 'nobody']),
  ],
  [
    'fpki lines show … …',
    'a line that exists',
    when(registerCreated, ({ directory }) => ['lines', 'create', directory, 'default']),
  ],
  [
    'fpki lines pause … …',
    'the default line is to be closed',
    when(registerCreated, ({ directory }) => ['lines', 'close', directory, 'default', '--yes']),
  ],
  [
    'fpki lines create … NAME',
    'a line that is closed',
    when(
      ({ directory }) =>
        withRegister(directory, async ({ lines }) => {
          await lines.create('a', UNLIMITED, ISSUED_AT)
          await lines.change('a', { state: 'closed' })
        }),
      ({ directory }) => ['lines', 'resume', directory, 'a'],
      () => ({ NAME: 'b' }),
    ),
  ],
  [
    'fpki lines create … NAME --quota NUMBER',
    'a token of the default line',
    when(
      registerCreated,
      ({ directory }) => ['lines', 'token', directory, 'default'],
      () => ({ NAME: 'b', NUMBER: '10' }),
    ),
  ],
  [
    'fpki lines tokens …',
    'a token of a line that is not known',
    when(registerCreated, ({ directory }) => ['lines', 'revoke-token', directory, 'nobody']),
  ],
  [
    'fpki lines stations … …',
    'a station that does not exist',
    when(registerCreated, ({ directory }) => ['lines', 'revoke-station', directory, 'default', 'nobody']),
  ],
  [
    'fpki lines revoke-station … … …',
    'a station that exists',
    when(stationCreated, ({ directory, home }) => ['lines', 'station', directory, 'a', 'tester', '--out', home.path]),
  ],
  [
    'fpki devices list …',
    'a device that does not exist',
    when(registerCreated, ({ directory }) => ['devices', 'show', directory, uuidNumber(1)]),
  ],
  [
    'fpki devices issue … --from … --out devices/',
    'the request of a device is to be signed by the root',
    when(
      async ({ home }) => writeFile(join(home.path, 'device.csr'), deviceCsr({}).pem),
      ({ home, directory }) => ['ca', 'sign', join(home.path, 'device.csr'), '--pki-dir', directory],
      ({ home }) => ({ 'devices/': inQuotes(join(home.path, 'devices')) }),
    ),
  ],
  [
    'fpki ca add-device-ca … --local-ca',
    'devices are to be issued without local-ca',
    when(withoutLocalCa, issueIn('nolocal')),
  ],
  [
    'fpki ca add-device-ca … --local-ca --local-ca-filename NAME.pem',
    'devices are to be issued with a revoked device CA',
    when(
      (made) =>
        made.home.fpki(['ca', 'revoke-device-ca', made.directory, '--ca-file', 'local-ca', '--yes'], inHome(made.home)),
      issueIn("it's my acme"),
      () => ({ NAME: 'site-b' }),
    ),
  ],
  [
    'fpki ca enable-device-ca … --ca-file …',
    'devices are to be issued with a disabled device CA',
    when((made) => {
      const words = ['ca', 'disable-device-ca', made.directory, '--ca-file', 'local-ca', '--yes']
      return made.home.fpki(words, inHome(made.home))
    }, issueIn("it's my acme")),
  ],
  ['fpki ca paper --help', 'paper alone', when(nothing, () => ['ca', 'paper'])],
  [
    'fpki devices publish --help',
    'the CA of a CRL is named without a CRL',
    when(nothing, () => ['devices', 'publish', 'acme', '--ca', 'site-b.pem']),
  ],
]

/** Not brought about here, for want of what is said: they exist, with their flags and arguments. */
const NOT_TRIED: Readonly<Record<string, readonly string[]>> = {
  'a token': [
    'fpki ca import-root DIR --hsm-module MODULE --hsm-token-label LABEL',
    'fpki ca import-root … --hsm-module MODULE --hsm-token-label LABEL',
    'fpki hsm list',
    'fpki hsm list --verbose --hsm-module …',
  ],
  'a plan of years, or the day of a reminder, which the tests of both read': [
    'fpki ca add-device-ca … --online-ca',
    'fpki ca cross-sign … --with NEW',
    'fpki ca cross-sign … --with OTHER-DIR',
    'fpki ca plan-root-change …',
    'fpki ca renew-root …',
    'fpki devices count …',
  ],
  'a server, or somebody else who changes the factory at the same time': [
    'fpki api token create --factory NAME',
    'fpki ca revoke-device-ca ……',
    'fpki ca show --pretty --factory …',
    'fpki ca update FILE --factory …',
    'fpki config show',
    'fpki login',
    'fpki login --client-id ID',
    'fpki login --client-id …',
  ],
  'a registration service (devices/serve.test.ts, devices/relay.test.ts, devices/publish.test.ts)': [
    'fpki devices list … --state conflict',
    'fpki devices relay',
    'fpki lines create … line-1',
    'fpki lines create … …',
    'fpki lines token … …',
  ],
  'a Factory API with another device of the same UUID (devices/publish.test.ts)': [
    'fpki devices list … --state conflict',
  ],
  'requests of devices (devices/issue.test.ts)': ['fpki devices issue … --from csrs/ --out devices/'],
  'a company that signs a root': [
    'fpki ca create … --factory … --root-cert signed.pem',
    'fpki ca create … --root-cert signed.pem',
  ],
  'a PostgreSQL database without a register, or an older one (devices/store.test.ts, test/devices)': [
    'fpki devices store init … --store …',
    'fpki devices store migrate … --store …',
  ],
  'a device register that is missing, or older than this fpki (test/devices)': [
    'fpki devices issue … --from REQUESTS…',
    'fpki devices issue … --from csrs/ --out devices/',
  ],
  'devices in a register, and a device CA that signs no CRLs (devices/denial.test.ts)': [
    'fpki ca add-device-ca … --local-ca --local-ca-filename NAME.pem --crl-sign',
    'fpki devices allow … …',
    'fpki devices deny … … --reason keyCompromise',
    'fpki devices list … --csv',
    'fpki lines change … LINE --ca NAME.pem',
    'fpki devices publish … --foundries',
    'fpki devices publish … --nginx-map FILE',
    'fpki devices publish DIR --nginx-map …',
  ],
  'a device CA of an old tool': ['fpki ca add-device-ca DIR --local-ca --local-ca-filename NAME.pem'],
  'a kit with requests (docs/kit.md, run by docs-guides.test.ts)': [
    'fpki ca sign CSR --pki-dir DIR --profile tls-server --out est.pem',
    'fpki devices export … --out issued.jsonl',
    'fpki devices import … issued.jsonl',
    'fpki lines resume … …',
    'fpki devices issue …… --from csrs/ --out devices/',
  ],
  'a server certificate of another CA (devices/serve-est.test.ts)': [
    'fpki ca sign CSR --pki-dir … --profile tls-server --out est.pem',
  ],
  'an old device register (register-backup.test.ts)': ['fpki ca restore FILE DIRECTORY', 'fpki devices import … FILE'],
  'a backup with an encrypted key, or of an interrupted command (backup-proof.test.ts)': [
    'fpki ca backup --check … --key-passphrase-file FILE',
    'fpki ca resume … --api …',
  ],
}

/** They ask first, which a script answers with --yes. */
const ASKING = ['fpki ca abandon', 'fpki ca revoke-device-ca', 'fpki api delete-factory']

/** Where `ca verify` fills in words in capitals itself. */
const FILLED_IN = [
  ['ca backup DIR', 'ca backup …'],
  ['ca resume DIR', 'ca resume …'],
  ['ca show DIR', 'ca show …'],
  ['FACTORY', '…'],
] as const

const ADVISED = await advisedInSource(PROGRAM.commands.map((group) => group.name()))

describe('commands in hints', () => {
  test.each(ADVISED)('%s: it exists, with these flags and arguments', (command) => {
    expect(problemOf(command, PROGRAM)).toBeNull()
  })

  test('each is tried below, or is known not to be', () => {
    const known = [...TRIED.map(([advised]) => advised), ...Object.values(NOT_TRIED).flat()]
    expect(ADVISED).toEqual([...new Set(known)].toSorted())
  })

  test.each(TRIED)('%s: works as pasted (%s)', async (advised, _, happen) => {
    const { home, text, fill = {}, exit = 0 } = await happen()
    const printed = FILLED_IN.reduce((words, [word, value]) => words.replace(word, value), advised)
    const command = Object.entries(fill).reduce(
      (line, [word, value]) => line.replace(word, () => value),
      printedCommand(text, printed),
    )
    const yes = ASKING.some((asking) => command.startsWith(asking)) ? ['--yes'] : []
    const ended = await home.fpki([...(await wordsInShell(command)), ...yes], inHome(home))
    expect(ended.status, `${command}\n${ended.stderr}`).toBe(exit)
  })
})
