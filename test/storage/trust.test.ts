import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ownedDirectory, whyForeignDirectory } from '../../src/directory/owned.js'
import type { FileStatus } from '../../src/ports.js'
import { durableFiles } from '../../src/storage/files.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'
import { openFolderAbove, privateGroupOf, resolvePath, warningsAbove, whyForeignPath } from '../../src/storage/trust.js'
import { output, temporaryDirectory } from '../support/cli.js'
import { memoryDisk } from '../support/memory-disk.js'

const ME = { uid: 1000, privateGroup: 1000 }

/** `d 0755 0:0`: what it is, its mode, its owner and group; `l 0:0 target`: a link. */
type Tree = Readonly<Record<string, string>>

const CLOSED: Tree = {
  '/': 'd 0755 0:0',
  '/home': 'd 0755 0:0',
  '/home/me': 'd 0755 1000:1000',
  '/home/me/acme': 'd 0700 1000:1000',
  '/tmp': 'd 1777 0:0',
  '/tmp/acme': 'd 0700 1000:1000',
  '/usr': 'd 0755 0:0',
  '/usr/lib': 'd 0755 0:0',
  '/usr/lib/module.so': 'f 0644 0:0',
  '/usr/lib/module.so.1': 'l 0:0 ./module.so',
  '/opt': 'l 0:0 usr/lib',
}

function treeOf(tree: Tree) {
  return {
    linkAt: async (path: string) => {
      const [, uid, gid, target] = /^l (\d+):(\d+) (.*)$/.exec(tree[path] ?? '') ?? []
      return target === undefined ? null : { uid: Number(uid), gid: Number(gid), target }
    },
    stat: async (path: string): Promise<FileStatus | null> => {
      const [, kind, mode = '', uid, gid] = /^([df]) (\d+) (\d+):(\d+)$/.exec(tree[path] ?? '') ?? []
      if (kind === undefined) return null
      const facts = { mode: Number.parseInt(mode, 8), uid: Number(uid), gid: Number(gid) }
      return { kind: kind === 'd' ? 'directory' : 'file', ...facts }
    },
  }
}

const wayIn = (changes: Tree, path: string) => resolvePath(treeOf({ ...CLOSED, ...changes }), path)

describe('resolvePath', () => {
  test('follows every link, including the folders of its target', async () => {
    const { components, exists } = await wayIn({}, '/home/../opt/module.so.1')
    expect(exists).toBe(true)
    const names = ['/', '/home', '/', '/opt', '/usr', '/usr/lib', '/usr/lib/module.so.1', '/usr/lib/module.so']
    expect(components.map(({ path }) => path)).toEqual(names)
  })

  test('restarts at the root for an absolute link, and stops at a missing name', async () => {
    const { components, exists } = await wayIn({ '/home/me/lib': 'l 1000:1000 /usr/gone/x' }, '/home/me/lib/y')
    expect(components.map(({ path }) => path)).toEqual(['/', '/home', '/home/me', '/home/me/lib', '/usr'])
    expect(exists).toBe(false)
  })

  test('detects loops', async () => {
    await expect(wayIn({ '/a': 'l 0:0 b', '/b': 'l 0:0 a' }, '/a')).rejects.toThrow('ELOOP')
  })

  test('agrees with realpath(3) on the real disk', async () => {
    const folder = await temporaryDirectory()
    await mkdir(join(folder, 'real', 'deep'), { recursive: true })
    await symlink('real', join(folder, 'one'))
    await symlink(join(folder, 'one', 'deep'), join(folder, 'two'))
    for (const name of ['one/deep', 'two', 'two/../deep', 'two/.', 'two/../../one']) {
      const path = `${folder}/${name}`
      const { components, exists } = await resolvePath(nodeFileSystem(), path)
      expect({ exists, end: components.at(-1)?.path }).toEqual({
        exists: true,
        end: await output('realpath', ['-z', path]).then((text) => text.slice(0, -1)),
      })
    }
  })
})

