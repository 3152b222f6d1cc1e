import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { errorDocument } from '../../src/cli/documents.js'
import type { FactoryApi } from '../../src/factory/api.js'
import { embeddedFactoryOn, thisMachine } from '../../src/machine/index.js'
import { type CreatePkiOptions, createPki } from '../../src/operations/create/create-pki.js'
import { type Ended, type Home, newHome, output } from '../support/cli.js'
import { ALL_POINTS } from '../support/points.js'
import { createUpTo, holdFactory } from './interruption.js'
import { x509 } from './made.js'
import { expectRefusal } from './refusal.js'
import { namesBelow } from './snapshot.js'

/** Starts `fpki ca create` for each directory at once. */
function createAll(home: Home, directories: readonly string[]): Promise<readonly Ended[]> {
  return Promise.all(
    directories.map((directory) => home.spawn(['ca', 'create', directory, '--factory', 'acme', '--json'])),
  )
}

function errorOf({ stdout }: Ended): { code: string; message: string; hint: string } {
  return errorDocument.parse(JSON.parse(stdout)).error
}

/** The certificates in the directory are those that the API knows, the keys go with them, and nothing else is there. */
async function expectWhole(home: Home, directory: string): Promise<void> {
  const path = (name: string) => join(directory, name)
  const text = (name: string) => readFile(path(name), 'utf8')
  const root = path('factory_ca.pem')
  for (const name of ['factory_ca.pem', 'tls-crt', 'online-crt', 'local-ca.pem']) {
    expect(await output('openssl', ['verify', '-CAfile', root, path(name)])).toContain('OK')
    expect((await home.fpki(['ca', 'show'])).stdout).toContain(await text(name))
  }
  for (const name of ['factory_ca', 'local-ca']) {
    const publicKey = await output('openssl', ['pkey', '-pubout', '-in', path(`${name}.key`)])
    expect(publicKey.trim()).toBe(await x509(path(`${name}.pem`), '-pubkey'))
  }
  expect((await namesBelow(home.path)).filter((name) => name.endsWith('.fpki-unfinished'))).toEqual([])
  const keys = join(home.state, 'factories', 'acme', 'keys')
  expect(await readdir(keys)).toEqual(['ca-1.key', 'tls-1.key'])
}

const MANY = ALL_POINTS ? 20 : 10

test(`one of ${MANY} processes on one directory succeeds, the others are refused and change nothing`, async () => {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  const ended = await createAll(
    home,
    Array.from({ length: MANY }, () => directory),
  )
  const refused = ended.filter(({ status }) => status !== 0)
  expect(refused.map(({ status }) => status)).toEqual(Array.from({ length: MANY - 1 }, () => 3))
  for (const one of refused) expect(['ERR_LOCKED', 'ERR_EXISTS', 'ERR_FACTORY_IS_SET']).toContain(errorOf(one).code)
  await expectWhole(home, directory)
  expect(await namesBelow(directory)).toHaveLength(10)
})

test('one of 5 processes for one factory sets the root, the others report why they cannot', async () => {
  const home = await newHome()
  const directories = Array.from({ length: 5 }, (_, index) => join(home.path, `pki-${index}`))
  const ended = await createAll(home, directories)
  const winners = directories.filter((_, index) => ended[index]?.status === 0)
  expect(winners).toHaveLength(1)
  for (const one of ended.filter(({ status }) => status !== 0)) {
    expect([3, 4]).toContain(one.status)
    expect(errorOf(one).message).toMatch(/already|root of trust/)
  }
  const [winner = ''] = winners
  expect((await home.fpki(['ca', 'show', '--just-root'])).stdout).toBe(
    await readFile(join(winner, 'factory_ca.pem'), 'utf8'),
  )
  await expectWhole(home, winner)
  const [loser = ''] = directories.filter((directory) => directory !== winner)
  await expectRefusal(home, ['ca', 'create', loser, '--factory', 'acme'], {
    status: 3,
    code: 'ERR_FACTORY_IS_SET',
    names: ['acme', 'already has a root of trust'],
  })
})

test('a root set by another process in between is reported, and no certificate of the later one is uploaded', async () => {
  const home = await newHome()
  const late = join(home.path, 'late')
  const machine = thisMachine()
  const { signal } = new AbortController()
  const api = embeddedFactoryOn({ stateDirectory: home.state, factory: 'acme' }, { ...machine, signal })
  const interrupted: FactoryApi = {
    ...api,
    requestCsrs: async (order) => {
      const csrs = await api.requestCsrs(order)
      expect((await home.fpki(['ca', 'create', join(home.path, 'acme')])).status).toBe(0)
      return csrs
    },
  }
  const options: CreatePkiOptions = {
    ...{ directory: late, factory: 'acme', tlsNames: [], onlineCa: true },
    ...{ root: { kind: 'new-file' }, localCa: { kind: 'file' } },
  }
  const progress = { step: () => undefined, note: () => undefined, warn: () => undefined }
  await expect(createPki(options, { ...machine, api: interrupted, progress, signal })).rejects.toThrow(
    /acme already has a root of trust/,
  )
  await expectWhole(home, join(home.path, 'acme'))
})

test('a second process is refused at once; a killed one leaves no lock', async () => {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  const release = await holdFactory(home, 'acme')
  const waiting = await createUpTo('requests', { home, directory })
  await expectRefusal(home, ['ca', 'create', directory], {
    status: 3,
    code: 'ERR_LOCKED',
    names: [directory, 'Another fpki'],
  })
  waiting.kill('SIGKILL')
  expect(await waiting.ended).toMatchObject({ status: null, signal: 'SIGKILL' })
  await release()
  expect((await home.fpki(['ca', 'create', directory])).status).toBe(0)
  await expectWhole(home, directory)
})

test('create waits for another one on the same embedded factory', async () => {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  const release = await holdFactory(home, 'acme')
  const waiting = await createUpTo('requests', { home, directory })
  await release()
  expect((await waiting.ended).status).toBe(0)
  await expectWhole(home, directory)
})
