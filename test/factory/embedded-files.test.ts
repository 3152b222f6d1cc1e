import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { embeddedFactories, embeddedFactory } from '../../src/factory/embedded/index.js'
import { thisMachine } from '../../src/machine/index.js'
import { pemSigner } from '../../src/signer/file.js'
import { newRoot } from '../support/issue.js'
import { csrOf, type Embedded, filesIn, localCaOf, newFactory, newFactoryWithRoot, pemOf } from './support/embedded.js'

const { files } = thisMachine()

/** Everything that the API can be asked. */
const CALLS: Readonly<Record<string, (factory: Pick<Embedded, 'api'>) => Promise<unknown>>> = {
  getCertificates: ({ api }) => api.getCertificates(),
  getUser: ({ api }) => api.getUser(),
  requestCsrs: ({ api }) => api.requestCsrs({ firstTimeInit: false, kinds: ['tls'] }),
  updateCertificates: async ({ api }) => api.updateCertificates({ rootCrt: pemOf((await newRoot()).certificate) }),
}

describe('the files of a factory', () => {
  test('are not created by reading its certificates', async () => {
    const { api, stateDirectory } = await newFactory()
    expect(await api.getCertificates()).toBeNull()
    await expect(stat(stateDirectory)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await embeddedFactories(files, stateDirectory)).toEqual([])
  })

  test('are in folders of mode 0700', async () => {
    const { api, stateDirectory, folder } = await newFactory()
    await api.getUser()
    for (const path of [stateDirectory, join(stateDirectory, 'factories'), folder, join(folder, 'keys')]) {
      expect([path, ((await stat(path)).mode & 0o7777).toString(8)]).toEqual([path, '700'])
    }
  })

  test('are refused when others can write to their folder', async () => {
    const { api, folder } = await newFactory()
    await mkdir(folder, { recursive: true })
    await chmod(folder, 0o777)
    const refused = { code: 'ERR_PERMISSIONS', message: expect.stringContaining(folder) }
    await expect(api.requestCsrs({ firstTimeInit: true, kinds: ['tls'] })).rejects.toMatchObject(refused)
    await expect(api.getUser()).rejects.toMatchObject(refused)
    expect(Object.keys(await filesIn(folder))).toEqual([])
  })

  test('are an error that names the path when a file is in the way', async () => {
    const { api, stateDirectory } = await newFactory()
    await writeFile(stateDirectory, 'not a directory')
    await expect(api.getUser()).rejects.toMatchObject({
      name: 'FpkiError',
      message: expect.stringContaining(stateDirectory),
    })
    expect(await readFile(stateDirectory, 'utf8')).toBe('not a directory')
  })
})

