import { describe, expect, it } from 'vitest'
import { pkiDirectory } from '../../src/directory/pki-directory.js'
import { thinnedOut } from '../../src/directory/thinning.js'
import { durableFiles } from '../../src/storage/files.js'
import { memoryDisk } from '../support/memory-disk.js'

const DAY = 24 * 60 * 60 * 1000

function times(count: number, step: number): readonly { readonly time: string }[] {
  return Array.from({ length: count }, (_, at) => ({ time: new Date(Date.UTC(2026, 0, 1) + at * step).toISOString() }))
}

describe('thinning', () => {
  it.each([
    ['a minute', 60_000, 25],
    ['an hour', DAY / 24, 70],
    ['a day', DAY, 85],
    ['ten days', 10 * DAY, 110],
  ])('of 1,000 snapshots, one each %s, some are kept', (_, step, most) => {
    const all = times(1000, step)
    const gone = new Set(thinnedOut(all))
    const left = all.filter((one) => !gone.has(one))
    expect(left.slice(-20)).toEqual(all.slice(-20))
    expect(left[0]).toBe(all[0])
    expect(left.length).toBeLessThan(most)
    expect(left.length).toBeGreaterThan(20)
  })

  it('gives the same result one by one', () => {
    let left: readonly { readonly time: string }[] = []
    for (const one of times(1000, DAY / 4)) {
      const all = [...left, one]
      const gone = new Set(thinnedOut(all))
      left = all.filter((other) => !gone.has(other))
    }
    expect(left.length).toBeLessThan(95)
    expect(new Set(left.map(({ time }) => time.slice(0, 7))).size).toBe(9)
  })
})

describe('the history of a directory', () => {
  it('keeps a snapshot with the only copy of a key or a certificate', async () => {
    const disk = memoryDisk()
    const files = durableFiles(disk.mount())
    const directory = pkiDirectory(files, '/pki')
    await directory.make()
    const change = async (minute: number) => {
      const time = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString().replace('.000', '')
      await directory.takeSnapshot({ command: 'ca rotate-tls', time, state: null })
      return directory.thinSnapshots()
    }
    await directory.create('tls-crt', 'the first certificate')
    await directory.create('lost.key', 'a key')
    await change(0)
    await directory.stage('tls-crt', 'a certificate that is lost')
    await directory.publish('tls-crt', 'earlier')
    await change(1)
    // Somebody removed both from the directory by hand.
    await files.remove('/pki/tls-crt')
    await files.remove('/pki/lost.key')
    const gone: string[] = []
    for (let minute = 2; minute < 60; minute++) {
      await directory.stage('tls-crt', `certificate ${minute}`)
      await directory.publish('tls-crt', 'earlier')
      gone.push(...(await change(minute)))
    }
    expect(gone.length).toBeGreaterThan(30)
    const texts = [...disk.contents()].map(([, { text }]) => text)
    for (const text of [
      'the first certificate',
      'a certificate that is lost',
      'a key',
      'certificate 2',
      'certificate 30',
    ]) {
      expect(texts).toContain(text)
    }
    const folders = (await directory.snapshots()).map(({ number }) => number)
    expect(folders.slice(0, 2)).toEqual([1, 2])
  })

  it('keeps snapshots that it cannot read, and names the file', async () => {
    const disk = memoryDisk()
    const whole = disk.mount()
    const isKept = (path: string) => path.includes('/history/0002-') && path.endsWith('/local.key')
    const fs: typeof whole = {
      ...whole,
      read: async (path, most) => {
        if (isKept(path)) throw Object.assign(new Error('EIO'), { code: 'EIO' })
        return whole.read(path, most)
      },
    }
    const directory = pkiDirectory(durableFiles(fs), '/pki')
    await directory.make()
    await directory.create('local.key', 'a key')
    for (let minute = 0; minute < 23; minute++) {
      const time = `2026-01-01T00:${String(minute).padStart(2, '0')}:00Z`
      await directory.takeSnapshot({ command: 'ca rotate-tls', time, state: null })
    }
    await expect(directory.thinSnapshots()).rejects.toMatchObject({
      code: 'ERR_STORAGE',
      message: expect.stringMatching(/history\/0002-.*local\.key: .*EIO/),
    })
    expect([...disk.contents().keys()].filter(isKept)).toHaveLength(1)
  })

  it('removes the root key from each snapshot, even a damaged one, and from abandoned commands, but keeps the key of another root', async () => {
    const disk = memoryDisk()
    const files = durableFiles(disk.mount())
    const directory = pkiDirectory(files, '/pki')
    await directory.make()
    const snapshotOf = async (root: string) => {
      await directory.create('factory_ca.key', `the key of ${root}`)
      await directory.create('factory_ca.pem', `the certificate of ${root}`)
      await directory.takeSnapshot({ command: root, time: '2026-01-01T00:00:00Z', state: null })
    }
    await snapshotOf('one')
    for (const name of ['factory_ca.key', 'factory_ca.pem']) await files.remove(`/pki/${name}`)
    await snapshotOf('other')
    await files.replace('/pki/.fpki/history/0002-20260101T000000Z-other/snapshot.json', '{', 0o400)
    for (const root of ['one', 'other']) {
      await files.makeDirectory(`/pki/.fpki/abandoned/${root}`)
      await files.create(`/pki/.fpki/abandoned/${root}/factory_ca.key`, `the key of ${root}`, 0o400)
    }
    await directory.removeFromSnapshots('factory_ca.key', 'of-root')
    const keys = [...disk.contents().keys()].filter((path) => path.endsWith('factory_ca.key')).sort()
    expect(keys).toEqual([
      '/pki/.fpki/abandoned/one/factory_ca.key',
      '/pki/.fpki/history/0001-20260101T000000Z-one/factory_ca.key',
      '/pki/factory_ca.key',
    ])
  })
})
