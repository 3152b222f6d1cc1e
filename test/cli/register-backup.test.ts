import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, rmSync } from 'node:fs'
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ALL_DEVICES } from '../../src/devices/register.js'
import { pkiDirectory } from '../../src/directory/pki-directory.js'
import { FpkiError } from '../../src/errors.js'
import { thisMachine } from '../../src/machine/index.js'
import { type BackupPkiPorts, backupPki } from '../../src/operations/backup/backup-pki.js'
import { collectRegister, removeRegisterCopy } from '../../src/operations/backup/collect-register.js'
import { type RestorePkiPorts, restorePki } from '../../src/operations/backup/restore-pki.js'
import { caFingerprint } from '../../src/operations/devices/ca-fingerprint.js'
import { recordRegisterHead } from '../../src/operations/devices/record-head.js'
import { readPemCertificate } from '../../src/pki/read-certificate.js'
import type { DurableFiles } from '../../src/ports.js'
import { output } from '../support/cli.js'
import { SILENT } from '../support/create-scene.js'
import { deviceCsr } from '../support/device-requests.js'
import { sampleOf } from '../support/points.js'
import { createLine, issueIn, pkiWithSite, signedIn, withRegister } from '../support/site.js'
import { copiedPki, type Made } from './made.js'

const REGISTER = 'devices.sqlite'
const PASSPHRASE = 'correct horse battery staple'

/** A PKI whose line-1 has issued three devices, as the audit log says. */
async function madeWithDevices(): Promise<Made> {
  const made = await pkiWithSite()
  await createLine(made.directory, 'line-1')
  await issueIn(made.directory, 'line-1', 3)
  await recordHead(made.directory)
  return made
}

async function recordHead(directory: string): Promise<void> {
  const machine = thisMachine()
  await withRegister(directory, (register) =>
    recordRegisterHead(
      pkiDirectory(machine.files, directory),
      'devices issue',
      machine,
      { register, store: null },
      'Issued devices.',
    ),
  )
}

async function scene(make = madeWithDevices) {
  const made = await copiedPki(make)
  const env = { FPKI_STATE_DIR: made.home.state, FPKI_PASSPHRASE: PASSPHRASE }
  const at = (name: string) => join(made.home.path, name)
  const run = (...words: readonly string[]) => made.home.fpki(words, { env })
  const codes = async (directory: string) => {
    const { stdout } = await run('ca', 'verify', directory, '--offline', '--json')
    const { findings }: { findings: readonly { code: string; message: string }[] } = JSON.parse(stdout)
    return findings.map(({ code }) => code).filter((code) => code.startsWith('devices'))
  }
  return { ...made, at, run, codes }
}

const countIn = (directory: string) =>
  withRegister(directory, async (register) => (await register.count(ALL_DEVICES)).devices)

test('a backup has a consistent copy of the register, and a restore puts it back with mode 0600', async () => {
  const { directory, at, run, codes } = await scene()
  const written = await run('ca', 'backup', directory, '--out', at('a.backup'), '--json')
  expect(JSON.parse(written.stdout)).toMatchObject({ devices: { certificates: 3, included: true } })
  const checked = await run('ca', 'backup', '--check', at('a.backup'), '--json')
  expect(JSON.parse(checked.stdout)).toMatchObject({ devices: { certificates: 3, included: true }, result: 'ok' })
  await issueIn(directory, 'line-1', 1)
  expect(await run('ca', 'restore', at('a.backup'), at('restored'))).toMatchObject({ status: 0 })
  expect((await stat(at('restored/devices.sqlite'))).mode & 0o777).toBe(0o600)
  expect(await countIn(at('restored'))).toBe(3)
  expect(await codes(at('restored'))).toEqual(['devices'])
  const same = await withRegister(directory, (register) => register.head())
  expect((await withRegister(at('restored'), (register) => register.head())).id).toBe(same.id)
})

test('without the register, the backup says so, and so does verify after a restore', async () => {
  const { directory, at, run, codes } = await scene()
  const written = await run('ca', 'backup', directory, '--out', at('a.backup'), '--no-devices')
  expect(written).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('devices.sqlite (3 certificates) was left out'),
  })
  const restored = await run('ca', 'restore', at('a.backup'), at('restored'))
  expect(restored.status).toBe(0)
  expect(restored.stdout + restored.stderr).toContain('The device register is missing')
  expect(await codes(at('restored'))).toEqual(['devices.missing'])
})

/** A PKI whose register has certificates of a megabyte, so that it is read in several pieces. */
async function madeWithLargeRegister(): Promise<Made> {
  const made = await pkiWithSite()
  await createLine(made.directory, 'line-1')
  const signed = await signedIn(made.directory, 3)
  const certificates = signed.map((one) => ({ ...one, der: Buffer.concat([one.der, randomBytes(1_000_000)]) }))
  const ca = caFingerprint(readPemCertificate(await readFile(join(made.directory, 'site-b.pem'), 'utf8'), 'site-b.pem'))
  await withRegister(made.directory, (register) =>
    register.commit({ line: 'line-1', ca, at: Date.now(), announce: false, certificates }),
  )
  return made
}

