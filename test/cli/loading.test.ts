import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../support/cli.js'
import { copiedPki, type Made } from './made.js'

const BUNDLE = fileURLToPath(new URL('../../dist/cli', import.meta.url))

/** The files of the bundle that have @peculiar/x509. */
let library: readonly string[]

beforeAll(async () => {
  const names = (await readdir(BUNDLE)).filter((name) => name.endsWith('.js'))
  const texts = await Promise.all(names.map((name) => readFile(join(BUNDLE, name), 'utf8')))
  library = names.filter((_, at) => texts[at]?.includes('crypto.algorithmProvider'))
})

/** The scripts that a command has loaded, by V8's own account. */
async function loadedBy({ home }: Made, words: readonly string[]): Promise<readonly string[]> {
  const folder = await temporaryDirectory()
  const { status, stderr } = await home.fpki(words, { env: { NODE_V8_COVERAGE: folder } })
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  const reports = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')))
  const urls = reports.flatMap((text): { url: string }[] => JSON.parse(text).result)
  return urls.map(({ url }) => basename(url))
}

describe('the certificate library', () => {
  test('is loaded by a command that issues certificates', async () => {
    expect(library).toHaveLength(1)
    const made = await copiedPki()
    expect(await loadedBy(made, ['ca', 'rotate-tls', made.directory, '--quiet'])).toEqual(
      expect.arrayContaining([...library]),
    )
  })

  test.each([
    '--help',
    '--version',
    'ca show',
    'ca show --pretty',
    'ca verify DIR --skip-root-key',
    'ca status DIR',
    'ca log DIR',
  ])('is not loaded by fpki %s', async (words) => {
    const made = await copiedPki()
    const loaded = await loadedBy(made, words.replace('DIR', made.directory).split(' '))
    expect(loaded.length).toBeGreaterThan(1)
    expect(loaded.filter((name) => library.includes(name))).toEqual([])
  })
})