describe('nobody else could have written the file', () => {
  const ROWS: readonly (readonly [string, string, Tree, string | null])[] = [
    ['a library of root', '/usr/lib/module.so', {}, null],
    ['through links of root', '/opt/module.so.1', {}, null],
    ['a directory of ours', '/home/me/acme', {}, null],
    ['a directory of ours below a sticky folder', '/tmp/acme', {}, null],
    ['of another user', '/usr/lib/module.so', { '/usr/lib/module.so': 'f 0755 1001:1001' }, 'another user (uid 1001)'],
    ['that all can write', '/usr/lib/module.so', { '/usr/lib/module.so': 'f 0666 0:0' }, 'others can write'],
    ['that a group can write', '/usr/lib/module.so', { '/usr/lib/module.so': 'f 0664 0:0' }, 'others can write'],
    ['below a folder of another user', '/home/me/acme', { '/home': 'd 0755 1001:1001' }, '/home belongs to'],
    ['below a folder that all can write', '/home/me/acme', { '/home': 'd 0777 0:0' }, 'others can write to /home'],
    ['below a folder that a group can write', '/home/me/acme', { '/home/me': 'd 0775 1000:1000' }, '/home/me'],
    ['below a sticky folder of another user', '/tmp/acme', { '/tmp': 'd 1777 1001:0' }, '/tmp belongs to'],
    ['in a sticky directory', '/home/me/acme', { '/home/me/acme': 'd 1777 1000:1000' }, 'others can write'],
    ['through a link of another user', '/opt/module.so', { '/opt': 'l 1001:1001 usr/lib' }, '/opt belongs to'],
    [
      'through a link to a folder that is open',
      '/opt/module.so',
      { '/opt': 'l 0:0 /var/lib', '/var': 'd 0777 0:0', '/var/lib': 'd 0755 0:0', '/var/lib/module.so': 'f 0644 0:0' },
      'others can write to /var',
    ],
    [
      'through a link in a folder that is open',
      '/var/module.so',
      { '/var': 'd 0777 0:0', '/var/module.so': 'l 0:0 /usr/lib/module.so' },
      'others can write to /var',
    ],
    ['that is missing where others can make it', '/tmp/module.so', {}, 'others can write to /tmp'],
    ['that is missing where only root can make it', '/usr/lib/other.so', {}, null],
  ]

  test.each(ROWS)('%s', async (_, path, changes, reason) => {
    const why = whyForeignPath(await wayIn(changes, path), ME)
    if (reason === null) expect(why).toBeNull()
    else expect(why).toContain(reason)
  })
})

describe('the folders above', () => {
  test.each<[string, Tree, string | null]>([
    ['closed', {}, null],
    ['sticky', { '/home': 'd 1777 0:0' }, null],
    ['of our own private group', { '/home/me': 'd 0775 1000:1000' }, null],
    ['of the group root', { '/home': 'd 0775 0:0' }, null],
    [
      'of a group with others in it',
      { '/home': 'd 0775 0:100' },
      'The group 100 can rename files in /home (mode 0775).',
    ],
    ['sticky, of such a group', { '/home': 'd 1775 0:100' }, null],
    ['of another user', { '/home/me': 'd 0755 1001:0' }, '/home/me belongs to another user (uid 1001)'],
  ])('%s', async (_, changes, warning) => {
    for (const path of ['/home/me/acme', '/home/me/new/acme']) {
      const way = await wayIn(changes, path)
      expect(warningsAbove(way, ME)).toEqual(warning === null ? [] : [expect.stringContaining(warning)])
      expect(openFolderAbove(way)).toBeUndefined()
    }
  })

  test('in which everybody can rename files are found, also behind a link', async () => {
    expect(openFolderAbove(await wayIn({ '/home': 'd 0777 0:0' }, '/home/me/acme'))?.path).toBe('/home')
    const linked = { '/var': 'd 0777 0:0', '/var/pki': 'l 0:0 /home/me' }
    expect(openFolderAbove(await wayIn(linked, '/var/pki/acme'))?.path).toBe('/var')
    // The directory itself is for another check.
    expect(openFolderAbove(await wayIn({ '/home/me/acme': 'd 0777 1000:1000' }, '/home/me/acme'))).toBeUndefined()
  })
})

