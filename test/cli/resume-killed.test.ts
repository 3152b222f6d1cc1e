import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { abandonedWork } from '../../src/index.js'
import { type Home, newHome, output } from '../support/cli.js'
import { homeWith, PIN, pkcs11Tool, softHsm } from '../support/token.js'
import { expectResumed, killed } from './killed.js'
import { copiedPki, madePki } from './made.js'
import { snapshot } from './snapshot.js'

describe.each(['rotate-tls', 'add-device-ca', 'revoke-device-ca'])(
  '%s, killed at each write of the journal',
  (command) => {
    test.each(['before', 'after'] as const)('(%s it) is brought to its end by `ca resume`', async (when) => {
      let points = 0
      for (;;) {
        const { home, directory, path } = await copiedPki()
        if (!(await killed({ home, directory, command, nth: points + 1, when }))) break
        points++
        // Killed before its first write, it has done nothing that anybody could go on with.
        const isOpen = JSON.parse(await readFile(path('.fpki/journal.json'), 'utf8')).command === `ca ${command}`
        await expectResumed(home, directory)
        if (!isOpen) continue
        const root = path('factory_ca.pem')
        const issued = ['tls-crt', ...(command === 'add-device-ca' ? ['site-b.pem'] : [])].map(path)
        await output('openssl', ['verify', '-x509_strict', '-CAfile', root, ...issued])
        const all = (await home.fpki(['ca', 'show'])).stdout
        for (const file of issued) expect(all).toContain(await readFile(file, 'utf8'))
      }
      expect(points).toBeGreaterThan(4)
      console.log(`SIGKILL points tried (${command}, ${when}): ${points}`)
    })
  },
)

test('another command says what is open first; resume goes to the API and the factory that the record names', async () => {
  const { home, directory } = await madePki()
  const elsewhere = join(home.path, 'other-state')
  expect(await killed({ home, directory, command: 'rotate-tls', nth: 3, when: 'after' })).toBe(true)
  const other = await home.fpki(['ca', 'add-device-ca', directory, '--online-ca'])
  expect(other).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('holds a `ca rotate-tls` that was interrupted'),
  })
  expect(other.stderr).toContain('fpki ca resume')
  const env = { FPKI_STATE_DIR: elsewhere, FPKI_API: 'embedded' }
  expect((await home.fpki(['ca', 'resume', directory, '--quiet'], { env })).status).toBe(0)
  expect(existsSync(elsewhere)).toBe(false)
})

test('abandon asks, is refused when the API has taken the work, and else says what it leaves', async () => {
  const open = await copiedPki()
  const { home, directory, path } = open
  expect(await killed({ home, directory, command: 'add-device-ca', nth: 6, when: 'after' })).toBe(true)
  const before = await snapshot(home.path)
  const unasked = await home.fpki(['ca', 'abandon', directory])
  expect(unasked).toMatchObject({ status: 3, stderr: expect.stringContaining('ERR_NOT_CONFIRMED') })
  expect(await snapshot(home.path)).toEqual(before)
  const { status, stdout } = await home.fpki(['ca', 'abandon', directory, '--yes', '--json'])
  expect(status).toBe(0)
  const told = abandonedWork.parse(JSON.parse(stdout))
  expect(told).toMatchObject({
    command: 'ca add-device-ca',
    files: expect.arrayContaining(['site-b.key', 'site-b.pem']),
  })
  const key = await output('openssl', ['pkey', '-in', join(told.folder ?? '', 'site-b.key'), '-pubout'])
  expect(key).toContain('PUBLIC KEY')
  expect((await home.fpki(['ca', 'verify', directory])).status).toBe(0)
  expect(
    (await home.fpki(['ca', 'add-device-ca', directory, '--local-ca', '--local-ca-filename', 'site-b'])).status,
  ).toBe(0)
  // Behind the upload: the last two writes.
  expect(await killed({ home, directory, command: 'rotate-tls', nth: 4, when: 'after' })).toBe(true)
  const tls = await readFile(path('tls-crt'), 'utf8')
  const refused = await home.fpki(['ca', 'abandon', directory, '--yes'])
  expect(refused).toMatchObject({ status: 3, stderr: expect.stringContaining('has taken what') })
  expect(await readFile(path('tls-crt'), 'utf8')).toBe(tls)
  await expectResumed(home, directory)
})

describe('with the root key in a token', () => {
  // Of create: before the key is made, behind it, behind the root certificate, before the upload, and in the end.
  test.each([2, 3, 4, 10, 11, 12])('a create that is killed at write %s of the journal is resumed', async (nth) => {
    const token = await softHsm()
    const home = await homeWith(token)
    const directory = join(home.path, 'acme')
    expect(await killed({ home, directory, command: 'create', nth, when: 'after', token })).toBe(true)
    await expectResumed(home, directory)
    const objects = await pkcs11Tool(token, ['-O'])
    expect(objects.match(/label: +root-ca/g)).toHaveLength(2)
    expect(existsSync(join(directory, 'factory_ca.key'))).toBe(false)
    for (const command of ['rotate-tls', 'revoke-device-ca']) {
      expect(await killed({ home, directory, command, nth: 3, when: 'after', token })).toBe(true)
      await expectResumed(home, directory)
    }
  })

  test('an import-root that is killed at each write of the journal is resumed, with both halves in the token', async () => {
    let points = 0
    for (;;) {
      const token = await softHsm(`acme-${points}`)
      const { home: plain, directory, path } = await copiedPki()
      const env = { ...token.env, FPKI_HSM_PIN: PIN }
      const home: Home = { ...plain, fpki: (words, start) => plain.fpki(words, { ...start, env }) }
      if (!(await killed({ home, directory, command: 'import-root', nth: points + 1, when: 'after', token }))) break
      points++
      await expectResumed(home, directory)
      expect((await pkcs11Tool(token, ['-O'])).match(/label: +root-ca/g)).toHaveLength(2)
      expect(existsSync(path('factory_ca.key'))).toBe(false)
      // The key that left the directory left its snapshots too.
      const names = Object.keys(await snapshot(directory))
      expect(names.filter((name) => name.endsWith('factory_ca.key'))).toEqual([])
      expect((await home.fpki(['ca', 'rotate-tls', directory, '-q'])).status).toBe(0)
    }
    expect(points).toBe(6)
  })

  test('a create that is given up leaves its key in the token, and says so', async () => {
    const token = await softHsm()
    const home = await homeWith(token)
    const directory = join(home.path, 'acme')
    expect(await killed({ home, directory, command: 'create', nth: 5, when: 'after', token })).toBe(true)
    const { status, stdout } = await home.fpki(['ca', 'abandon', directory, '--yes'])
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringContaining('The key "root-ca" may be in the token "acme"'),
    })
    expect((await pkcs11Tool(token, ['-O'])).match(/label: +root-ca/g)).toHaveLength(2)
    expect((await home.fpki(['ca', 'create', directory, '--quiet'])).status).toBe(0)
  })
})

test('of 50 processes at once one works, and the others exit 3 and touch nothing', async () => {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  const ended = await Promise.all(Array.from({ length: 50 }, () => home.fpki(['ca', 'create', directory, '--json'])))
  const refused = ended.filter(({ status }) => status !== 0)
  expect(refused.map(({ status }) => status)).toEqual(Array(49).fill(3))
  const log = await home.fpki(['ca', 'log', 'verify', directory, '--json'])
  expect(JSON.parse(log.stdout)).toMatchObject({ lines: 4, problems: [], unsigned: 0 })
  expect((await home.fpki(['ca', 'verify', directory])).status).toBe(0)
})
