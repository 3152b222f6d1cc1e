import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  backupPkiResult,
  checkBackupResult,
  pkiStatusResult,
  restorePkiResult,
  verifyPkiResult,
} from '../../src/index.js'
import { isWrong } from '../../src/operations/audit/verify/finding.js'
import { type Ended, newHome, output } from '../support/cli.js'
import { exchanged, forge } from '../support/forged-backup.js'
import { cutOffIn, editJournal } from '../support/journal.js'
import { copiedPki, editJson, type Made, madePki } from './made.js'
import { ordinaryUser } from './ordinary-user.js'
import { expectRefusal, expectWords } from './refusal.js'
import { snapshot } from './snapshot.js'
import { onTerminal } from './terminal.js'

const PASSPHRASE = 'nine lives of a fish'
const OF_KEYS = 'another one for the keys'

interface Scene extends Made {
  readonly file: string
  /** A path in the HOME. */
  at(name: string): string
  run(words: readonly string[], passphrase?: string): Promise<Ended>
  backup(...words: readonly string[]): Promise<Ended>
}

async function scene(make?: () => Promise<Made>): Promise<Scene> {
  const made = await copiedPki(make)
  const at = (name: string) => join(made.home.path, name)
  const run = (words: readonly string[], passphrase = PASSPHRASE) =>
    made.home.fpki(['ca', ...words], { env: { FPKI_PASSPHRASE: passphrase } })
  const file = at('acme.backup')
  return { ...made, at, file, run, backup: (...words) => run(['backup', made.directory, '--out', file, ...words]) }
}

/** A PKI whose keys are encrypted. */
async function encryptedPki(): Promise<Made> {
  const passphrase = join((await newHome()).path, 'pass')
  await writeFile(passphrase, OF_KEYS, { mode: 0o600 })
  return madePki(['--encrypt-keys', '--passphrase-file', passphrase])
}

