import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Ended, FPKI, newHome, output, runProgram } from '../support/cli.js'

/** A place to make a PKI in, where writes fail with ENOSPC until it is freed. */
interface FullDisk {
  readonly path: string
  run(words: readonly string[]): Promise<Ended>
  free(): Promise<void>
}

/** A small file system with so many pages of 4 KiB left; where nobody may mount one, strace(1) plays the full disk. */
async function fullDisk(pagesLeft: number): Promise<FullDisk> {
  const home = await newHome()
  const path = join(home.path, 'disk')
  await mkdir(path, { mode: 0o700 })
  const { status } = await runProgram('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', path])
  if (status !== 0) {
    let isFull = true
    return {
      path,
      run: (words) => (isFull ? withFailing('fsync', `${3 * pagesLeft + 1}+`, words, home.path) : home.fpki(words)),
      free: async () => {
        isFull = false
      },
    }
  }
  onTestFinished(async () => {
    await output('umount', [path])
  })
  const fillers = Array.from({ length: 16 }, (_, index) => join(path, `filler-${index}`))
  for (const filler of fillers) await writeFile(filler, Buffer.alloc(4096)).catch(() => undefined)
  for (const filler of fillers.slice(0, pagesLeft)) await rm(filler)
  return {
    path,
    run: (words) => home.fpki(words),
    free: async () => {
      for (const filler of fillers) await rm(filler, { force: true })
    },
  }
}

/** fpki, whose calls of a kind fail with ENOSPC: the n-th one, or with `+` each one from there on. */
function withFailing(call: string, when: string, words: readonly string[], home: string): Promise<Ended> {
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:error=ENOSPC:when=${when}`]
  return runProgram('strace', ['-f', '-qq', '-o', '/dev/null', ...inject, process.execPath, FPKI, ...words], {
    // strace counts the calls of each thread for itself; with one thread that is all of them.
    env: { HOME: home, UV_THREADPOOL_SIZE: '1' },
  })
}

function expectDiskIsFull({ status, stdout, stderr }: Ended, path: string): void {
  expect(stderr).toMatch(/^error: .* no space left on device \(ENOSPC\)\. \[ERR_STORAGE\]$/m)
  expect(stderr).toContain(`error: ${path}`)
  expect(stderr).toContain('Free some space and run the same command again')
  expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
}

async function expectNoLeftovers(path: string): Promise<void> {
  const names = await readdir(path, { recursive: true })
  expect(names.filter((name) => name.endsWith('.fpki-unfinished'))).toEqual([])
}

async function expectWhole(directory: string): Promise<void> {
  const certificates = ['tls-crt', 'online-crt', 'local-ca.pem'].map((name) => join(directory, name))
  const root = join(directory, 'factory_ca.pem')
  expect((await output('openssl', ['verify', '-CAfile', root, root, ...certificates])).match(/: OK/g)).toHaveLength(4)
}

describe('a full disk under the PKI directory', () => {
  test.each([0, 1, 3, 5, 7])(
    'is reported with %i pages left, and the same command succeeds once space is freed',
    async (pages) => {
      const disk = await fullDisk(pages)
      const words = ['ca', 'create', join(disk.path, 'pki'), '--factory', 'acme']
      expectDiskIsFull(await disk.run(words), dirname(disk.path))
      await expectNoLeftovers(disk.path)
      const key = join(disk.path, 'pki', 'factory_ca.key')
      const before = await readFile(key, 'utf8').catch(() => null)
      await disk.free()
      expect((await disk.run(words)).status).toBe(0)
      expect(before ?? (await readFile(key, 'utf8'))).toBe(await readFile(key, 'utf8'))
      await expectWhole(join(disk.path, 'pki'))
    },
  )
})

describe('a system call that fails for lack of space', () => {
  test.each([
    ['mkdir', 1],
    ['mkdir', 4],
    ['fsync', 2],
    ['fsync', 20],
    ['fsync', 30],
    ['link', 1],
    ['link', 5],
    ['rename', 1],
    ['rename', 4],
  ])('%s, number %i, stops create; the same command then succeeds', async (call, when) => {
    const home = await newHome()
    const words = ['ca', 'create', join(home.path, 'acme')]
    expectDiskIsFull(await withFailing(call, `${when}`, words, home.path), home.path)
    await expectNoLeftovers(home.path)
    expect((await home.fpki(words)).status).toBe(0)
    await expectWhole(join(home.path, 'acme'))
  })
})