/** Everything in a folder, without the files that SQLite has beside a database until this process ends. */
async function everythingIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true })
  return names.filter((name) => !/\.sqlite-(wal|shm)$/.test(name)).sort()
}

const PASSPHRASES = { forExisting: async () => PASSPHRASE, forNew: async () => PASSPHRASE }
const OPENER = { passphrases: PASSPHRASES, ofKeys: null, askAnother: null, recipientKey: null }

/** Backup and restore with ports of the test. */
async function inProcess(make = madeWithLargeRegister) {
  const made = await scene(make)
  const [file, restored] = [made.at('a.backup'), made.at('restored')]
  const machine = { ...thisMachine({ passphraseRounds: 1000 }), progress: SILENT }
  const target = { out: file, passphrase: PASSPHRASE, certificates: [] }
  const backUp = (ports: Partial<BackupPkiPorts> = {}) =>
    backupPki({ directory: made.directory, factory: null, stateDirectory: null, target }, { ...machine, ...ports })
  const restore = (ports: Partial<RestorePkiPorts> = {}) =>
    restorePki(
      { file, directory: restored, stateDirectory: null, skipRootKey: false },
      { ...machine, opener: OPENER, ...ports },
    )
  return { ...made, file, restored, backUp, restore, files: machine.files }
}

test('OpenSSL and tar restore the same register as fpki', async () => {
  const { file, restored, backUp, restore, at } = await inProcess()
  expect(await backUp()).toMatchObject({ devices: { certificates: 3, included: true }, warnings: [] })
  expect((await restore()).devices).toEqual({ certificates: 3, included: true })
  const words = ['-inform', 'der', '-in', file, '-out', at('a.tar'), '-pwri_password', PASSPHRASE]
  await output('openssl', ['cms', '-decrypt', '-binary', ...words])
  await output('tar', ['-xpf', 'a.tar'], { cwd: at('.') })
  await output('sha256sum', ['--strict', '-c', 'SHA256SUMS'], { cwd: at('.') })
  const [own, theirs] = await Promise.all([readFile(join(restored, REGISTER)), readFile(at(`pki/${REGISTER}`))])
  expect(own.equals(theirs)).toBe(true)
  expect(own.length).toBeGreaterThan(3_000_000)
})

test('a backup that changes after it was checked is not restored', async () => {
  const { file, backUp, restore, files, home } = await inProcess()
  const { size } = await backUp()
  const before = await everythingIn(home.path)
  let passes = 0
  const changing: DurableFiles = {
    ...files,
    openToRead: async (path, maxBytes) => {
      const opened = await files.openToRead(path, maxBytes)
      if (opened === null || path !== file) return opened
      const read = async (position: number, length: number) => {
        const octets = await opened.read(position, length)
        const middle = Math.floor(size / 2) - position
        // It is read to be authenticated, to be checked, and to be restored.
        if (middle < 0 || middle >= octets.length || ++passes < 3) return octets
        return octets.map((octet, at) => (at === middle ? octet ^ 1 : octet))
      }
      return { ...opened, read }
    },
  }
  await expect(restore({ files: changing })).rejects.toMatchObject({
    code: 'ERR_BAD_FILE',
    message: expect.stringContaining('changed while it was read'),
  })
  expect(passes).toBe(3)
  expect(await everythingIn(home.path)).toEqual(before)
})

test('an interruption leaves neither half a backup, nor a copy of the register, nor half a restored PKI', async () => {
  const { file, directory, restored, backUp, restore, files, home } = await inProcess()
  const interruptedAt = (count: number) => {
    const [stop, reason] = [new AbortController(), new FpkiError('ERR_SIGINT', 'Interrupted.', 'Again.')]
    let reads = 0
    const counting: DurableFiles = {
      ...files,
      openToRead: async (path, maxBytes) => {
        const opened = await files.openToRead(path, maxBytes)
        const read = (position: number, length: number) => {
          if (++reads === count) stop.abort(reason)
          return opened?.read(position, length) ?? Promise.reject(new Error(path))
        }
        return opened === null ? null : { ...opened, read }
      },
    }
    return { signal: stop.signal, files: counting, reads: () => reads }
  }
  const whole = interruptedAt(0)
  await backUp(whole)
  await rm(file)
  await rm(join(directory, '.fpki/backup.json'))
  const before = await everythingIn(home.path)
  const reads = (total: number) => sampleOf([...Array(total).keys()].slice(1), 'backup of the register')
  for (const count of reads(whole.reads())) {
    await expect(backUp(interruptedAt(count))).rejects.toMatchObject({ code: 'ERR_SIGINT' })
    expect(await everythingIn(home.path)).toEqual(before)
  }
  expect(whole.reads()).toBeGreaterThan(20)
  await backUp()
  const backedUp = await everythingIn(home.path)
  const openerWith = (signal: AbortSignal) => ({ ...OPENER, passphrases: { ...OPENER.passphrases, signal } })
  const undisturbed = interruptedAt(0)
  await restore(undisturbed)
  await rm(restored, { recursive: true })
  for (const count of reads(undisturbed.reads())) {
    const ports = interruptedAt(count)
    await expect(restore({ ...ports, opener: openerWith(ports.signal) })).rejects.toMatchObject({ code: 'ERR_SIGINT' })
    expect(await everythingIn(home.path)).toEqual(backedUp)
  }
  expect(undisturbed.reads()).toBeGreaterThan(15)
})

