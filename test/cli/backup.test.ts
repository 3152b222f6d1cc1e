import { createHash } from 'node:crypto'
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
import { type Ended, output } from '../support/cli.js'
import { editJournal, readJournal } from '../support/journal.js'
import { copiedPki, editJson, type Made, madePki } from './made.js'
import { expectJson, expectRefusal, expectWords } from './refusal.js'
import { snapshot } from './snapshot.js'

const PASSPHRASE = 'nine lives of a fish'
const ENV = { FPKI_PASSPHRASE: PASSPHRASE }

interface BackedUp extends Made {
  readonly file: string
  run(words: readonly string[], env?: Record<string, string>): Promise<Ended>
}

function inHome(made: Made): BackedUp {
  const file = join(made.home.path, 'acme.backup')
  return { ...made, file, run: (words, env = {}) => made.home.fpki(words, { env: { ...ENV, ...env } }) }
}

/** A PKI with a backup. */
async function backedUp(): Promise<BackedUp> {
  const copied = inHome(
    await copiedPki(async () => {
      const scene = inHome(await madePki())
      expect((await scene.run(['ca', 'backup', scene.directory, '--out', scene.file])).status).toBe(0)
      return scene
    }),
  )
  return copied
}

/** The content of a PKI directory, except its record of the newest backup. */
async function contents(directory: string) {
  const { '.fpki/backup.json': _, ...all } = await snapshot(directory)
  return all
}

