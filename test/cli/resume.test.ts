import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bundledScript } from '../support/bundles.js'
import { type Home, newHome, output, runProgram } from '../support/cli.js'
import { editJournal } from '../support/journal.js'
import { certificatesInState } from '../support/state.js'

const KILLED_CREATE = bundledScript('killed-create')

/** A `ca create` that was killed after the write of the journal that says that `step` starts. */
async function killedAt(step: string): Promise<{ readonly home: Home; readonly directory: string }> {
  const write = ['keys', 'requests', 'certificates', 'upload'].indexOf(step) + 1
  const home = await newHome()
  const directory = join(home.path, 'acme')
  const words = [KILLED_CREATE, directory, home.state, String(write), 'after']
  expect((await runProgram(process.execPath, words)).signal).toBe('SIGKILL')
  return { home, directory }
}

test('a create whose state.json was lost in a power failure writes it again', async () => {
  const { home, directory } = await killedAt('keys')
  const state = join(directory, '.fpki', 'state.json')
  const lost = await readFile(state, 'utf8')
  await rm(state)
  expect(await home.fpki(['ca', 'create', directory, '--quiet'])).toMatchObject({ status: 0, stderr: '' })
  expect(JSON.parse(await readFile(state, 'utf8'))).toEqual(JSON.parse(lost))
})

describe('the root is not set', () => {
  test.each(['factory_ca.key', 'factory_ca.pem', 'tls-crt', 'online-crt', 'local-ca.key', 'local-ca.pem'])(
    'when %s was lost after the interruption',
    async (name) => {
      const { home, directory } = await killedAt('upload')
      await rm(join(directory, name))
      const { status, stderr } = await home.fpki(['ca', 'create', directory])
      expect(stderr).toContain(join(directory, name))
      expect(status).toBe(6)
      expect(await certificatesInState(home)).toBeNull()
    },
  )

  test.each(['factory_ca.key', 'local-ca.key'])('when %s was exchanged after the interruption', async (name) => {
    const { home, directory } = await killedAt('upload')
    const key = await output('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout'])
    await rm(join(directory, name))
    await writeFile(join(directory, name), key, { mode: 0o400 })
    const { status, stderr } = await home.fpki(['ca', 'create', directory])
    expect(stderr).toContain(`${join(directory, name)} is not the key of`)
    expect(status).toBe(6)
    expect(await certificatesInState(home)).toBeNull()
  })
})

test('a .fpki that others can write to is refused', async () => {
  const { home, directory } = await killedAt('certificates')
  await chmod(join(directory, '.fpki'), 0o777)
  const { status, stderr } = await home.fpki(['ca', 'create', directory])
  expect(stderr).toContain('[ERR_PERMISSIONS]')
  expect(stderr).toContain(join(directory, '.fpki'))
  expect(status).toBe(3)
})

test('a directory whose parent everybody can write to is refused', async () => {
  const home = await newHome()
  await mkdir(join(home.path, 'open'))
  await chmod(join(home.path, 'open'), 0o777)
  const { status, stderr } = await home.fpki(['ca', 'create', join(home.path, 'open', 'acme')])
  expect(stderr).toContain(join(home.path, 'open'))
  expect(stderr).toContain('[ERR_PERMISSIONS]')
  expect(status).toBe(3)
})

test('a lost state of the Factory API is reported as the reason', async () => {
  const { home, directory } = await killedAt('upload')
  await rm(home.state, { recursive: true })
  const { status, stderr } = await home.fpki(['ca', 'create', directory])
  expect(stderr).toContain('restore it from a backup')
  expect(status).toBe(4)
})

test.each([
  ['a fact that it lacks', { facts: {} }, '"facts.keys" is invalid'],
  ['a fact that is none', { facts: { keys: { rootKey: 'x', localCaKey: null } } }, '"facts.keys.rootKey" is invalid'],
  ['a step that nobody knows', { steps: [{ name: 'dance', state: 'pending' }] }, 'dance'],
  ['no step', { steps: [] }, 'journal'],
])('a journal with %s is not resumed', async (_, change, named) => {
  const { home, directory } = await killedAt('certificates')
  await editJournal(directory, (journal) => ({ ...journal, ...change }))
  const { status, stderr } = await home.fpki(['ca', 'create', directory])
  expect(stderr).toContain(named)
  expect([3, 6]).toContain(status)
  expect(await certificatesInState(home)).toBeNull()
})
