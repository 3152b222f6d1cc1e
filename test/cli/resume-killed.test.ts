import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { abandonWorkResult } from '../../src/index.js'
import { opensslCsr } from '../pki/support/openssl-csr.js'
import { homeAt, newHome, output } from '../support/cli.js'
import { editJournal, readJournal } from '../support/journal.js'
import { ALL_POINTS, sampleOf } from '../support/points.js'
import { homeWith, PIN, pkcs11Tool, softHsm } from '../support/token.js'
import { expectResumed, killed, momentsToTry } from './killed.js'
import { copiedPki } from './made.js'
import { snapshot } from './snapshot.js'

describe.each(['rotate-tls', 'add-device-ca', 'revoke-device-ca'])(
  '%s, killed at each write of the journal',
  (command) => {
    test.each(sampleOf(['before', 'after'] as const, `${command}, before and after`))(
      '(%s it) is finished by `ca resume`',
      async (when) => {
        const { all, tried } = await momentsToTry({ ...(await copiedPki()), command, when }, `${command} ${when}`)
        expect(all).toBeGreaterThan(3)
        for (const nth of tried) {
          const { home, directory, path } = await copiedPki()
          expect(await killed({ home, directory, command, nth, when })).toBe(true)
          // Killed before its first write, it has done nothing that anybody could go on with.
          const isOpen = (await readJournal(directory)).command === `ca ${command}`
          await expectResumed(home, directory)
          if (!isOpen) continue
          const root = path('factory_ca.pem')
          const issued = ['tls-crt', ...(command === 'add-device-ca' ? ['site-b.pem'] : [])].map(path)
          await output('openssl', ['verify', '-x509_strict', '-CAfile', root, ...issued])
          const shown = (await home.fpki(['ca', 'show'])).stdout
          for (const file of issued) expect(shown).toContain(await readFile(file, 'utf8'))
        }
        console.log(`SIGKILL points tried (${command}, ${when}): ${tried.length} of ${all}`)
      },
    )
  },
)

test('another command reports the interrupted one; resume uses the recorded API and factory', async () => {
  const { home, directory } = await copiedPki()
  const elsewhere = join(home.path, 'other-state')
  expect(await killed({ home, directory, command: 'rotate-tls', nth: 3, when: 'after' })).toBe(true)
  const other = await home.fpki(['ca', 'add-device-ca', directory, '--online-ca'])
  expect(other).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('has an interrupted `ca rotate-tls`'),
  })
  expect(other.stderr).toContain('fpki ca resume')
  const env = { FPKI_STATE_DIR: elsewhere, FPKI_API: 'embedded' }
  expect((await home.fpki(['ca', 'resume', directory, '--quiet'], { env })).status).toBe(0)
  expect(existsSync(elsewhere)).toBe(false)
})

test('a token for another server is not sent to the recorded API', async () => {
  const { home, directory } = await copiedPki()
  expect(await killed({ home, directory, command: 'rotate-tls', nth: 3, when: 'after' })).toBe(true)
  const asked: unknown[] = []
  const server = createServer(({ headers }, answer) => {
    asked.push(headers['osf-token'])
    answer.writeHead(500).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await editJournal(directory, (journal) => ({ ...journal, options: { ...journal.options, api: url } }))
  for (const words of [['resume'], ['abandon', '--yes']]) {
    for (const env of [{}, { FPKI_API: 'https://api.example.com' }, { FPKI_API: 'foundries' }]) {
      const refused = await home.fpki(['ca', ...words, directory], { env: { ...env, FPKI_TOKEN: 'secret' } })
      expect(refused).toMatchObject({ status: 3, stderr: expect.stringContaining('ERR_API_NOT_CHOSEN') })
    }
  }
  expect(asked).toEqual([])
  await home.fpki(['ca', 'resume', directory, '--api', url], { env: { FPKI_TOKEN: 'secret' } })
  await home.fpki(['ca', 'resume', directory], { env: { FPKI_TOKEN: 'secret', FPKI_API: url } })
  expect(asked).toEqual(['secret', 'secret'])
  server.close()
})

test('after abandoning a create whose root `ca sign` has used, another root can be created', async () => {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  expect(await killed({ home, directory, command: 'create', nth: 4, when: 'after' })).toBe(true)
  const csr = await opensslCsr({})
  const signed = await home.fpki(['ca', 'sign', '-', '--pki-dir', directory], { stdin: csr })
  expect(signed.status).toBe(0)
  expect((await home.fpki(['ca', 'abandon', directory, '--yes', '--quiet'])).status).toBe(0)
  expect((await home.fpki(['ca', 'create', directory, '--quiet'])).status).toBe(0)
  expect((await home.fpki(['ca', 'log', 'verify', directory])).status).toBe(0)
})

test('abandon asks for confirmation, is refused after the upload, and reports what remains', async () => {
  const open = await copiedPki()
  const { home, directory, path } = open
  expect(await killed({ home, directory, command: 'add-device-ca', nth: 3, when: 'after' })).toBe(true)
  const before = await snapshot(home.path)
  const unasked = await home.fpki(['ca', 'abandon', directory])
  expect(unasked).toMatchObject({ status: 3, stderr: expect.stringContaining('ERR_NOT_CONFIRMED') })
  expect(await snapshot(home.path)).toEqual(before)
  const { status, stdout } = await home.fpki(['ca', 'abandon', directory, '--yes', '--json'])
  expect(status).toBe(0)
  const told = abandonWorkResult.parse(JSON.parse(stdout))
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
  // After the upload: the last two writes.
  expect(await killed({ home, directory, command: 'rotate-tls', nth: 4, when: 'after' })).toBe(true)
  const tls = await readFile(path('tls-crt'), 'utf8')
  const refused = await home.fpki(['ca', 'abandon', directory, '--yes'])
  expect(refused).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('the Factory API has accepted its changes'),
  })
  expect(await readFile(path('tls-crt'), 'utf8')).toBe(tls)
  await expectResumed(home, directory)
})