describe('a backup', () => {
  test('restores every byte and mode, and the state of the embedded factory', async () => {
    const { directory, file, home, run } = await backedUp()
    const before = await contents(directory)
    const state = await snapshot(home.state)
    const words = ['ca', 'restore', file, join(home.path, 'again'), '--json']
    const { status, stdout } = await run(words, { FPKI_STATE_DIR: join(home.path, 'state') })
    const restored = restorePkiResult.parse(JSON.parse(stdout))
    expect({ status, result: restored.verified.result, state: restored.state }).toEqual({
      status: 0,
      result: 'ok',
      state: 'restored',
    })
    expect(await contents(join(home.path, 'again'))).toEqual(before)
    expect(await snapshot(join(home.path, 'state'))).toEqual(state)
  })

  test('includes earlier files, the journal of an interrupted command and pending files', async () => {
    const { directory, file, home, run, path } = inHome(await copiedPki())
    expect((await run(['ca', 'rotate-tls', directory])).status).toBe(0)
    await editJournal(directory, (journal) => ({ ...journal, finishedAt: null }))
    await writeFile(path('.fpki/pending/tls-crt'), 'aside', { mode: 0o400 })
    const { status, stderr } = await run(['ca', 'backup', directory, '--out', file])
    expect(status).toBe(0)
    expect(stderr).toContain(`\`fpki ca rotate-tls\` was interrupted. Finish it with \`fpki ca resume ${directory}\``)
    const before = await contents(directory)
    const { status: restored, stdout } = await run(['ca', 'restore', file, join(home.path, 'again')])
    expect(restored).toBe(0)
    expect(stdout).toContain('leftovers.unfinished')
    // The one difference: the open journal is marked, so that the user has to name its Factory API again.
    const { '.fpki/journal.jsonl': _, ...others } = await contents(join(home.path, 'again'))
    const { '.fpki/journal.jsonl': __, ...expected } = before
    expect(others).toEqual(expected)
    expect(await readJournal(join(home.path, 'again'))).toEqual({ ...(await readJournal(directory)), restored: true })
    expect(Object.keys(before)).toEqual(expect.arrayContaining(['tls-crt.bak', '.fpki/pending/tls-crt']))
  })

  test('opens with openssl and tar, and passes sha256sum', async () => {
    const { directory, file, home } = await backedUp()
    const tar = join(home.path, 'acme.tar')
    const words = ['-inform', 'der', '-in', file, '-out', tar, '-pwri_password', PASSPHRASE]
    await output('openssl', ['cms', '-decrypt', '-binary', ...words])
    const folder = join(home.path, 'by-hand')
    await mkdir(folder)
    await output('tar', ['-xpf', tar, '-C', folder])
    await output('sha256sum', ['--strict', '-c', 'SHA256SUMS'], { cwd: folder })
    expect(await contents(join(folder, 'pki'))).toEqual(await contents(directory))
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))
    const fingerprint = await output('openssl', [
      'x509',
      '-in',
      join(folder, 'pki', 'factory_ca.pem'),
      '-noout',
      '-fingerprint',
      '-sha256',
    ])
    expect(fingerprint.replace(/.*=|:|\n/g, '').toLowerCase()).toBe(manifest.rootFingerprint)
  })

  test('has mode 0600, a JSON report and no plaintext', async () => {
    const { directory, home, text } = inHome(await copiedPki())
    // Relative to the working directory.
    const words = ['ca', 'backup', 'acme', '--out', 'acme.backup', '--json']
    const { stdout } = await home.fpki(words, { env: ENV, cwd: home.path })
    const made = backupPkiResult.parse(JSON.parse(stdout))
    const octets = await readFile(made.file)
    expect(made).toMatchObject({ directory, file: join(home.path, 'acme.backup'), embedded: true })
    expect((await stat(made.file)).mode & 0o7777).toBe(0o600)
    expect(made.sha256).toBe(createHash('sha256').update(octets).digest('hex'))
    expect(octets.includes('BEGIN')).toBe(false)
    const key = Buffer.from((await text('factory_ca.key')).replace(/-----.*-----|\n/g, ''), 'base64')
    expect(octets.includes(key.subarray(7, 39))).toBe(false)
    expect(stdout).not.toContain(PASSPHRASE)
  })

  test('refuses an existing file and a file in the PKI directory', async () => {
    const { directory, file, home, path } = await backedUp()
    const start = { env: ENV }
    const refusal = { status: 3, code: 'ERR_EXISTS', names: [file] }
    await expectRefusal(home, ['ca', 'backup', directory, '--out', file], refusal, start)
    const inside = { status: 2, code: 'ERR_USAGE', names: ['would be inside the PKI directory'] }
    await expectRefusal(home, ['ca', 'backup', directory, '--out', path('b')], inside, start)
    await expectRefusal(home, ['ca', 'backup', directory, '--out', path('..b')], inside, start)
    const nowhere = { status: 3, code: 'ERR_STORAGE', names: ['nowhere does not exist'] }
    await expectRefusal(home, ['ca', 'backup', directory, '--out', join(home.path, 'nowhere', 'b')], nowhere, start)
  })

  test('accepts a passphrase of eight characters', async () => {
    const { directory, file, home } = inHome(await copiedPki())
    const words = ['ca', 'backup', directory, '--out', file]
    const none = { status: 6, code: 'ERR_PASSPHRASE', names: ['--passphrase-file'] }
    await expectRefusal(home, words, none)
    const short = { status: 6, code: 'ERR_PASSPHRASE', names: ['fewer than 8'] }
    await expectRefusal(home, words, short, { env: { FPKI_PASSPHRASE: 'short' } })
  })

  test('is refused if it would be incomplete', async () => {
    const { directory, file, home, path, run } = inHome(await copiedPki())
    await symlink('/nowhere/at/all', path('notes'))
    const refusal = { status: 6, code: 'ERR_BAD_FILE', names: ['notes', 'dangling symbolic link'] }
    expectWords(await run(['ca', 'backup', directory, '--out', file]), refusal)
    expect(await readdir(home.path)).not.toContain('acme.backup')
  })

  test('contains 500 device CAs', async () => {
    const { directory, file, path, run } = inHome(await copiedPki())
    for (let at = 0; at < 500; at++) {
      for (const kind of ['pem', 'key']) await copyFile(path(`local-ca.${kind}`), path(`site-${at}.${kind}`))
    }
    const { status, stdout } = await run(['ca', 'backup', directory, '--out', file, '--json'])
    expect(status).toBe(0)
    expect(backupPkiResult.parse(JSON.parse(stdout)).files).toBeGreaterThan(1000)
  })

  test('waits for a concurrent change', async () => {
    const { directory, home, run } = inHome(await copiedPki())
    const files = Array.from({ length: 8 }, (_, at) => join(home.path, `${at}.backup`))
    const runs = [
      ...files.map((file) => run(['ca', 'backup', directory, '--out', file])),
      run(['ca', 'rotate-tls', directory]),
    ]
    const ended = await Promise.all(runs)
    for (const { status, stderr } of ended) {
      expect([0, 3]).toContain(status)
      if (status === 3) expect(stderr).toContain('[ERR_LOCKED]')
    }
    const made = files.filter((_, at) => ended[at]?.status === 0)
    expect(made.length).toBeGreaterThan(0)
    for (const [at, file] of made.entries()) {
      const { status } = await run(['ca', 'restore', file, join(home.path, `restored-${at}`)])
      expect(status).toBe(0)
    }
  })
})