test('a register that is too large for OpenSSL is refused before anything is written, with what to do instead', async () => {
  const { directory, home } = await scene()
  const before = await everythingIn(home.path)
  const machine = thisMachine()
  const refusal = await collectRegister(directory, true, machine, 1000).catch((error: unknown) => error)
  await removeRegisterCopy(directory, machine.files)
  expect(refusal).toMatchObject({
    code: 'ERR_BAD_FILE',
    option: 'withDevices',
    hint: expect.stringContaining(`\`sqlite3 ${join(directory, REGISTER)} "vacuum into 'devices-copy.sqlite'"\``),
  })
  expect(await everythingIn(home.path)).toEqual(before)
})

test('verify and status know the devices', async () => {
  const { directory, run, codes } = await scene()
  expect(await codes(directory)).toEqual(['devices'])
  const { stdout } = await run('ca', 'verify', directory, '--offline')
  expect(stdout).toContain('The device register has 3 certificates of 3 devices (0 in production).')
  const { stdout: soon } = await run('ca', 'verify', directory, '--offline', '--warn-days', '400')
  expect(soon).toMatch(/^notice +devices\.expiring +The certificates of 3 devices expire before /m)
  const status = await run('ca', 'status', directory, '--json', '--warn-days', '400')
  expect(JSON.parse(status.stdout).pkis[0].devices).toMatchObject({
    devices: 3,
    production: 0,
    certificates: 3,
    expiring: 3,
  })
  expect((await run('ca', 'status', directory)).stdout).toContain('  3 devices, 0 in production\n')
  const { stdout: metrics } = await run('ca', 'status', directory, '--prometheus')
  expect(metrics).toMatch(/^fpki_devices_count\{factory="acme",directory="[^"]+"\} 3$/m)
})

test('a register that is older than the audit log, another one, or missing is a failure of verify and status', async () => {
  const { directory, at, run, codes } = await scene()
  cpSync(join(directory, 'devices.sqlite'), at('old.sqlite'))
  await issueIn(directory, 'line-1', 2)
  await recordHead(directory)
  const replace = async (file: string | null) => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(directory, `devices.sqlite${suffix}`), { force: true })
    if (file !== null) cpSync(file, join(directory, 'devices.sqlite'))
  }
  const problem = async () => {
    const { status, stdout } = await run('ca', 'status', directory, '--json')
    return { status, message: JSON.parse(stdout).pkis[0].problems[0]?.message }
  }
  await replace(at('old.sqlite'))
  expect(await codes(directory)).toEqual(['devices.older'])
  const older = 'The device register is older than the audit log: it has 3 certificates, and had 5.'
  expect(await problem()).toEqual({ status: 6, message: older })
  await replace(null)
  expect(await codes(directory)).toEqual(['devices.missing'])
  expect((await problem()).message).toContain('is missing')
  await withRegister(directory, (register) => register.head())
  expect(await codes(directory)).toEqual(['devices.other'])
})

