import { chmod, mkdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newHome } from '../support/cli.js'
import { editJournal } from '../support/journal.js'
import { interruptedCreate } from './interruption.js'
import { copiedPki, editCertificates, editJson } from './made.js'
import { expectRefusal } from './refusal.js'

/** Ways in which a JSON file of fpki's can be broken; what the message says beside its path. */
const BROKEN: Readonly<Record<string, { readonly spoil: (path: string) => Promise<unknown>; readonly says: string }>> =
  {
    'no JSON': { spoil: (path) => writeFile(path, 'not JSON {'), says: 'is damaged' },
    'an empty file': { spoil: (path) => writeFile(path, ''), says: 'is damaged' },
    'half of what it was': { spoil: (path) => truncate(path, 300), says: 'is damaged' },
    'octets that are no text': { spoil: (path) => writeFile(path, Buffer.alloc(64, 0xff)), says: 'is damaged' },
    'JSON of another kind': { spoil: (path) => writeFile(path, '[]'), says: 'is damaged' },
    'a version of the future': {
      spoil: (path) => editJson(path, (content) => ({ ...content, version: 99 })),
      says: '"version"',
    },
    'far too much': { spoil: (path) => truncate(path, 17 * 1024 * 1024), says: 'too large' },
  }

describe('a state file of the embedded factory with', () => {
  test.each(Object.entries(BROKEN))('%s stops show and create with its path', async (_, { spoil, says }) => {
    const { home, stateFile } = await copiedPki()
    await spoil(stateFile)
    const refusal = { status: 6, code: 'ERR_BAD_FILE', names: [stateFile, says] }
    await expectRefusal(home, ['ca', 'show'], refusal)
    await expectRefusal(home, ['ca', 'create', join(home.path, 'new'), '--factory', 'acme'], refusal)
  })

  test.each([
    ['userId', 42],
    ['userId', '../../etc'],
    ['csrs', 'none'],
    ['certificates', []],
    ['factory', null],
  ])('an invalid member %s %j is reported by name', async (member, value) => {
    const { home, stateFile } = await copiedPki()
    await editJson(stateFile, (content) => ({ ...content, [member]: value }))
    const refusal = { status: 6, code: 'ERR_BAD_FILE', names: [stateFile, `"${member}"`] }
    await expectRefusal(home, ['ca', 'show'], refusal)
  })

  test.each([
    ['rootCrt', 'root-crt'],
    ['tlsCrt', 'tls-crt'],
    ['caCrt', 'ca-crt'],
  ])('an invalid certificate as %s stops show', async (member, name) => {
    const made = await copiedPki()
    for (const text of ['nonsense', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n']) {
      await editCertificates(made, { [member]: text })
      const { status, stdout, stderr } = await made.home.fpki(['ca', 'show'])
      expect({ status, stdout }).toEqual({ status: 6, stdout: '' })
      expect(stderr).toContain(name)
    }
  })
})

test('a directory in place of the state file is refused', async () => {
  const { home, stateFile } = await copiedPki()
  await rm(stateFile)
  await mkdir(stateFile)
  await expectRefusal(home, ['ca', 'show'], { status: 3, code: 'ERR_STORAGE', names: [stateFile, 'EISDIR'] })
})

test('a state directory that others can modify is refused', async () => {
  const home = await newHome()
  const folder = join(home.state, 'factories', 'acme')
  await mkdir(folder, { recursive: true })
  await chmod(folder, 0o777)
  const { status, stderr } = await home.fpki(['ca', 'create', join(home.path, 'acme')])
  expect(status).toBe(3)
  expect(stderr).toContain(folder)
  expect(stderr).toContain('[ERR_PERMISSIONS]')
})

describe('a journal with', () => {
  test.each(Object.entries(BROKEN))('%s stops create with its path', async (_, { spoil, says }) => {
    const { home, directory, path } = await copiedPki()
    const journal = path('.fpki/journal.jsonl')
    if (says === '"version"') await editJournal(directory, (content) => ({ ...content, version: 99 }))
    else await spoil(journal)
    const refusal = { status: 6, code: 'ERR_BAD_FILE', names: [journal, says] }
    await expectRefusal(home, ['ca', 'create', directory], refusal)
  })
})

describe('an interrupted create', () => {
  test.each([
    ['--no-online-ca', '--online-ca true'],
    ['--local-ca=false', '--local-ca true'],
    ['--factory=other', '--factory acme'],
    ['--tls-name=gw.example', '--tls-name (not given)'],
  ])('is not finished with %s, and its original options are reported', async (flag, begun) => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    await interruptedCreate(home, directory)
    const names = [directory, begun, 'Finish it with `fpki ca resume']
    await expectRefusal(home, ['ca', 'create', directory, flag], { status: 3, code: 'ERR_UNFINISHED', names })
  })

  test('reports another state directory too', async () => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    await interruptedCreate(home, directory)
    const refusal = { status: 3, code: 'ERR_UNFINISHED', names: [directory, `--api embedded (${home.state})`] }
    const start = { env: { FPKI_STATE_DIR: join(home.path, 'other') } }
    await expectRefusal(home, ['ca', 'create', directory], refusal, start)
  })
})