describe('ca backup --check', () => {
  test('checks a backup without writing, and records the result with --pki-dir', async () => {
    const { directory, file, home, run } = await backedUp()
    const before = await snapshot(home.path)
    const { status, stdout } = await run(['ca', 'backup', '--check', file, '--json'])
    const checked = checkBackupResult.parse(JSON.parse(stdout))
    expect(status).toBe(0)
    expect(checked).toMatchObject({ rootKeyProven: true, findings: [], recordedIn: null })
    expect(await snapshot(home.path)).toEqual(before)
    const named = await run(['ca', 'backup', '--check', file, '--pki-dir', directory, '--json'])
    expect(checkBackupResult.parse(JSON.parse(named.stdout)).recordedIn).toBe(directory)
    const shown = await run(['ca', 'status', directory])
    expect(shown.stdout).toMatch(/^ {2}backup \d{4}-\d\d-\d\d, checked \d{4}-\d\d-\d\d: /m)
  })

  test('does not record a backup of another PKI', async () => {
    const { file, run } = await backedUp()
    const other = await madePki()
    const { status, stderr } = await run(['ca', 'backup', '--check', file, '--pki-dir', other.directory])
    expect(status).toBe(3)
    expect(stderr).toContain('[ERR_OTHER_ROOT]')
  })

  test('refuses a root key that does not match factory_ca.pem', async () => {
    const { directory, file, home, path, run } = inHome(await copiedPki())
    await rm(path('factory_ca.key'))
    await copyFile(path('local-ca.key'), path('factory_ca.key'))
    const refusal = { status: 6, code: 'ERR_BAD_KEY', names: ['factory_ca.key is not the key of factory_ca.pem'] }
    // Sequentially, because each takes the lock.
    expectWords(await run(['ca', 'backup', directory, '--out', file]), refusal)
    expectJson(await run(['ca', 'backup', directory, '--out', file, '--json']), refusal)
    expect(await readdir(home.path)).not.toContain('acme.backup')
  })

  test('reports a missing root key file', async () => {
    const { directory, file, run, path } = inHome(await copiedPki())
    await rm(path('factory_ca.key'))
    const { stdout } = await run(['ca', 'backup', directory, '--out', file])
    expect(stdout).toContain('Not included: factory_ca.key is not in the directory')
    const { stdout: checked } = await run(['ca', 'backup', '--check', file])
    expect(checked).toContain('The backup has no root key, so it was not tested.')
    expect(checked).not.toContain('in a token')
  })
})

