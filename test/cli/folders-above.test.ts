import { chmod, chown, mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { verifyPkiResult } from '../../src/index.js'
import { newHome, runProgram } from '../support/cli.js'
import { ordinaryUser } from './ordinary-user.js'
import { expectRefusal } from './refusal.js'

const AM_ROOT = process.geteuid?.() === 0
const asRoot = test.runIf(AM_ROOT)
const SOMEBODY = 12_345

/** A HOME with a folder above the PKI directory to be. */
async function scene(change: (above: string) => Promise<unknown>) {
  const home = await newHome()
  const above = join(home.path, 'above')
  await mkdir(above, { mode: 0o755 })
  await change(above)
  return { home, above, directory: join(above, 'acme') }
}

describe('below a directory where everybody can rename files', () => {
  const open = (above: string) => chmod(above, 0o777)
  const refusal = (above: string) => ({ status: 3, code: 'ERR_PERMISSIONS', names: [above, 'mode 0777', 'chmod o-w'] })

  test.each(['create', 'root-csr'])('ca %s makes nothing', async (action) => {
    const { home, above, directory } = await scene(open)
    await expectRefusal(home, ['ca', action, directory], refusal(above))
    await expectRefusal(home, ['ca', action, join(directory, 'deeper')], refusal(above))
  })

  test('ca create creates nothing through a link either', async () => {
    const { home, above } = await scene(open)
    await mkdir(join(home.path, 'real'), { mode: 0o700 })
    await symlink(join(home.path, 'real'), join(above, 'link'))
    await expectRefusal(home, ['ca', 'create', join(above, 'link', 'acme')], refusal(above))
  })

  test('ca restore creates nothing', async () => {
    const { home, above, directory } = await scene(open)
    const env = { FPKI_PASSPHRASE: 'nine lives of a fish' }
    const words = ['ca', 'restore', join(home.path, 'acme.backup'), directory]
    await expectRefusal(home, words, refusal(above), { env })
  })

  test('a sticky directory such as /tmp is accepted', async () => {
    const { home, directory } = await scene((above) => chmod(above, 0o1777))
    const { status, stderr } = await home.fpki(['ca', 'create', directory, '--quiet'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})

describe('below a directory where another user can rename files', () => {
  asRoot.each<[string, (above: string) => Promise<unknown>, string]>([
    ['its owner', (above) => chown(above, SOMEBODY, SOMEBODY), `belongs to another user (uid ${SOMEBODY})`],
    [
      'a group',
      async (above) => {
        await chown(above, 0, SOMEBODY)
        await chmod(above, 0o775)
      },
      `The group ${SOMEBODY} can rename files in `,
    ],
  ])('ca create and ca verify warn about %s', async (_, change, text) => {
    const { home, above, directory } = await scene(change)
    const made = await home.fpki(['ca', 'create', directory, '--quiet'])
    expect(made.status).toBe(0)
    expect(made.stderr).toMatch(/^warning: .*\n$/)
    expect(made.stderr).toContain(text)
    const { stdout, status } = await home.fpki(['ca', 'verify', directory, '--json'])
    const { findings } = verifyPkiResult.parse(JSON.parse(stdout))
    expect(findings.filter(({ code }) => code.startsWith('modes'))).toEqual([
      expect.objectContaining({ status: 'warning', code: 'modes.above', message: expect.stringContaining(above) }),
    ])
    expect(status).toBe(0)
  })

  asRoot('the group root is no stranger', async () => {
    const { home, directory } = await scene((above) => chmod(above, 0o775))
    const { status, stderr } = await home.fpki(['ca', 'create', directory, '--quiet'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})

describe('the first command of the README', () => {
  asRoot('works in a container whose HOME belongs to another user', async () => {
    const user = await ordinaryUser()
    // As with images whose HOME anybody's group may use: uid of the image, group root, mode 0775.
    await chown(user.path, SOMEBODY, 65_534)
    await chmod(user.path, 0o775)
    const { status, stderr } = await user.fpki(['ca', 'create', join(user.path, 'acme')])
    expect(status).toBe(0)
    expect(stderr).toContain(`warning: ${user.path} belongs to another user (uid ${SOMEBODY})`)
  })

  asRoot('works without a word under umask 002, where a user has a group alone', async () => {
    const user = await ordinaryUser()
    const above = join(user.path, 'work')
    const nameless = { uid: 54_321, gid: 54_321 }
    await chown(user.path, nameless.uid, nameless.gid)
    await chmod(user.path, 0o775)
    const made = await runProgram('sh', ['-c', 'umask 002 && mkdir "$0"', above], nameless)
    expect(made).toMatchObject({ status: 0, stderr: '' })
    const { status, stderr } = await user.fpki(['ca', 'create', join(above, 'acme'), '--quiet'], nameless)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})