/** A self-signed certificate made with OpenSSL, and its key: `name.pem`, `name.key`. */
async function recipientCertificate(
  folder: string,
  name: string,
  key: readonly string[],
  more: readonly string[] = [],
) {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`]
  const words = ['req', '-x509', '-nodes', '-subj', `/CN=${name}`, '-newkey', ...key, ...files, ...more]
  await output('openssl', words, { cwd: folder })
  return join(folder, `${name}.pem`)
}

const P256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']

describe('a root key with a passphrase of its own', () => {
  test('is not tested, and the backup records that', async () => {
    const { file, backup, run, directory } = await scene(encryptedPki)
    const { status, stdout, stderr } = await backup('--json')
    expect({ status, proven: backupPkiResult.parse(JSON.parse(stdout)).rootKeyProven }).toEqual({
      status: 0,
      proven: false,
    })
    expect(stderr).toMatch(/^warning: .*factory_ca\.key is encrypted, and its passphrase was not tested/m)
    expect(backupPkiResult.parse(JSON.parse(stdout)).warnings).toHaveLength(1)
    expectWords(await run(['backup', '--check', file]), {
      status: 6,
      code: 'ERR_PASSPHRASE',
      names: ['factory_ca.key'],
    })
    expect((await run(['status', directory])).stdout).toContain('never checked')
  })

  test('is tested with the passphrase of the backup', async () => {
    const { directory, file, run } = await scene(encryptedPki)
    const { stdout, stderr } = await run(['backup', directory, '--out', file, '--json', '--quiet'], OF_KEYS)
    expect({ proven: backupPkiResult.parse(JSON.parse(stdout)).rootKeyProven, stderr }).toEqual({
      proven: true,
      stderr: '',
    })
  })

  test('is tested with --passphrase-file if the backup is for recipients, also by --check', async () => {
    const { directory, file, at, home, run } = await scene(encryptedPki)
    const recipient = ['--recipient', await recipientCertificate(home.path, 'ann', P256)]
    const right = await run(['backup', directory, '--out', file, '--json', ...recipient], OF_KEYS)
    expect(backupPkiResult.parse(JSON.parse(right.stdout)).rootKeyProven).toBe(true)
    const check = ['backup', '--check', file, '--recipient-key', at('ann.key'), '--json']
    expect(checkBackupResult.parse(JSON.parse((await run(check, OF_KEYS)).stdout)).rootKeyProven).toBe(true)
    for (const other of ['', 'a wrong one']) {
      await rm(file)
      const { status, stdout } = await run(['backup', directory, '--out', file, '--json', ...recipient], other)
      expect({ status, proven: backupPkiResult.parse(JSON.parse(stdout)).rootKeyProven }).toEqual({
        status: 0,
        proven: false,
      })
    }
  })

  test('is tested with --key-passphrase-file and restored, from a file or stdin', async () => {
    const { directory, file, at, home, run } = await scene(encryptedPki)
    await writeFile(at('keys'), `${OF_KEYS}\n`, { mode: 0o600 })
    const right = ['--key-passphrase-file', at('keys')]
    const made = await run(['backup', directory, '--out', file, '--json', '--quiet', ...right])
    expect({ ...backupPkiResult.parse(JSON.parse(made.stdout)), stderr: made.stderr }).toMatchObject({
      rootKeyProven: true,
      warnings: [],
      stderr: '',
    })
    const checked = await run(['backup', '--check', file, '--json', ...right])
    expect(checkBackupResult.parse(JSON.parse(checked.stdout)).rootKeyProven).toBe(true)
    expect((await run(['status', directory])).stdout).not.toContain('except for the root key')
    const fromStdin = ['ca', 'restore', file, at('again'), '--json', '--key-passphrase-file', '-']
    const start = { env: { FPKI_PASSPHRASE: PASSPHRASE }, stdin: `${OF_KEYS}\n` }
    const restored = await home.fpki(fromStdin, start)
    expect(restorePkiResult.parse(JSON.parse(restored.stdout)).verified.result).not.toBe('failure')
    expect(await readFile(at('again/factory_ca.key'), 'utf8')).toContain('ENCRYPTED PRIVATE KEY')
  })

  test('refuses a wrong --key-passphrase-file before anything is written', async () => {
    const { directory, file, at, home, run } = await scene(encryptedPki)
    await writeFile(at('keys'), 'a wrong one', { mode: 0o600 })
    const wrong = ['--key-passphrase-file', at('keys')]
    const refusal = { status: 6, code: 'ERR_PASSPHRASE', names: ['factory_ca.key', '--key-passphrase-file'] }
    // The passphrase of the backup, which opens the key, is not used instead.
    expectWords(await run(['backup', directory, '--out', file, ...wrong], OF_KEYS), refusal)
    expect(await readdir(home.path)).not.toContain('acme.backup')
    expect((await run(['backup', directory, '--out', file], OF_KEYS)).status).toBe(0)
    expectWords(await run(['backup', '--check', file, ...wrong], OF_KEYS), refusal)
    expectWords(await run(['restore', file, at('again'), ...wrong], OF_KEYS), refusal)
    expect(await readdir(home.path)).not.toContain('again')
    const both = ['backup', '--check', file, '--passphrase-file', '-', '--key-passphrase-file', '-']
    expectWords(await run(both), { status: 2, code: 'ERR_USAGE', names: ['stdin'] })
  })

  test('prompts for its passphrase on a terminal', async () => {
    const { directory, file, home } = await scene(encryptedPki)
    const words = `ca backup ${directory} --out ${file} --json`
    const answers = [
      ['New passphrase for the backup', `${PASSPHRASE}\r`],
      ['Repeat the passphrase', `${PASSPHRASE}\r`],
    ] as const
    const right = await onTerminal(home, words, [...answers, ['factory_ca.key (-', `${OF_KEYS}\r`]])
    expect({ status: right.status, proven: /"rootKeyProven": true/.test(right.stdout) }).toEqual({
      status: 0,
      proven: true,
    })
    await rm(file)
    const wrong = await onTerminal(home, words, [...answers, ['factory_ca.key (-', '-\r']])
    expect(wrong.stdout).toContain('was not tested')
  })
})

describe('--check and restore report the same findings', () => {
  const junk = '-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n'
  const damages: readonly [string, number, (made: Scene) => Promise<unknown>][] = [
    ['nothing', 0, async () => undefined],
    [
      'a junk local-ca.key',
      6,
      ({ path }) => rm(path('local-ca.key')).then(() => writeFile(path('local-ca.key'), junk)),
    ],
    [
      'a certificate of another root',
      6,
      async ({ path }) => {
        const other = await madePki()
        await rm(path('tls-crt'))
        await writeFile(path('tls-crt'), await other.text('tls-crt'))
      },
    ],
    ['a missing tls-crt', 0, ({ path }) => rm(path('tls-crt'))],
    ['a loose mode of a key', 0, ({ path }) => chmod(path('local-ca.key'), 0o644)],
    [
      'an interrupted command',
      0,
      ({ directory }) => editJournal(directory, (journal) => ({ ...journal, finishedAt: null })),
    ],
  ]
  test.each(damages)('%s: exit %i', async (_, expected, damage) => {
    const all = await scene()
    await damage(all)
    expect((await all.backup()).status).toBe(0)
    const check = await all.run(['backup', '--check', all.file, '--pki-dir', all.directory, '--json'])
    const checked = checkBackupResult.parse(JSON.parse(check.stdout))
    const restore = await all.run(['restore', all.file, all.at('again'), '--json'])
    const { verified } = restorePkiResult.parse(JSON.parse(restore.stdout))
    expect([check.status, restore.status]).toEqual([expected, expected])
    expect(checked.result).toBe(verified.result)
    // Each with its own directory in the commands of hints.
    const findings = JSON.stringify(checked.findings).replaceAll(all.directory, all.at('again'))
    expect(JSON.parse(findings)).toEqual(verified.findings.filter(isWrong))
    // A failure is not recorded as a successful check.
    expect(checked.recordedIn).toBe(expected === 0 ? all.directory : null)
    const status = (await all.run(['status', all.directory])).stdout
    expect(status).toContain(expected === 0 ? ', checked ' : ', never checked')
  })
})

test('--check changes the PKI directory only with --pki-dir', async () => {
  const all = await scene()
  await all.backup()
  const before = await snapshot(all.directory)
  const { status, stdout } = await all.run(['backup', '--check', all.file, '--json'])
  expect({ status, recordedIn: checkBackupResult.parse(JSON.parse(stdout)).recordedIn }).toEqual({
    status: 0,
    recordedIn: null,
  })
  expect(await snapshot(all.directory)).toEqual(before)
  expect((await all.run(['backup', '--check', all.file])).stdout).toContain('Not recorded: pass --pki-dir DIR')
})

describe('the result of --check', () => {
  const status = async ({ run }: Scene, directory: string) => {
    const { stdout } = await run(['status', directory, '--json'])
    return pkiStatusResult.parse(JSON.parse(stdout)).pkis[0]?.backup
  }

  test('reports a root key in the backup as tested', async () => {
    const all = await scene()
    await all.backup()
    await all.run(['backup', '--check', all.file, '--pki-dir', all.directory])
    expect(await status(all, all.directory)).toMatchObject({ rootKeyUnproven: null, provedAt: expect.any(String) })
    const metrics = (await all.run(['status', all.directory, '--prometheus'])).stdout
    expect(metrics).toMatch(/^fpki_pki_backup_root_key_proved\{.*\} 1$/m)
  })

  test('reports a missing root key as not tested', async () => {
    const all = await scene()
    await rm(all.path('factory_ca.key'))
    await all.backup()
    await all.run(['backup', '--check', all.file, '--pki-dir', all.directory])
    const { stdout } = await all.run(['status', all.directory])
    expect(stdout).toMatch(/, checked \S+, except for the root key, which is not in the backup: /)
    expect(await status(all, all.directory)).toMatchObject({ rootKeyUnproven: 'not-held' })
    const metrics = (await all.run(['status', all.directory, '--prometheus'])).stdout
    expect(metrics).toMatch(/^fpki_pki_backup_root_key_proved\{.*\} 0$/m)
    const verified = verifyPkiResult.parse(JSON.parse((await all.run(['verify', all.directory, '--json'])).stdout))
    expect(verified.findings.find(({ code }) => code === 'backup')?.message).toContain('except for the root key')
  })

  test('reports the root key as not tested after restore --skip-root-key', async () => {
    const all = await scene(encryptedPki)
    await all.backup()
    expect((await all.run(['restore', all.file, all.at('again'), '--skip-root-key'])).status).toBe(0)
    expect(await status(all, all.at('again'))).toMatchObject({ rootKeyUnproven: 'not-tried' })
    expect((await all.run(['status', all.at('again')])).stdout).toContain('whose passphrase was not tested')
  })

  test('tests the key file of a directory that records a token', async () => {
    const all = await scene()
    const token = { kind: 'pkcs11', module: '/m.so', tokenLabel: 'safe', tokenSerial: '1', keyLabel: 'r', keyId: '01' }
    await editJson(all.path('.fpki/state.json'), (state) => ({ ...state, rootKey: token }))
    await all.backup()
    const { stdout } = await all.run(['backup', '--check', all.file, '--json'])
    expect(checkBackupResult.parse(JSON.parse(stdout))).toMatchObject({ rootKeyProven: true, result: 'ok' })
  })
})

test.each([
  ['a link to the PKI directory', (directory: string) => directory],
  ['a link to a folder in it', (directory: string) => join(directory, '.fpki')],
])('refuses --out through %s', async (_, leadsTo) => {
  const { directory, at, home, path } = await scene()
  await symlink(leadsTo(directory), at('link'))
  await symlink(home.path, at('home'))
  const refusal = { status: 2, code: 'ERR_USAGE', names: ['would be inside the PKI directory'] }
  const start = { env: { FPKI_PASSPHRASE: PASSPHRASE } }
  await expectRefusal(home, ['ca', 'backup', directory, '--out', join(at('link'), 'b')], refusal, start)
  // The path of the directory may contain a link too.
  await expectRefusal(home, ['ca', 'backup', at('home/acme'), '--out', path('b')], refusal, start)
})

test('restores directory modes, except write permission for others', async () => {
  const all = await scene()
  const { path, at, directory } = all
  for (const folder of ['read-only', 'open', 'open/below']) await mkdir(path(folder))
  await writeFile(path('read-only/notes'), 'notes')
  const modes = { '.': 0o750, '.fpki': 0o755, 'read-only': 0o500, open: 0o777, 'open/below': 0o711 }
  for (const [folder, mode] of Object.entries(modes)) await chmod(path(folder), mode)
  expect((await all.backup()).status).toBe(0)
  const restored = async (name: string) => (await stat(join(at('again'), name))).mode & 0o7777
  const { status, stdout } = await all.run(['restore', all.file, at('again')])
  expect({ status, stdout }).toMatchObject({ status: 0 })
  for (const [folder, mode] of Object.entries(modes)) expect(await restored(folder)).toBe(mode & 0o755)
  await chmod(path('open'), 0o755)
  const [before, after] = await Promise.all([snapshot(directory), snapshot(at('again'))])
  expect({ ...after, '.fpki/backup.json': '' }).toEqual({ ...before, '.fpki/backup.json': '' })
})

test('a restore removes the remains of one that was killed', async () => {
  const home = await ordinaryUser()
  const run = (...words: string[]) => home.fpki(['ca', ...words], { env: { FPKI_PASSPHRASE: PASSPHRASE } })
  const at = (name: string) => join(home.path, name)
  expect((await run('create', at('acme'), '--backup', at('b'), '--quiet')).status).toBe(0)
  // The state after the last step but one.
  const aside = at('.fpki-restore-again')
  const make =
    'umask 077; cp -a acme "$0"; mkdir "$0/deep"; touch "$0/deep/x"; chmod -R a-w "$0"; chmod u+w "$0/.fpki/lock"'
  await output('sh', ['-c', `cd "$1" && ${make} && chown -R --reference=acme "$0"`, aside, home.path])
  expect(await run('restore', at('b'), at('again'))).toMatchObject({ status: 0 })
  expect((await readdir(home.path)).filter((name) => name.startsWith('.fpki-restore'))).toEqual([])
})

describe('--recipient', () => {
  const usage = (names: string) => ['-addext', `keyUsage=critical,${names}`]
  test.each([
    ['RSA of 1024 bits', ['rsa:1024'], [], '1024 bits (the minimum is 2048)'],
    ['RSA for signatures', ['rsa:2048'], usage('digitalSignature'), 'does not permit keyEncipherment'],
    ['RSA for agreement', ['rsa:2048'], usage('keyAgreement'), 'does not permit keyEncipherment'],
    ['EC for encipherment', P256, usage('keyEncipherment'), 'does not permit keyAgreement'],
    ['a CA', P256, usage('keyCertSign,cRLSign'), '(keyCertSign, cRLSign) does not permit keyAgreement'],
  ] as const)('refuses %s', async (_, key, more, reason) => {
    const { home, directory, file } = await scene()
    const pem = await recipientCertificate(home.path, 'ann', key, more)
    const words = ['ca', 'backup', directory, '--out', file, '--recipient', pem]
    await expectRefusal(home, words, { status: 6, code: 'ERR_BAD_CERTIFICATE', names: ['ann.pem', reason] })
  })

  test.each([
    ['RSA', ['rsa:2048'], usage('keyEncipherment,digitalSignature')],
    ['EC', P256, usage('keyAgreement')],
    ['one without keyUsage', P256, []],
  ] as const)('accepts %s', async (_, key, more) => {
    const { home, at, file, backup, run } = await scene()
    const made = await backup('--quiet', '--recipient', await recipientCertificate(home.path, 'ann', key, more))
    expect(made).toMatchObject({ status: 0, stderr: '' })
    expect((await run(['backup', '--check', file, '--recipient-key', at('ann.key')])).status).toBe(0)
  })

  test('accepts an expired certificate with a warning', async () => {
    const { home, at, file, backup, run } = await scene()
    const pem = await recipientCertificate(home.path, 'ann', P256)
    await output('openssl', ['x509', '-in', pem, '-signkey', at('ann.key'), '-days', '-1', '-out', at('ended.pem')])
    const { status, stderr } = await backup('--recipient', at('ended.pem'))
    expect({ status, warned: /warning: The certificate of CN=ann has expired/.test(stderr) }).toEqual({
      status: 0,
      warned: true,
    })
    expect((await run(['backup', '--check', file, '--recipient-key', at('ann.key')])).status).toBe(0)
  })
})

describe('a backup whose factory_ca.key does not match factory_ca.pem', () => {
  const token = {
    kind: 'pkcs11' as const,
    module: '/m.so',
    tokenLabel: 'safe',
    tokenSerial: '1',
    keyLabel: 'r',
    keyId: '01',
  }
  test.each([
    ['which its manifest names', undefined],
    ['although its manifest names none', null],
    ['although its manifest names a token', token],
  ] as const)('is refused %s, and nothing is written', async (_, rootKey) => {
    const { home, file, at, backup, run, text } = await scene()
    await backup()
    const other = Buffer.from(await text('local-ca.key'))
    const facts = rootKey === undefined ? {} : { rootKey }
    await forge(file, PASSPHRASE, (entries) => ({ entries: exchanged(entries, 'pki/factory_ca.key', other), facts }))
    const refusal = { status: 6, code: 'ERR_BAD_KEY', names: [file, 'The root key is not the key of factory_ca.pem'] }
    const start = { env: { FPKI_PASSPHRASE: PASSPHRASE } }
    await expectRefusal(home, ['ca', 'restore', file, at('again')], refusal, start)
    await expectRefusal(home, ['ca', 'backup', '--check', file], refusal, start)
    expect((await run(['status', at('acme')])).stdout).toContain('never checked')
  })

  test('a backup with the matching key is restored, and recorded', async () => {
    const { file, at, backup, run } = await scene()
    await backup()
    const record = { path: 'pki/.fpki/backup.json', kind: 'file', mode: 0o600, content: Buffer.from('{}') } as const
    await forge(file, PASSPHRASE, (entries) => ({ entries: [...entries, record] }))
    expect((await run(['restore', file, at('again')])).status).toBe(0)
    expect(JSON.parse(await readFile(at('again/.fpki/backup.json'), 'utf8'))).toMatchObject({ file })
  })

  test('refuses a factory name with a path', async () => {
    const { file, at, backup, run } = await scene()
    await backup()
    await forge(file, PASSPHRASE, (entries) => ({ entries, facts: { factory: '../acme' } }))
    const refusal = { status: 6, code: 'ERR_BAD_FILE', names: [file, 'its manifest'] }
    expectWords(await run(['backup', '--check', file]), refusal)
    expectWords(await run(['restore', file, at('again')]), refusal)
  })

  test('refuses a root certificate that differs from the manifest', async () => {
    const [all, other] = [await scene(), await madePki()]
    await all.backup()
    const [pem, key] = [await readFile(other.path('factory_ca.pem')), await readFile(other.path('factory_ca.key'))]
    await forge(all.file, PASSPHRASE, (entries) => ({
      entries: exchanged(exchanged(entries, 'pki/factory_ca.pem', pem), 'pki/factory_ca.key', key),
    }))
    const refusal = { status: 6, code: 'ERR_BAD_FILE', names: ['its root certificate does not match its manifest'] }
    const start = { env: { FPKI_PASSPHRASE: PASSPHRASE } }
    await expectRefusal(all.home, ['ca', 'restore', all.file, all.at('again')], refusal, start)
    await expectRefusal(all.home, ['ca', 'backup', '--check', all.file], refusal, start)
  })
})

describe('the target directory of a restore', () => {
  const start = { env: { FPKI_PASSPHRASE: PASSPHRASE } }

  test('is refused and left alone if others can write to it', async () => {
    const { file, at, backup, run } = await scene()
    await backup()
    await mkdir(at('.fpki-restore-again'))
    await chmod(at('.fpki-restore-again'), 0o777)
    await writeFile(at('.fpki-restore-again/theirs'), '')
    const refusal = { status: 3, code: 'ERR_PERMISSIONS', names: ['.fpki-restore-again'] }
    expectWords(await run(['restore', file, at('again')]), refusal)
    expect(await readdir(at('.fpki-restore-again'))).toEqual(['theirs'])
  })

  test('is refused if it is a symbolic link', async () => {
    const { home, file, at, backup } = await scene()
    await backup()
    await mkdir(at('empty'), { mode: 0o700 })
    await symlink(at('empty'), at('link'))
    await symlink(at('nowhere'), at('dangling'))
    const link = { status: 3, code: 'ERR_NOT_A_DIRECTORY', names: ['link is a symbolic link', at('empty')] }
    await expectRefusal(home, ['ca', 'restore', file, at('link')], link, start)
    const dangling = { ...link, names: ['dangling is a symbolic link', 'target does not exist'] }
    await expectRefusal(home, ['ca', 'restore', file, at('dangling')], dangling, start)
  })

  test('may have a symbolic link among its parents', async () => {
    const { home, file, at, backup, run } = await scene()
    await backup()
    await mkdir(at('real'), { mode: 0o700 })
    await symlink(at('real'), at('link'))
    expect((await run(['restore', file, join(at('link'), 'again')])).status).toBe(0)
    expect(await readdir(at('real'))).toEqual(['again'])
    expect(home.path).toBe(at('.'))
  })

  test('a restore over a PKI suggests how to inspect it', async () => {
    const { home, file, at, backup, run } = await scene()
    await backup()
    expect((await run(['restore', file, at('again')])).status).toBe(0)
    const refusal = { status: 3, code: 'ERR_EXISTS', names: ['is not empty', `fpki ca verify ${at('again')}`] }
    await expectRefusal(home, ['ca', 'restore', file, at('again')], refusal, start)
  })

  test('a restored PKI works in another HOME with the restored state', async () => {
    const all = await scene()
    await all.backup()
    const { path: elsewhere, state, fpki } = await newHome()
    const [file, again] = [join(elsewhere, 'acme.backup'), join(elsewhere, 'pki')]
    await copyFile(all.file, file)
    // Delete the first HOME.
    await rm(all.home.path, { recursive: true })
    const run = async (...words: string[]) => {
      const ended = await fpki(['ca', ...words], start)
      expect({ words, ...ended, stdout: '' }).toMatchObject({ status: 0, signal: null })
      return ended.stdout
    }
    await run('restore', file, again)
    expect(await readdir(join(state, 'factories'))).toEqual(['acme'])
    expect(await run('show', '--just-root')).toBe(await readFile(join(again, 'factory_ca.pem'), 'utf8'))
    await run('status', again)
    expect(await run('verify', again)).toContain('has the same PKI for acme')
    await run('rotate-tls', again)
    await run('add-device-ca', again, '--local-ca', '--local-ca-filename', 'site-b')
    await run('verify', again)
    await run('backup', again, '--out', join(elsewhere, 'second'), '--json')
    const { embedded } = checkBackupResult.parse(
      JSON.parse(await run('backup', '--check', join(elsewhere, 'second'), '--json')),
    )
    expect(embedded).toBe(true)
  })

  test('an interrupted command in a backup resumes in another HOME', async () => {
    const all = await scene()
    expect((await all.run(['rotate-tls', all.directory])).status).toBe(0)
    await editJournal(all.directory, (journal) => cutOffIn(journal, 'certificate'))
    await all.backup()
    const { path: elsewhere, fpki } = await newHome()
    const again = join(elsewhere, 'pki')
    await copyFile(all.file, join(elsewhere, 'b'))
    await rm(all.home.path, { recursive: true })
    const { status, stderr } = await fpki(['ca', 'restore', join(elsewhere, 'b'), again], start)
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringContaining(`run \`fpki ca resume ${again} --api embedded\`.`),
    })
    expect(await fpki(['ca', 'resume', again, '--api', 'embedded'], start)).toMatchObject({ status: 0 })
    expect(await fpki(['ca', 'verify', again], start)).toMatchObject({ status: 0 })
  })
})