describe('an encrypted root key', () => {
  const encrypted = () => copiedPki(encryptedPki)
  async function encryptedPki() {
    const passphrase = join((await madePki()).home.path, 'pass')
    await writeFile(passphrase, PASSPHRASE, { mode: 0o600 })
    return madePki(['--encrypt-keys', '--passphrase-file', passphrase])
  }

  test('is tested with the same passphrase, and stays encrypted', async () => {
    const { directory, file, home, run } = inHome(await encrypted())
    expect((await run(['ca', 'backup', directory, '--out', file])).status).toBe(0)
    const { status } = await run(['ca', 'restore', file, join(home.path, 'again')])
    expect(status).toBe(0)
    expect(await contents(join(home.path, 'again'))).toEqual(await contents(directory))
    expect(await readFile(join(home.path, 'again', 'factory_ca.key'), 'utf8')).toContain('ENCRYPTED PRIVATE KEY')
  })

  test('is not tested without a terminal if its passphrase differs', async () => {
    const { directory, file, home, run } = inHome(await encrypted())
    const other = { FPKI_PASSPHRASE: 'another one for the backup' }
    expect((await run(['ca', 'backup', directory, '--out', file], other)).status).toBe(0)
    const refusal = { status: 6, code: 'ERR_PASSPHRASE', names: ['factory_ca.key', '--skip-root-key'] }
    await expectRefusal(home, ['ca', 'restore', file, join(home.path, 'again')], refusal, { env: other })
    const words = ['ca', 'restore', file, join(home.path, 'again'), '--skip-root-key']
    const { status, stdout } = await run(words, other)
    expect(status).toBe(0)
    expect(stdout).toContain('root-key.skipped')
    expect(await contents(join(home.path, 'again'))).toEqual(await contents(directory))
  })
})

test.each([
  [['acme'], 'No file for the backup'],
  [['--out', 'x'], 'No PKI directory'],
  [['acme', '--out', 'x', '--check', 'y'], 'mutually exclusive'],
])('ca backup %j is refused, and says what is missing', async (words, name) => {
  const refusal = { status: 2, code: 'ERR_USAGE', names: [name, '--out FILE', '--check FILE'] }
  await expectRefusal((await copiedPki()).home, ['ca', 'backup', ...words], refusal)
})

