import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { concurrentFileSystem } from '../../../../src/storage/concurrent-file-system.js'
import { removeTree } from '../../../../src/storage/tree.js'
import { filesBelow } from '../../../support/files.js'
import { ANSWERS, type Answer, batchesOn, DEVICES, device, newKey, openOn, SETTINGS } from './support/scene.js'

let folder: string
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'outputs-')), 'devices')
})

const FILES = ['client.chained', 'client.pem', 'root.crt', 'sota.toml'] as const
const UUIDS = DEVICES.map(({ uuid }) => uuid)
const [UUID = ''] = UUIDS

async function run(devices = DEVICES, others: Partial<Parameters<typeof openOn>[0]> = {}): Promise<void> {
  const output = await openOn({ target: { kind: 'folder', path: folder }, format: 'sota', ...others })
  await output.write(devices)
  await output.finish()
}

async function runWithKey(privateKeyPem: string): Promise<void> {
  const output = await openOn({ target: { kind: 'folder', path: folder }, format: 'sota', makesKeys: true })
  await output.keys?.write([{ uuid: UUID, privateKeyPem }])
  await output.write([device(0)])
  await output.finish()
}

const text = (...names: readonly string[]) => readFile(join(folder, ...names), 'utf8')
const modeOf = async (...names: readonly string[]) => (await stat(join(folder, ...names))).mode & 0o777

describe('a folder for each device', () => {
  test('has the files that the reference answers, with their modes', async () => {
    await run()
    expect((await readdir(folder)).sort()).toEqual([...UUIDS].sort())
    expect(await modeOf()).toBe(0o700)
    for (const { uuid, answer } of ANSWERS) {
      expect((await readdir(join(folder, uuid))).sort()).toEqual([...FILES])
      expect(await modeOf(uuid)).toBe(0o700)
      for (const name of FILES) {
        expect(await modeOf(uuid, name)).toBe(0o644)
        if (name !== 'sota.toml') expect(await text(uuid, name)).toBe(answer[name as keyof Answer])
      }
    }
  })

  test('has the certificate and that of its CA in client.chained, for OpenSSL', async () => {
    await run()
    const words = ['storeutl', '-certs', '-noout', '-text', join(folder, UUID, 'client.chained')]
    const chained = execFileSync('openssl', words, { encoding: 'utf8' })
    expect(chained).toContain('Total found: 2')
    const [clientIssuer, ...caSubjects] = ['Issuer', 'Subject'].flatMap((field) =>
      [...chained.matchAll(new RegExp(`${field}: (.*)`, 'g'))].map(([, name]) => name),
    )
    expect(caSubjects).toContain(clientIssuer)
  })

  test('names the device’s hardware id, if it has one', async () => {
    const [one, two] = [device(0, { hardwareId: 'imx8' }), device(1)]
    await run([one, two])
    expect(await text(one.uuid, 'sota.toml')).toContain('primary_ecu_hardware_id = "imx8"\n')
    expect(await text(two.uuid, 'sota.toml')).not.toContain('primary_ecu_hardware_id')
  })

  test('stays as it is when it has the certificate, but for what is missing', async () => {
    await run()
    await writeFile(join(folder, UUID, 'sota.toml'), '# mine\n')
    await rm(join(folder, UUID, 'root.crt'))
    await rm(join(folder, UUIDS[1] ?? '', 'client.pem'))
    const before = await stat(join(folder, UUID, 'client.pem'))
    await run([...DEVICES, ...DEVICES])
    expect(await text(UUID, 'sota.toml')).toBe('# mine\n')
    expect(await text(UUID, 'root.crt')).toBe(SETTINGS.rootPem)
    expect((await stat(join(folder, UUID, 'client.pem'))).ino).toBe(before.ino)
    expect(await filesBelow(folder)).toHaveLength(4 * DEVICES.length)
  })

  test('with another certificate is kept under another name', async () => {
    await run([device(0)])
    const other = { ...device(0), der: device(1).der }
    await run([other])
    await run([device(0)])
    expect((await readdir(folder)).sort()).toEqual([UUID, `${UUID}.bak`, `${UUID}.bak.1`])
    const clients = await Promise.all(['', '.bak', '.bak.1'].map((end) => text(`${UUID}${end}`, 'client.pem')))
    const [first, second] = [ANSWERS[0], ANSWERS[1]].map((one) => one?.answer['client.pem'])
    expect(clients).toEqual([first, first, second])
  })

  test('is not written with a certificate that is none: the register it is from is damaged', async () => {
    const damaged = { ...device(0), kind: 'reused', der: Uint8Array.of(0) } as const
    await expect(run([damaged])).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
  })

  test('has no name but a UUID', async () => {
    await expect(run([device(0, { uuid: '../evil' })])).rejects.toThrow('not a canonical UUID')
    await expect(run([device(0, { uuid: UUID.toUpperCase() })])).rejects.toThrow('not a canonical UUID')
    expect(await filesBelow(folder).then((all) => all.filter((path) => !path.includes('.batch.')))).toEqual([])
  })

  test('is not made where others can write', async () => {
    await mkdir(folder)
    await chmod(folder, 0o777)
    await expect(run()).rejects.toMatchObject({ code: 'ERR_PERMISSIONS' })
  })

  test('is not made in the place of a file', async () => {
    await writeFile(folder, '')
    await expect(run()).rejects.toMatchObject({ code: 'ERR_NOT_A_DIRECTORY' })
  })
})

