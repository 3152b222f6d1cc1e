import { chmod, cp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type Home, newHome } from '../support/cli.js'
import { copiedPki } from './made.js'
import { ordinaryUser, someoneElsesDirectory } from './ordinary-user.js'
import { expectRefusal } from './refusal.js'

const FIOCTL_PKI = fileURLToPath(new URL('../fixtures/fioctl/file/pki', import.meta.url))

/** A HOME with something at `acme`, which `create` must refuse. */
async function homeWith(make: (path: string) => Promise<unknown>): Promise<{ home: Home; directory: string }> {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  await make(directory)
  return { home, directory }
}

describe('create refuses a path', () => {
  test('to a file', async () => {
    const { home, directory } = await homeWith((path) => writeFile(path, 'mine'))
    const refusal = { status: 3, code: 'ERR_STORAGE', names: [directory, 'ENOTDIR'] }
    await expectRefusal(home, ['ca', 'create', directory], refusal)
  })

  test('below a file', async () => {
    const { home, directory } = await homeWith((path) => writeFile(path, 'mine'))
    const below = join(directory, 'pki')
    await expectRefusal(home, ['ca', 'create', below], { status: 3, code: 'ERR_STORAGE', names: [below, 'ENOTDIR'] })
  })

  test('to a symbolic link to itself', async () => {
    const { home, directory } = await homeWith((path) => symlink(path, path))
    const refusal = { status: 3, code: 'ERR_STORAGE', names: [directory, 'ELOOP'] }
    await expectRefusal(home, ['ca', 'create', directory], refusal)
  })

  test('with a name too long for the file system', async () => {
    const home = await newHome()
    const directory = join(home.path, 'a'.repeat(256))
    const refusal = { status: 3, code: 'ERR_STORAGE', names: [directory, 'ENAMETOOLONG'] }
    await expectRefusal(home, ['ca', 'create', directory, '--factory', 'acme'], refusal)
  })

  test('whose .fpki is a file', async () => {
    const { home, directory } = await homeWith(async (path) => {
      await mkdir(path, { mode: 0o700 })
      await writeFile(join(path, '.fpki'), 'mine')
    })
    const refusal = { status: 3, code: 'ERR_STORAGE', names: [join(directory, '.fpki'), 'ENOTDIR'] }
    await expectRefusal(home, ['ca', 'create', directory], refusal)
  })
})

describe('create refuses a directory with a PKI', () => {
  const names = ['factory_ca.key', 'Nothing was changed']

  test('created by fpki', async () => {
    const { home, directory } = await copiedPki()
    const refusal = { status: 3, code: 'ERR_EXISTS', names: [directory, ...names] }
    for (const words of [[], ['--factory', 'other'], ['--no-local-ca']]) {
      await expectRefusal(home, ['ca', 'create', directory, ...words], refusal)
    }
  })

  test('created by fioctl', async () => {
    const { home, directory } = await homeWith((path) => cp(FIOCTL_PKI, path, { recursive: true }))
    await chmod(directory, 0o700)
    const refusal = { status: 3, code: 'ERR_EXISTS', names: [directory, ...names] }
    await expectRefusal(home, ['ca', 'create', directory], refusal)
  })

  test.each(['factory_ca.key', 'factory_ca.pem', 'tls-crt', 'online-crt', 'local-ca.key', 'local-ca.pem'])(
    'as far as there is a %s',
    async (name) => {
      const { home, directory } = await homeWith((path) => mkdir(path, { mode: 0o700 }))
      await cp(join(FIOCTL_PKI, name), join(directory, name))
      const refusal = { status: 3, code: 'ERR_EXISTS', names: [directory, name] }
      await expectRefusal(home, ['ca', 'create', directory], refusal)
    },
  )

  test('with a dangling symbolic link in place of a file', async () => {
    const { home, directory } = await homeWith((path) => mkdir(path, { mode: 0o700 }))
    await symlink(join(home.path, 'usb', 'factory_ca.key'), join(directory, 'factory_ca.key'))
    const refusal = { status: 3, code: 'ERR_EXISTS', names: [directory, 'factory_ca.key'] }
    await expectRefusal(home, ['ca', 'create', directory], refusal)
  })
})