test('only recipients can open a backup', async () => {
  const { directory, file, home, run } = inHome(await copiedPki())
  for (const [name, kind] of [
    ['ann', 'ec'],
    ['bob', 'rsa:2048'],
    ['eve', 'ec'],
  ]) {
    const key = ['-newkey', kind ?? '', ...(kind === 'ec' ? ['-pkeyopt', 'ec_paramgen_curve:P-256'] : [])]
    const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`]
    await output('openssl', ['req', '-x509', '-nodes', '-subj', `/CN=${name}`, ...key, ...files], { cwd: home.path })
  }
  const at = (name: string) => join(home.path, name)
  const recipients = ['--recipient', at('ann.pem'), '--recipient', at('bob.pem')]
  const { stdout } = await run(['ca', 'backup', directory, '--out', file, ...recipients, '--json'])
  expect(backupPkiResult.parse(JSON.parse(stdout)).openedBy).toEqual({
    passphrase: false,
    certificates: ['CN=ann', 'CN=bob'],
  })
  for (const name of ['ann', 'bob']) {
    const proof = await run(['ca', 'backup', '--check', file, '--recipient-key', at(`${name}.key`)])
    expect(proof.status).toBe(0)
    const words = ['-inform', 'der', '-in', file, '-out', at('tar'), '-recip', at(`${name}.pem`)]
    await output('openssl', ['cms', '-decrypt', '-binary', ...words, '-inkey', at(`${name}.key`)])
    expect(await output('tar', ['-tf', at('tar')])).toContain('pki/factory_ca.key')
  }
  const second = await run(['ca', 'backup', directory, '--out', at('second'), ...recipients])
  expect(second.stdout).toContain('apart from the keys of its recipients')
  const [, advised = ''] = /^ {2}fpki (ca backup --check .*KEY)$/m.exec(second.stdout) ?? []
  expect((await run(advised.replace('KEY', at('ann.key')).split(' '))).status).toBe(0)
  const eve = { status: 6, code: 'ERR_BAD_KEY', names: ['eve.key', 'does not open', 'private key of a recipient'] }
  await expectRefusal(home, ['ca', 'backup', '--check', file, '--recipient-key', at('eve.key')], eve)
  const none = { status: 2, code: 'ERR_USAGE', names: ['--recipient-key'] }
  await expectRefusal(home, ['ca', 'restore', file, at('again')], none, { env: ENV })
})

describe('ca restore', () => {
  test('restores into an empty directory only', async () => {
    const { directory, file, home, run } = await backedUp()
    const full = { status: 3, code: 'ERR_EXISTS', names: [`${directory} is not empty`] }
    await expectRefusal(home, ['ca', 'restore', file, directory], full, { env: ENV })
    const [hidden, empty] = [join(home.path, 'hidden'), join(home.path, 'empty')]
    await mkdir(hidden, { mode: 0o700 })
    await writeFile(join(hidden, '.thesis'), 'precious')
    await expectRefusal(home, ['ca', 'restore', file, hidden], { ...full, names: [hidden] }, { env: ENV })
    const noFolder = { status: 3, code: 'ERR_NOT_A_DIRECTORY', names: [file] }
    await expectRefusal(home, ['ca', 'restore', file, file], noFolder, { env: ENV })
    await mkdir(empty)
    await chmod(empty, 0o777)
    await expectRefusal(
      home,
      ['ca', 'restore', file, empty],
      { status: 3, code: 'ERR_PERMISSIONS', names: [empty] },
      { env: ENV },
    )
    await chmod(empty, 0o755)
    expect((await run(['ca', 'restore', file, empty])).status).toBe(0)
    expect((await stat(empty)).mode & 0o7777).toBe(0o700)
    expect((await readdir(home.path)).filter((name) => name.startsWith('.fpki-restore'))).toEqual([])
  })

  test('keeps the existing state of an embedded factory, and skips it with --no-state', async () => {
    const { file, home, run } = await backedUp()
    const before = await snapshot(home.state)
    const kept = await run(['ca', 'restore', file, join(home.path, 'one')])
    expect(kept.stderr).toContain('exists and was not replaced')
    expect(await snapshot(home.state)).toEqual(before)
    const env = { FPKI_STATE_DIR: join(home.path, 'state') }
    const { status, stdout } = await run(['ca', 'restore', file, join(home.path, 'two'), '--no-state'], env)
    expect(status).toBe(0)
    expect(stdout).toContain('Did not restore the state')
    await expect(stat(join(home.path, 'state'))).rejects.toThrow('ENOENT')
  })

  test('writes nothing if the passphrase is wrong', async () => {
    const { file, home } = await backedUp()
    const refusal = { status: 6, code: 'ERR_PASSPHRASE', names: [file] }
    const env = { FPKI_PASSPHRASE: `${PASSPHRASE}!` }
    await expectRefusal(home, ['ca', 'restore', file, join(home.path, 'again')], refusal, { env })
    await expectRefusal(home, ['ca', 'backup', '--check', file], refusal, { env })
  })

  test('writes nothing from a truncated, modified or foreign file', async () => {
    const { file, home } = await backedUp()
    const whole = await readFile(file)
    const changed = Buffer.from(whole)
    changed[whole.length >> 1] = (changed[whole.length >> 1] ?? 0) ^ 1
    for (const octets of [
      whole.subarray(0, -1),
      whole.subarray(0, 1000),
      changed,
      Buffer.from('no backup'),
      Buffer.alloc(0),
    ]) {
      await writeFile(file, octets)
      const refusal = { status: 6, code: 'ERR_BAD_FILE', names: [file] }
      await expectRefusal(home, ['ca', 'restore', file, join(home.path, 'again')], refusal, { env: ENV })
    }
  })

  test('lets one of several concurrent restores succeed', async () => {
    const { directory, file, home, run } = await backedUp()
    const again = join(home.path, 'again')
    const ended = await Promise.all(Array.from({ length: 6 }, () => run(['ca', 'restore', file, again])))
    expect(ended.filter(({ status }) => status === 0)).toHaveLength(1)
    expect(ended.filter(({ status }) => status === 3)).toHaveLength(5)
    expect(await contents(again)).toEqual(await contents(directory))
  })
})

describe('the record of backups', () => {
  const HOUR = 3_600_000
  const back = ({ path }: Made, days: number) =>
    editJson(path('.fpki/backup.json'), (record) => ({
      ...record,
      madeAt: `${new Date(Date.now() - days * 24 * HOUR - HOUR).toISOString().slice(0, 19)}Z`,
    }))

  test.each([
    [[], 0],
    [['--backup-days', '30'], 0],
    [['--backup-days', '10'], 10],
  ] as const)('ca status %j of a backup that is ten days old: exit %i', async (flags, expected) => {
    const scene = await backedUp()
    await back(scene, 10)
    const { status, stdout } = await scene.run(['ca', 'status', scene.directory, '--json', ...flags])
    const [pki] = pkiStatusResult.parse(JSON.parse(stdout)).pkis
    expect({ status, due: pki?.backupDue, days: pki?.backup?.daysOld }).toEqual({
      status: expected,
      due: expected === 10,
      days: 10,
    })
  })

  test('without a backup, status reports it and verify warns', async () => {
    const { directory, run } = inHome(await copiedPki())
    expect((await run(['ca', 'status', directory])).stdout).toContain('no backup recorded')
    expect((await run(['ca', 'status', directory, '--backup-days', '1'])).status).toBe(10)
    const metrics = (await run(['ca', 'status', directory, '--prometheus', '--backup-days', '1'])).stdout
    expect(metrics).toMatch(/^fpki_pki_backup_due\{.*\} 1$/m)
    expect(metrics).toMatch(/^fpki_pki_backup_made_seconds\{.*\} 0$/m)
    const { stdout } = await run(['ca', 'verify', directory, '--json'])
    expect(verifyPkiResult.parse(JSON.parse(stdout)).findings.map(({ code }) => code)).toContain('backup.none')
  })

  test('verify warns about a backup older than the last change', async () => {
    const scene = await backedUp()
    await back(scene, 1)
    const codes = async () => {
      const { stdout } = await scene.run(['ca', 'verify', scene.directory, '--json'])
      return verifyPkiResult.parse(JSON.parse(stdout)).findings.map(({ code }) => code)
    }
    expect(await codes()).toContain('backup.outdated')
    await scene.run(['ca', 'backup', scene.directory, '--out', join(scene.home.path, 'newer')])
    expect(await codes()).toContain('backup')
  })
})

describe('ca create --backup', () => {
  test('creates PKI and backup', async () => {
    const { home } = await copiedPki()
    const [directory, file] = [join(home.path, 'other'), join(home.path, 'other.backup')]
    const { status, stdout } = await home.fpki(['ca', 'create', directory, '--backup', file, '--json'], { env: ENV })
    expect({ status, backup: JSON.parse(stdout).backup }).toEqual({ status: 0, backup: file })
    expect((await home.fpki(['ca', 'backup', '--check', file], { env: ENV })).status).toBe(0)
  })

  test('creates nothing if the backup is impossible', async () => {
    const { home } = await copiedPki()
    const words = ['ca', 'create', join(home.path, 'other'), '--backup', join(home.path, 'acme')]
    await expectRefusal(home, words, { status: 3, code: 'ERR_EXISTS', names: ['acme already exists'] }, { env: ENV })
    const no = { status: 6, code: 'ERR_PASSPHRASE', names: ['the new backup'] }
    await expectRefusal(home, [...words.slice(0, 4), join(home.path, 'b')], no)
  })

  test('prints a note without --backup', async () => {
    const { home } = await copiedPki()
    const { stderr } = await home.fpki(['ca', 'create', join(home.path, 'other')])
    expect(stderr).toContain(
      `There is no backup yet. To write one: \`fpki ca backup ${join(home.path, 'other')} --out FILE\``,
    )
  })
})
