import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { errorDocument } from '../../src/cli/documents.js'
import { addDeviceCaResult, certifyServerResult, showPkiResult } from '../../src/index.js'
import { type Ended, output } from '../support/cli.js'
import { ALL_POINTS } from '../support/points.js'
import { serve } from '../support/served.js'
import { deviceCaSerials } from './device-cas.js'
import { copiedPki, type Made, x509 } from './made.js'
import { namesBelow } from './snapshot.js'

/** How many begin at once, and how often; `npm run test:all` has more of both. */
const [MANY, ROUNDS] = ALL_POINTS ? [20, 5] : [10, 3]

/** Runs the same command in so many processes at once. */
function atOnce({ home }: Made, count: number, words: readonly string[]): Promise<readonly Ended[]> {
  return Promise.all(Array.from({ length: count }, () => home.spawn([...words, '--json'])))
}

/** Those that worked; each of the others was refused, exit 3, with one of these codes. */
function winners(ended: readonly Ended[], codes: readonly string[]): readonly unknown[] {
  for (const { status, stdout } of ended.filter((one) => one.status !== 0)) {
    expect(status, stdout).toBe(3)
    expect(codes).toContain(errorDocument.parse(JSON.parse(stdout)).error.code)
  }
  return ended.filter(({ status }) => status === 0).map(({ stdout }): unknown => JSON.parse(stdout))
}

/** No file is half done, and every certificate in its place is one that the API has. */
async function expectWhole(made: Made, names: readonly string[]): Promise<void> {
  const { home, path, text } = made
  const all = (await home.fpki(['ca', 'show'])).stdout
  for (const name of names) {
    expect(await output('openssl', ['verify', '-CAfile', path('factory_ca.pem'), path(name)])).toContain('OK')
    expect(all).toContain(await text(name))
  }
  expect((await namesBelow(home.path)).filter((name) => name.endsWith('.fpki-unfinished'))).toEqual([])
  expect(await readdir(path('.fpki/pending'))).toEqual([])
}

test(`one of ${MANY} processes that add the same local-ca succeeds, the others are refused`, async () => {
  const made = await copiedPki()
  const words = ['ca', 'add-device-ca', made.directory, '--local-ca', '--local-ca-filename', 'site-b.pem']
  const documents = winners(await atOnce(made, MANY, words), ['ERR_LOCKED', 'ERR_EXISTS'])
  expect(documents).toHaveLength(1)
  expect(addDeviceCaResult.parse(documents[0]).added[0]?.pem).toBe(await made.text('site-b.pem'))
  await expectWhole(made, ['tls-crt', 'online-crt', 'local-ca.pem', 'site-b.pem'])
  const key = await output('openssl', ['pkey', '-in', made.path('site-b.key'), '-pubout'])
  expect(key.trim()).toBe(await x509(made.path('site-b.pem'), '-pubkey'))
})

test(`of ${MANY} processes that rotate, some succeed one after another, the others are refused`, async () => {
  const made = await copiedPki()
  const first = await made.text('tls-crt')
  const documents = winners(await atOnce(made, MANY, ['ca', 'rotate-tls', made.directory]), ['ERR_LOCKED'])
  const rotated = documents.map((document) => certifyServerResult.parse(document))
  expect(rotated.length).toBeGreaterThan(0)
  const names = (await readdir(made.directory)).filter((name) => name.startsWith('tls-crt'))
  // Every version is there once: the first, and one of each that worked.
  const texts = await Promise.all(names.map(made.text))
  expect(texts.toSorted()).toEqual([first, ...rotated.map(({ certificate }) => certificate.pem)].toSorted())
  await expectWhole(made, ['tls-crt', 'online-crt', 'local-ca.pem'])
})

test('a concurrent `ca show` prints the PKI before or after a change, never a part', async () => {
  const made = await copiedPki()
  const [changed, shown] = await Promise.all([
    made.home.spawn(['ca', 'add-device-ca', made.directory, '--online-ca', '--local-ca', '--local-ca-filename', 'b']),
    atOnce(made, MANY - 1, ['ca', 'show']),
  ])
  expect(changed.status).toBe(0)
  for (const document of winners(shown, [])) expect([2, 4]).toContain(showPkiResult.parse(document).deviceCas.length)
  expect(winners(shown, [])).toHaveLength(MANY - 1)
})

/** Both directories add a local CA at once, in `rounds` rounds; each that exits 0 must be in the Factory API afterwards. */
async function addInRounds(
  made: Made,
  rounds: number,
  run: (words: readonly string[]) => Promise<Ended>,
): Promise<readonly string[]> {
  const directories = [made.directory, join(made.home.path, 'other')]
  await cp(made.directory, directories[1] ?? '', { recursive: true })
  const added: string[] = []
  for (let round = 0; round < rounds; round++) {
    const name = `site-${round}`
    const ended = await Promise.all(
      directories.map((path) =>
        run(['ca', 'add-device-ca', path, '--local-ca', '--local-ca-filename', name, '--json', '--factory', 'acme']),
      ),
    )
    for (const { status, stdout } of ended) {
      expect({ status, stdout }).toMatchObject({ status: 0 })
      added.push(...addDeviceCaResult.parse(JSON.parse(stdout)).added.map(({ serial }) => serial))
    }
  }
  return added
}

test('two directories of one factory can add device CAs concurrently', async () => {
  const made = await copiedPki()
  const added = await addInRounds(made, ROUNDS, (words) => made.home.fpki(words))
  expect(added).toHaveLength(2 * ROUNDS)
  expect(await deviceCaSerials(made)).toEqual(expect.arrayContaining([...added]))
})

test('the same through a served Factory API', async () => {
  const made = await copiedPki()
  const server = await serve([], made.home)
  const client = server.client(await server.token('--factory', 'acme'))
  const added = await addInRounds(made, 3, (words) => client.run(words))
  expect(added).toHaveLength(6)
  expect(await deviceCaSerials(made)).toEqual(expect.arrayContaining([...added]))
})
