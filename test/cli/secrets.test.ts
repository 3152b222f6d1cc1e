import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Ended, FPKI, newHome, runProgram, temporaryDirectory } from '../support/cli.js'
import { cutOffIn, editJournal } from '../support/journal.js'
import { interruptedCreate } from './interruption.js'
import { copiedPki, type Made, madePki } from './made.js'
import { found, secretForms } from './secret-forms.js'
import { modes } from './snapshot.js'

/** Secrets that the environment may hold for other commands, or for none. */
const ENVIRONMENT = {
  // With tokens for others, nothing is guessed.
  FPKI_API: 'embedded',
  FPKI_HSM_PIN: 'pin-7f3a9c',
  FPKI_PASSPHRASE: 'passphrase-7f3a9c',
  FIOCTL_TOKEN: 'token-7f3a9c',
  FPKI_TOKEN: 'other-token-7f3a9c',
}
const MARK = '7f3a9c'

function expectNoSecret({ stdout, stderr }: Ended, secrets: readonly string[]): void {
  expect(found([...secrets, MARK, 'PRIVATE KEY'], `${stdout}${stderr}`)).toEqual([])
}

test('the forms that these tests look for are those of the keys', async () => {
  const { home, text } = await copiedPki()
  const secrets = await secretForms(home.path)
  const pem = await text('factory_ca.key')
  expect(found(secrets, pem).length).toBeGreaterThan(3)
  const der = await runProgram('openssl', ['pkey', '-text', '-noout'], { stdin: pem })
  expect(found(secrets, der.stdout.replace(/\n\s*/g, '')).length).toBeGreaterThan(0)
  expect(secrets.length).toBeGreaterThanOrEqual(4 * 10)
})

describe('no secret is printed', () => {
  const LOUD = ['--verbose', '--json']

  test.each([[], ['--verbose'], LOUD])('by create %s', async (...flags) => {
    const home = await newHome()
    const ended = await home.fpki(['ca', 'create', join(home.path, 'acme'), ...flags], { env: ENVIRONMENT })
    expect(ended.status).toBe(0)
    expectNoSecret(ended, await secretForms(home.path))
  })

  test('by show, in any form', async () => {
    const { home } = await copiedPki()
    const secrets = await secretForms(home.path)
    for (const flags of [[], ['--pretty', '--verbose'], LOUD, ['--just-root'], ['--just-device-cas']]) {
      const ended = await home.fpki(['ca', 'show', ...flags], { env: ENVIRONMENT })
      expect(ended.status).toBe(0)
      expectNoSecret(ended, secrets)
    }
  })

  test('by refusals', async () => {
    const { home, directory } = await copiedPki()
    const secrets = await secretForms(home.path)
    for (const words of [
      ['ca', 'create', directory],
      ['ca', 'create', join(home.path, 'second'), '--factory', 'acme'],
      ['ca', 'create', join(directory, 'factory_ca.key')],
      ['ca', 'create', 'relative'],
      ['ca', 'show', '--factory', 'other'],
      ['ca', 'show', '--nope'],
    ]) {
      for (const flags of [['--verbose'], LOUD]) {
        const ended = await home.fpki([...words, ...flags], { env: ENVIRONMENT })
        expect(ended.status).not.toBe(0)
        expectNoSecret(ended, secrets)
      }
    }
  })

  test.each(['factory_ca.key', 'local-ca.key'])('by a create that finds its %s broken', async (name) => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    await interruptedCreate(home, directory, ['--local-ca'])
    const secrets = await secretForms(directory)
    const key = await readFile(join(directory, 'factory_ca.key'), 'utf8')
    await rm(join(directory, name), { force: true })
    const brokenKey = key.replace(/\n-----END/, 'AA\n-----END').replace('EC PRIVATE', 'PRIVATE')
    await writeFile(join(directory, name), brokenKey, { mode: 0o400 })
    await editJournal(directory, (journal) => cutOffIn(journal, 'keys'))
    const ended = await home.fpki(['ca', 'create', directory, '--verbose'], { env: ENVIRONMENT })
    expect(ended.status).toBe(6)
    expect(ended.stderr).toContain(`${name} holds a broken PEM block`)
    expect(found([...secrets, MARK], `${ended.stdout}${ended.stderr}`)).toEqual([])
  })

  test('by a create that finds a key where a certificate should be', async () => {
    const { home, directory } = await madePki()
    const secrets = await secretForms(directory)
    await editJournal(directory, (journal) => cutOffIn(journal, 'certificates'))
    const key = await readFile(join(directory, 'factory_ca.key'))
    await rm(join(directory, 'local-ca.pem'))
    await writeFile(join(directory, 'local-ca.pem'), key)
    const ended = await home.fpki(['ca', 'create', directory, '--verbose', '--json'])
    expect(ended.status).toBe(6)
    expect(found(secrets, `${ended.stdout}${ended.stderr}`)).toEqual([])
  })
})

describe('no secret is written', () => {
  test('outside of the key files', async () => {
    const { home } = await madePki(['--verbose'])
    const secrets = await secretForms(home.path)
    const names = (await readdir(home.path, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.key'))
      .map((entry) => join(entry.parentPath, entry.name))
    expect(names.map((name) => name.replace(/^.*\//, ''))).toEqual(
      expect.arrayContaining(['journal.jsonl', 'state.json', 'factory.json', 'factory_ca.pem']),
    )
    for (const name of names) expect(found(secrets, await readFile(name, 'latin1'))).toEqual([])
  })

  test('into a file that others can read', async () => {
    const { home } = await madePki()
    const keys = Object.entries(await modes(home.path)).filter(([name]) => name.endsWith('.key'))
    expect(keys).toHaveLength(4)
    for (const [, mode] of keys) expect(mode).toMatch(/^file [46]00$/)
  })
})

describe('no secret goes to another program', () => {
  test('in its arguments or its environment, which is PATH alone', async () => {
    const home = await newHome()
    const { programs, secrets } = await programsOf(['ca', 'create', join(home.path, 'acme'), '--verbose'], home.path)
    expect(programs.length).toBeGreaterThan(1)
    for (const program of programs) {
      expect(program).toMatch(/^execve\("[^"]*\/flock", \["flock", "-n", "3"\], \["PATH=[^"]*"\]/)
      expect(found([...secrets, MARK], program)).toEqual([])
    }
  })

  test('by show, which starts none', async () => {
    const { home }: Made = await copiedPki()
    const { programs } = await programsOf(['ca', 'show', '--pretty'], home.path)
    expect(programs).toEqual([])
  })
})

/** What fpki starts, as strace(1) sees it: each try to execute a program, with its arguments and environment. */
async function programsOf(words: readonly string[], home: string) {
  const log = join(await temporaryDirectory(), 'strace')
  const trace = ['-f', '-v', '-qq', '-e', 'trace=execve', '-e', 'signal=none', '-s', '10000', '-o', log]
  const { status } = await runProgram('strace', [...trace, process.execPath, FPKI, ...words], {
    env: { HOME: home, ...ENVIRONMENT },
  })
  expect(status).toBe(0)
  const [itself, ...programs] = (await readFile(log, 'utf8')).match(/execve\(.*/g) ?? []
  expect(itself).toContain(MARK)
  return { programs, secrets: await secretForms(home) }
}