describe('a damaged state file', () => {
  const breaks: readonly (readonly [string, (text: string) => string, string])[] = [
    ['is empty', () => '', 'not JSON written by fpki'],
    ['is not JSON', () => 'factory: acme', 'not JSON written by fpki'],
    ['is truncated', (text) => text.slice(0, text.length / 2), 'not JSON written by fpki'],
    ['is another JSON value', () => '[]', 'not JSON written by fpki'],
    ['is of another version', (text) => text.replace('"version": 1', '"version": 2'), '"version" is invalid'],
    ['has a user id of another form', (text) => text.replace(/"userId": "../, '"userId": "X/'), '"userId" is invalid'],
    ['lacks its requests', (text) => text.replace('"csrs"', '"others"'), '"csrs" is invalid'],
    [
      'has a request of an unknown kind',
      (text) => text.replace('"kind": "tls"', '"kind": "ssh"'),
      '"csrs.0.kind" is invalid',
    ],
    [
      'has a request with the generation 0',
      (text) => text.replace('"generation": 1', '"generation": 0'),
      '"csrs.0.generation" is invalid',
    ],
    [
      'has no root but other certificates',
      (text) => text.replace(/"rootCrt": ".*?"/, '"rootCrt": null'),
      '"certificates.rootCrt" is invalid',
    ],
  ]

  test.each(breaks)(
    'that %s is ERR_BAD_FILE with its path and reason, and nothing is changed',
    async (_, breakIt, reason) => {
      const factory = await newFactoryWithRoot()
      await csrOf(factory.api, 'tls')
      const path = join(factory.folder, 'factory.json')
      const broken = breakIt(await readFile(path, 'utf8'))
      await writeFile(path, broken)
      const before = await filesIn(factory.stateDirectory)
      for (const [name, call] of Object.entries(CALLS)) {
        await expect(call(factory), name).rejects.toMatchObject({
          code: 'ERR_BAD_FILE',
          message: `${path} is damaged: ${reason}.`,
          hint: expect.stringContaining('Nothing was changed'),
        })
      }
      expect(await filesIn(factory.stateDirectory)).toEqual(before)
    },
  )

  test('with unknown members is refused as well', async () => {
    const factory = await newFactory()
    await factory.api.getUser()
    const path = join(factory.folder, 'factory.json')
    await writeFile(path, (await readFile(path, 'utf8')).replace('{', '{ "more": 1,'))
    await expect(factory.api.getUser()).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
  })

  test('of one factory does not affect another', async () => {
    const factory = await newFactory()
    await factory.api.getUser()
    await writeFile(join(factory.folder, 'factory.json'), '')
    expect(await factory.again({ factory: 'other' }).getCertificates()).toBeNull()
  })
})

describe('two callers at once', () => {
  test('both get the same response', async () => {
    const factory = await newFactory()
    const orders = Array.from({ length: 4 }, () =>
      factory.again().requestCsrs({ firstTimeInit: true, kinds: ['tls', 'ca'] }),
    )
    const answers = await Promise.all(orders)
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    const keys = Object.keys(await filesIn(join(factory.folder, 'keys')))
    expect(keys.toSorted()).toEqual(['ca-1.key', 'tls-1.key'])
  })

  test('are the same new user', async () => {
    const factory = await newFactory()
    const users = await Promise.all(Array.from({ length: 4 }, () => factory.again().getUser()))
    expect(new Set(users.map(({ polisId }) => polisId)).size).toBe(1)
  })

  test('lose no update', async () => {
    const factory = await newFactoryWithRoot()
    const [caCrt, csr] = [
      await localCaOf(factory.api, factory.root),
      factory.again().requestCsrs({ firstTimeInit: false, kinds: ['estTls'] }),
    ]
    await Promise.all([factory.again().updateCertificates({ caCrt }), csr])
    expect((await factory.api.getCertificates())?.caCrt).toBe(caCrt)
    expect(await csrOf(factory.api, 'estTls')).toBe((await csr).estTls)
  })

  test('cannot both set the root', async () => {
    const factory = await newFactory()
    const roots = await Promise.all([newRoot(), newRoot(), newRoot()])
    const updates = roots.map(({ certificate }) => factory.again().updateCertificates({ rootCrt: pemOf(certificate) }))
    const outcomes = await Promise.allSettled(updates)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const won = roots[outcomes.findIndex(({ status }) => status === 'fulfilled')]
    expect((await factory.api.getCertificates())?.rootCrt).toBe(won && pemOf(won.certificate))
  })
})

describe('the lock', () => {
  test('is waited for', async () => {
    const factory = await newFactoryWithRoot()
    const lock = await files.lock(join(factory.folder, 'lock'))
    let isAnswered = false
    const answer = csrOf(factory.api, 'tls').then((csr) => {
      isAnswered = true
      return csr
    })
    await delay(300)
    expect(isAnswered).toBe(false)
    await lock?.release()
    expect(await answer).toContain('CERTIFICATE REQUEST')
  })

  test('is not needed to read', async () => {
    const factory = await newFactoryWithRoot()
    const lock = await files.lock(join(factory.folder, 'lock'))
    expect((await factory.api.getCertificates())?.rootCrt).toBe(pemOf(factory.root.certificate))
    await lock?.release()
  })

  test('is no longer waited for when the caller is interrupted', async () => {
    const factory = await newFactoryWithRoot()
    const lock = await files.lock(join(factory.folder, 'lock'))
    const [controller, reason] = [new AbortController(), new Error('interrupted')]
    const answer = csrOf(factory.again({ signal: controller.signal }), 'tls')
    const seen = expect(answer).rejects.toBe(reason)
    await delay(150)
    controller.abort(reason)
    await seen
    await lock?.release()
  })

  test('fails with ERR_LOCKED after a hundred attempts', async () => {
    const factory = await newFactoryWithRoot()
    const lock = await files.lock(join(factory.folder, 'lock'))
    const waits: number[] = []
    const impatient = embeddedFactory({
      ...thisMachine(),
      stateDirectory: factory.stateDirectory,
      factory: 'acme',
      tlsNames: [],
      keys: { newPem: () => thisMachine().random.ecPrivateKey('P-256').pem, open: pemSigner },
      sleep: async (milliseconds) => {
        waits.push(milliseconds)
      },
    })
    await expect(csrOf(impatient, 'tls')).rejects.toMatchObject({
      code: 'ERR_LOCKED',
      message: expect.stringContaining('the embedded factory acme'),
    })
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBe(10_000)
    await lock?.release()
    expect(await csrOf(impatient, 'tls')).toContain('CERTIFICATE REQUEST')
  })

  test('is released when a call is refused', async () => {
    const factory = await newFactoryWithRoot()
    await expect(factory.api.updateCertificates({ tlsCrt: 'text' })).rejects.toMatchObject({ status: 400 })
    const lock = await files.lock(join(factory.folder, 'lock'))
    expect(lock).not.toBeNull()
    await lock?.release()
  })
})