describe('what a killed run left', () => {
  test('is removed by the next one, but not what belongs to a run that goes on', async () => {
    await run([])
    const killed = join(folder, '.batch.01234567.fpki-unfinished')
    await mkdir(join(killed, UUID), { recursive: true, mode: 0o700 })
    await writeFile(join(killed, 'lock'), '')
    await writeFile(join(killed, UUID, 'pkey.pem'), 'secret')
    const running = await openOn({ target: { kind: 'folder', path: folder }, format: 'sota' })
    await run(DEVICES.slice(1))
    await running.write(DEVICES)
    await running.finish()
    expect((await readdir(folder)).sort()).toEqual([...UUIDS].sort())
  })

  test('is not what others put there: a link elsewhere, or a folder that is open to them', async () => {
    await run([])
    const elsewhere = await mkdtemp(join(tmpdir(), 'elsewhere-'))
    await writeFile(join(elsewhere, 'precious'), 'precious')
    const [link, open] = ['.batch.01234567.fpki-unfinished', '.batch.89abcdef.fpki-unfinished']
    await symlink(elsewhere, join(folder, link))
    await mkdir(join(folder, open))
    await chmod(join(folder, open), 0o777)
    await run([])
    expect(await readdir(elsewhere)).toEqual(['precious'])
    expect((await readdir(folder)).sort()).toEqual([link, open])
  })

  test('a link that cannot be removed leads nowhere', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'elsewhere-'))
    await writeFile(join(elsewhere, 'precious'), 'precious')
    await mkdir(folder)
    await symlink(elsewhere, join(folder, 'link'))
    const fs = concurrentFileSystem()
    // As in a sticky folder, where the link is of another user.
    const remove = async (path: string) => {
      if (path === join(folder, 'link')) throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
      return fs.remove(path)
    }
    await expect(removeTree({ ...fs, remove }, join(folder, 'link'))).rejects.toMatchObject({ code: 'EPERM' })
    expect(await readdir(elsewhere)).toEqual(['precious'])
  })

  test('two runs write the same devices at once', async () => {
    await Promise.all([run(), run(), run()])
    expect((await readdir(folder)).sort()).toEqual([...UUIDS].sort())
    expect(await filesBelow(folder)).toHaveLength(4 * DEVICES.length)
  })
})