test('nothing is issued with a register that lacks what the audit log mentions, until it is replaced', async () => {
  const { directory, at, run, codes } = await scene()
  const files = ['devices.sqlite', '.fpki/log.jsonl'] as const
  const content = () => Promise.all(files.map((name) => readFile(join(directory, name)).catch(() => null)))
  const remove = () => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(directory, `devices.sqlite${suffix}`), { force: true })
  }
  await withRegister(directory, async () => undefined)
  cpSync(join(directory, files[0]), at('old.sqlite'))
  await issueIn(directory, 'line-1', 2)
  await recordHead(directory)
  await withRegister(directory, async () => undefined)
  cpSync(join(directory, files[0]), at('new.sqlite'))
  await writeFile(at('requests.pem'), deviceCsr().pem)
  const issue = (...words: readonly string[]) =>
    run('devices', 'issue', directory, '--from', at('requests.pem'), '--out', '-', ...words)
  for (const [file, message] of [
    ['old.sqlite', 'is older than the audit log'],
    [null, 'is missing'],
  ] as const) {
    remove()
    if (file !== null) cpSync(at(file), join(directory, files[0]))
    const before = await content()
    for (const words of [[], ['--dry-run']])
      expect(await issue(...words)).toMatchObject({ status: 6, stdout: '', stderr: expect.stringContaining(message) })
    // EST would make the register of its first devices.
    const est = await run('devices', 'serve', directory, '--est', '127.0.0.1:0')
    expect(est).toMatchObject({ status: 6, stderr: expect.stringContaining(message) })
    if (file === null)
      for (const words of [
        ['devices', 'list', directory],
        ['lines', 'create', directory, 'another'],
      ])
        expect(await run(...words)).toMatchObject({ status: 6, stderr: expect.stringContaining(message) })
    expect(await content()).toEqual(before)
  }
  // A register at another place may be a new one.
  const store = `sqlite:${at('elsewhere.sqlite')}`
  expect(await issue('--store', store)).toMatchObject({ status: 0 })
  remove()
  await withRegister(directory, async () => undefined)
  const used = `The device register in use is ${store}, not devices.sqlite.`
  expect(await issue()).toMatchObject({ status: 3, stdout: '', stderr: expect.stringContaining(used) })
  remove()
  cpSync(at('new.sqlite'), join(directory, files[0]))
  expect(await issue()).toMatchObject({ status: 0 })
  expect(await codes(directory)).toEqual(['devices'])
})

test('a register at another place is no failure: verify and backup name it', async () => {
  const { directory, at, run, codes } = await scene(copiedPki)
  const store = `sqlite:${at('elsewhere.sqlite')}`
  await writeFile(at('requests.pem'), deviceCsr().pem)
  const issue = (...words: readonly string[]) =>
    run('devices', 'issue', directory, '--from', at('requests.pem'), '--out', '-', ...words)
  expect(await issue('--store', store)).toMatchObject({ status: 0 })
  const verified = await run('ca', 'verify', directory, '--offline')
  expect(verified).toMatchObject({
    status: 0,
    stdout: expect.stringContaining(`The device register of this directory is ${store}.`),
  })
  const { stdout } = await run('ca', 'status', directory, '--json')
  expect(JSON.parse(stdout).pkis[0]).toMatchObject({ devices: null, problems: [] })
  const left = expect.stringContaining(`The device register, which is ${store}`)
  expect(await run('ca', 'backup', directory, '--out', at('a.backup'))).toMatchObject({ status: 0, stdout: left })
  const { lines } = JSON.parse((await run('ca', 'log', directory, '--json')).stdout)
  expect(lines.at(-1).register).toEqual({ id: expect.stringMatching(/^[0-9a-f]+$/), certificates: 1, store })
  const forgotten = { status: 3, stdout: '', stderr: expect.stringContaining(`--store ${store}`) }
  expect(await issue()).toMatchObject(forgotten)
  expect(await run('lines', 'create', directory, 'a')).toMatchObject(forgotten)
  expect(await run('lines', 'list', directory)).toMatchObject(forgotten)
  expect(await run('devices', 'serve', directory, '--register', '127.0.0.1:0')).toMatchObject(forgotten)
  expect(existsSync(join(directory, 'devices.sqlite'))).toBe(false)
  expect(await codes(directory)).toEqual(['devices'])
  expect(await issue('--store', store)).toMatchObject({ status: 0, stderr: expect.stringContaining('1 reused') })
})

test('certificates of no CA of the directory and a damaged file are failures', async () => {
  const { directory, codes } = await scene()
  const other = await copiedPki()
  const certificates = await signedIn(other.directory, 1, { file: 'local-ca.pem' })
  const forged = certificates.map((one) => ({ ...one, der: Buffer.concat([one.der.subarray(0, -1), Buffer.of(0)]) }))
  await withRegister(directory, (register) =>
    register.commit({ line: 'line-1', ca: 'ab'.repeat(32), at: Date.now(), announce: false, certificates: forged }),
  )
  expect(await codes(directory)).toEqual(['devices.certificate'])
  await withRegister(directory, async () => undefined)
  for (const suffix of ['-wal', '-shm']) rmSync(join(directory, `devices.sqlite${suffix}`), { force: true })
  const octets = await readFile(join(directory, 'devices.sqlite'))
  octets.fill(0xff, 4096 * 3, 4096 * 6)
  await writeFile(join(directory, 'devices.sqlite'), octets)
  expect((await codes(directory))[0]).toMatch(/^devices\.(damaged|unreadable)$/)
  await truncate(join(directory, 'devices.sqlite'), 100)
  expect((await codes(directory))[0]).toBe('devices.unreadable')
})