describe('create refuses a directory that others can modify', () => {
  test.each(['0777', '0775', '0702', '1777', '0770'])('mode %s', async (mode) => {
    const { home, directory } = await homeWith((path) => mkdir(path))
    await chmod(directory, Number.parseInt(mode, 8))
    const names = [directory, `mode ${mode}`, 'chmod']
    await expectRefusal(home, ['ca', 'create', directory], { status: 3, code: 'ERR_PERMISSIONS', names })
  })

  test('because another user owns it', async () => {
    const user = await ordinaryUser()
    const directory = await someoneElsesDirectory()
    const names = [directory, 'owner', 'chown']
    const words = ['ca', 'create', directory, '--factory', 'acme']
    await expectRefusal(user, words, { status: 3, code: 'ERR_PERMISSIONS', names })
  })

  test('even as root', async () => {
    const home = await newHome()
    const directory = await someoneElsesDirectory()
    const words = ['ca', 'create', directory, '--factory', 'acme']
    await expectRefusal(home, words, { status: 3, code: 'ERR_PERMISSIONS', names: [directory, 'owner'] })
  })
})

describe('create refuses a directory without write permission', () => {
  test.each([
    ['itself', 'acme', 0o500],
    ['its parent', join('acme', 'pki'), 0o500],
    ['not even to be looked at', 'acme', 0o000],
  ])('%s', async (_, name, mode) => {
    const user = await ordinaryUser()
    const locked = join(user.path, 'acme')
    await mkdir(locked)
    await user.own(locked, mode)
    const words = ['ca', 'create', join(user.path, name), '--factory', 'acme']
    const refusal = { status: 3, code: 'ERR_STORAGE', names: [join(user.path, name), 'EACCES', 'permission denied'] }
    await expectRefusal(user, words, refusal)
    await user.own(locked, 0o700)
    expect((await user.fpki(words)).status).toBe(0)
  })

  test('and a state directory without write permission', async () => {
    const user = await ordinaryUser()
    await mkdir(join(user.path, 'state'))
    await user.own(join(user.path, 'state'), 0o500)
    const env = { FPKI_STATE_DIR: join(user.path, 'state') }
    const words = ['ca', 'create', join(user.path, 'acme')]
    const failed = await user.fpki(words, { env })
    expect(failed).toMatchObject({ status: 3, stdout: '' })
    expect(failed.stderr).toMatch(/cannot write to .*state.*: no write permission for .*\[ERR_STORAGE\]/)
    await user.own(join(user.path, 'state'), 0o700)
    expect((await user.fpki(words, { env })).status).toBe(0)
  })
})

describe('create refuses a factory', () => {
  test('that has a root, without creating the second directory', async () => {
    const { home } = await copiedPki()
    const names = [
      'The factory acme (from --factory) already has a root of trust',
      'fpki ca show --pretty --factory acme',
    ]
    const words = ['ca', 'create', join(home.path, 'second'), '--factory', 'acme']
    await expectRefusal(home, words, { status: 3, code: 'ERR_FACTORY_IS_SET', names })
  })
})

test('the message about a PKI without files has no empty list', async () => {
  const { home, directory } = await copiedPki()
  for (const name of (await readdir(directory)).filter((name) => name !== '.fpki')) await rm(join(directory, name))
  await expectRefusal(home, ['ca', 'create', directory], { status: 3, code: 'ERR_EXISTS', names: [directory] })
  expect((await home.fpki(['ca', 'create', directory])).stderr).not.toContain('()')
})

test('create accepts a symbolic link to an empty directory of the user', async () => {
  const home = await newHome()
  await mkdir(join(home.path, 'usb'), { mode: 0o700 })
  await symlink(join(home.path, 'usb'), join(home.path, 'acme'))
  expect((await home.fpki(['ca', 'create', join(home.path, 'acme')])).status).toBe(0)
})