describe('keys that fpki makes', () => {
  test('are at their places before the certificates', async () => {
    const [key, other] = [newKey(), newKey()]
    const output = await openOn({ target: { kind: 'folder', path: folder }, format: 'sota', makesKeys: true })
    const { keys } = output
    expect(await keys?.read(UUID)).toBeNull()
    await keys?.write([{ uuid: UUID, privateKeyPem: key.privateKeyPem }])
    expect(await readdir(join(folder, UUID))).toEqual(['pkey.pem'])
    expect([await modeOf(UUID), await modeOf(UUID, 'pkey.pem')]).toEqual([0o700, 0o600])
    expect(await keys?.read(UUID)).toEqual(key.spki)
    // Its row was not committed.
    await keys?.write([{ uuid: UUID, privateKeyPem: other.privateKeyPem }])
    expect(await keys?.read(UUID)).toEqual(other.spki)
    expect(await text(`${UUID}.bak`, 'pkey.pem')).toBe(key.privateKeyPem)
    await output.write([device(0)])
    await output.finish()
    expect((await readdir(join(folder, UUID))).sort()).toEqual([...FILES.slice(0, 2), 'pkey.pem', ...FILES.slice(2)])
    expect(await text(UUID, 'pkey.pem')).toBe(other.privateKeyPem)
    const words = ['pkey', '-in', join(folder, UUID, 'pkey.pem'), '-noout', '-check']
    expect(execFileSync('openssl', words, { encoding: 'utf8' })).toContain('Key is valid')
  })

  test('a key with a certificate is kept when the device gets another', async () => {
    const [key, other] = [newKey(), newKey()]
    await runWithKey(key.privateKeyPem)
    await runWithKey(other.privateKeyPem)
    expect(await text(`${UUID}.bak`, 'pkey.pem')).toBe(key.privateKeyPem)
    expect(await text(UUID, 'pkey.pem')).toBe(other.privateKeyPem)
  })

  test('a key stays with its device when that gets another certificate for it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'outputs-'))
    const { privateKeyPem } = newKey()
    await writeFile(join(directory, 'key'), privateKeyPem)
    const words = ['req', '-x509', '-key', join(directory, 'key'), '-subj', '/CN=a', '-outform', 'DER']
    const der = new Uint8Array(execFileSync('openssl', words, { stdio: ['ignore', 'pipe', 'ignore'] }))
    await runWithKey(privateKeyPem)
    await run([{ ...device(0), der }])
    expect(await text(UUID, 'pkey.pem')).toBe(privateKeyPem)
    expect(await modeOf(UUID, 'pkey.pem')).toBe(0o600)
    // Another certificate for another key: the key stays with its own.
    await run([device(0)])
    expect((await readdir(join(folder, UUID))).sort()).toEqual([...FILES])
    expect(await text(`${UUID}.bak.1`, 'pkey.pem')).toBe(privateKeyPem)
  })

  test.each([
    ['nothing', ''],
    ['no key', 'hello'],
    ['half a key', newKey().privateKeyPem.slice(0, 100)],
    ['a large file', 'x'.repeat(100_000)],
  ])('%s is not a key', async (_, content) => {
    await mkdir(join(folder, UUID), { recursive: true, mode: 0o700 })
    await writeFile(join(folder, UUID, 'pkey.pem'), content)
    await chmod(folder, 0o700)
    await chmod(join(folder, UUID, 'pkey.pem'), 0o600)
    const output = await openOn({ target: { kind: 'folder', path: folder }, format: 'sota', makesKeys: true })
    expect(await output.keys?.read(UUID)).toBeNull()
    await output.stop()
  })

  test.each([
    [
      'that is encrypted',
      ['-aes-128-cbc', '-pass', 'pass:secret', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ],
    ['on another curve', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384']],
    ['of another type', ['-algorithm', 'ED25519']],
  ])('a key %s is kept when the device gets one', async (_, words) => {
    const place = join(folder, UUID, 'pkey.pem')
    await mkdir(join(folder, UUID), { recursive: true, mode: 0o700 })
    await chmod(folder, 0o700)
    execFileSync('openssl', ['genpkey', ...words, '-out', place], { stdio: 'ignore' })
    const before = await readFile(place, 'utf8')
    const { privateKeyPem } = newKey()
    const output = await openOn({ target: { kind: 'folder', path: folder }, format: 'sota', makesKeys: true })
    expect(await output.keys?.read(UUID)).toBeNull()
    await output.keys?.write([{ uuid: UUID, privateKeyPem }])
    await output.stop()
    expect(await text(UUID, 'pkey.pem')).toBe(privateKeyPem)
    expect(await text(`${UUID}.bak`, 'pkey.pem')).toBe(before)
  })

  test('a key that others could have written is refused', async () => {
    const { privateKeyPem } = newKey()
    await runWithKey(privateKeyPem)
    await chmod(join(folder, UUID, 'pkey.pem'), 0o666)
    const output = await openOn({ target: { kind: 'folder', path: folder }, format: 'sota', makesKeys: true })
    await expect(output.keys?.read(UUID)).rejects.toMatchObject({ code: 'ERR_PERMISSIONS' })
    await output.stop()
  })

  test('an output without keys has no place for them', async () => {
    const output = await openOn({ target: { kind: 'folder', path: folder }, format: 'sota' })
    expect(output.keys).toBeNull()
    await output.stop()
  })
})

test('a batch of many folders has few files open at once', async () => {
  const fs = concurrentFileSystem()
  let [open, most] = [0, 0]
  const counting = {
    ...fs,
    createFile: async (path: string, mode: number) => {
      const file = await fs.createFile(path, mode)
      most = Math.max(most, ++open)
      const close = () => {
        open--
        return file.close()
      }
      return { ...file, close }
    },
  }
  await mkdir(folder, { mode: 0o700 })
  const batch = await batchesOn(counting).openFolders(folder)
  const names = Array.from({ length: 300 }, (_, at) => `folder-${at}`)
  const file = { name: 'a', content: 'a', mode: 0o600 }
  await batch.createFolders(
    names.map((name) => ({ name, files: [file] })),
    'leave',
  )
  await batch.close()
  expect(await readdir(folder)).toHaveLength(300)
  expect(most).toBeLessThanOrEqual(128)
})