describe('with the root key in a token', () => {
  // Of create: before the keys are made, after it, after the requests, before the upload, and at the end.
  test.each(sampleOf([1, 2, 3, 4, 5], 'create in a token'))(
    'a create that is killed at write %s of the journal is resumed',
    async (nth) => {
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
    },
  )

  test('an import-root killed at each write of the journal is resumed, with both key halves in the token', async () => {
    const command = 'import-root'
    const probe = { ...(await copiedPki()), command, when: 'after', token: await softHsm('acme') } as const
    const { all, tried } = await momentsToTry(probe, 'import-root killed')
    // It begins, three boundaries between four steps, and the end.
    expect(all).toBe(5)
    for (const nth of tried) {
      const token = await softHsm(`acme-${nth}`)
      const { home: plain, directory, path } = await copiedPki()
      const env = { ...token.env, FPKI_HSM_PIN: PIN }
      const home = homeAt(plain.path, { env })
      expect(await killed({ home, directory, command, nth, when: 'after', token })).toBe(true)
      await expectResumed(home, directory)
      expect((await pkcs11Tool(token, ['-O'])).match(/label: +root-ca/g)).toHaveLength(2)
      expect(existsSync(path('factory_ca.key'))).toBe(false)
      // The key that left the directory left its snapshots too.
      const names = Object.keys(await snapshot(directory))
      expect(names.filter((name) => name.endsWith('factory_ca.key'))).toEqual([])
      expect((await home.fpki(['ca', 'rotate-tls', directory, '-q'])).status).toBe(0)
    }
  })

  // At these writes of its journal start: the proof, state.json, and the removal of the file.
  test.each([
    [2, 'and factory_ca.key is the same key.'],
    [3, 'this PKI signs with it; factory_ca.key is the same key.'],
    [4, 'this PKI needs it, because factory_ca.key may be gone.'],
  ])(
    'an import-root abandoned at write %s of the journal reports whether its key is the only copy',
    async (nth, fate) => {
      const token = await softHsm()
      const { home, directory } = await copiedPki()
      expect(await killed({ home, directory, command: 'import-root', nth, when: 'after', token })).toBe(true)
      const env = { ...token.env, FPKI_HSM_PIN: PIN }
      const { status, stdout } = await home.fpki(['ca', 'abandon', directory, '--yes'], { env })
      expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining(fate) })
    },
  )

  test('an abandoned create reports its key in the token', async () => {
    const token = await softHsm()
    const home = await homeWith(token)
    const directory = join(home.path, 'acme')
    expect(await killed({ home, directory, command: 'create', nth: 3, when: 'after', token })).toBe(true)
    const { status, stdout } = await home.fpki(['ca', 'abandon', directory, '--yes'])
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringContaining('The key "root-ca" may be in the token "acme"'),
    })
    expect((await pkcs11Tool(token, ['-O'])).match(/label: +root-ca/g)).toHaveLength(2)
    expect((await home.fpki(['ca', 'create', directory, '--quiet'])).status).toBe(0)
  })
})

test('one of many concurrent creates succeeds, the others are refused and change nothing', async () => {
  const count = ALL_POINTS ? 50 : 10
  const home = await newHome()
  const directory = join(home.path, 'acme')
  const ended = await Promise.all(Array.from({ length: count }, () => home.fpki(['ca', 'create', directory, '--json'])))
  const refused = ended.filter(({ status }) => status !== 0)
  expect(refused.map(({ status }) => status)).toEqual(Array(count - 1).fill(3))
  const log = await home.fpki(['ca', 'log', 'verify', directory, '--json'])
  expect(JSON.parse(log.stdout)).toMatchObject({ lines: 4, problems: [], unsigned: 0 })
  expect((await home.fpki(['ca', 'verify', directory])).status).toBe(0)
})