describe('the private group', () => {
  const PASSWD =
    'root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:100::/home/bob:/bin/sh\n'
  test.each<[string, string, number, number, number | null]>([
    ['is that of the same name', 'ann:x:1000:\n', 1000, 1000, 1000],
    ['may list its one user', 'ann:x:1000:ann\n', 1000, 1000, 1000],
    ['has no other member', 'ann:x:1000:bob\n', 1000, 1000, null],
    ['is nobody else’s primary group', 'users:x:100:\n', 1002, 100, null],
    ['may have any name', 'pki:x:500:ann\n', 1000, 500, 500],
    ['of a user without a name has the same number', '', 4711, 4711, 4711],
    ['of a user without a name is not known otherwise', '', 4711, 0x7fff, null],
  ])('%s', (_, group, uid, gid, expected) => expect(privateGroupOf(PASSWD, group, { uid, gid })).toBe(expected))
})

describe('a PKI directory, on a disk with other users', () => {
  const PKI = '/home/me/acme'

  async function scene() {
    const disk = memoryDisk()
    const files = durableFiles(disk.mount())
    for (const folder of [`${PKI}/.fpki/history`, '/usr/lib']) await files.makeDirectory(folder)
    for (const name of ['state.json', 'journal.jsonl', 'log.jsonl'])
      await files.create(`${PKI}/.fpki/${name}`, '{}', 0o600)
    await files.create(`${PKI}/factory_ca.pem`, '', 0o400)
    await files.create('/usr/lib/module.so', '', 0o644)
    for (const path of ['/', '/home', '/usr', '/usr/lib']) disk.give(path, { uid: 0, mode: 0o755 })
    return { disk, files, directory: ownedDirectory(files, PKI) }
  }

  test('that is ours is used, and its module loaded', async () => {
    const { files, directory } = await scene()
    expect(await directory.check()).toBe('ready')
    expect(await whyForeignDirectory(files, PKI)).toBeNull()
    expect(await directory.whyNotLoadable('state', '/usr/lib/module.so')).toBeNull()
  })

  const FOREIGN = ['', '/.fpki', '/.fpki/history', '/.fpki/state.json', '/.fpki/journal.jsonl', '/.fpki/log.jsonl']
  test.each(FOREIGN.map((name) => PKI + name))(
    'whose %s belongs to others or is writable by others is not used',
    async (path) => {
      for (const owner of [
        { uid: 1001, mode: 0o700 },
        { uid: 1000, mode: 0o777 },
        { uid: 1000, mode: 0o770 },
      ]) {
        const { disk, files, directory } = await scene()
        disk.give(path, owner)
        expect(await whyForeignDirectory(files, PKI)).toContain(path)
        await expect(directory.check()).rejects.toMatchObject({ code: 'ERR_PERMISSIONS' })
      }
    },
  )

  test.each([PKI, '/home/me', '/home', `${PKI}/.fpki`, `${PKI}/.fpki/state.json`, '/usr/lib', '/usr/lib/module.so'])(
    'no module is loaded when %s belongs to others or is writable by others',
    async (path) => {
      for (const owner of [
        { uid: 1001, mode: 0o700 },
        { uid: 0, mode: 0o777 },
        { uid: 0, mode: 0o775 },
      ]) {
        const { disk, directory } = await scene()
        disk.give(path, owner)
        expect(await directory.whyNotLoadable('state', '/usr/lib/module.so')).toContain(path)
      }
    },
  )

  test.each([
    [`${PKI}/module.so`, `inside the PKI directory ${PKI}`],
    [`${PKI}/.fpki/history/module.so`, `inside the PKI directory ${PKI}`],
    ['/home/me/other/deep/module.so', 'inside the PKI directory /home/me/other'],
    ['module.so', 'not an absolute path'],
    ['./module.so', 'not an absolute path'],
    ['/proc/self/root/usr/lib/module.so', '/proc'],
  ])('no module is loaded from %s', async (module, reason) => {
    const { disk, files, directory } = await scene()
    await files.makeDirectory('/home/me/other/deep')
    await files.makeDirectory('/proc')
    disk.give('/proc', { uid: 0, mode: 0o555 })
    await files.create('/home/me/other/factory_ca.pem', '', 0o400)
    if (module.startsWith('/home')) await files.create(module, '', 0o644)
    expect(await directory.whyNotLoadable('state', module)).toContain(reason)
  })
})
