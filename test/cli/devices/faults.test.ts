import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Ended, FPKI, output, runProgram } from '../../support/cli.js'
import { type DeviceCsr, deviceCsrs } from '../../support/device-requests.js'
import { PATIENT } from '../../support/patience.js'
import { ALL_POINTS } from '../../support/points.js'
import { copiedPki, type Made } from '../made.js'
import { expectWords } from '../refusal.js'
import { registered, registerOf } from './scene.js'

/** Two chunks, the second one small. */
const ROWS = 300

interface Scene extends Made {
  readonly requests: readonly DeviceCsr[]
  /** `devices issue` from them, into folders. */
  readonly words: readonly string[]
  readonly out: string
}

async function scene(rows = ROWS): Promise<Scene> {
  const pki = await copiedPki()
  const requests = deviceCsrs(rows)
  const [from, out] = [join(pki.home.path, 'requests.pem'), join(pki.home.path, 'devices')]
  await writeFile(from, requests.map(({ pem }) => pem).join(''))
  return { ...pki, requests, out, words: ['devices', 'issue', pki.directory, '--from', from, '--out', out] }
}

/** The certificates in complete folders, by UUID. */
async function foldersIn(out: string): Promise<ReadonlyMap<string, string>> {
  const shown = new Map<string, string>()
  for (const uuid of (await readdir(out).catch(() => [])).filter((name) => !name.startsWith('.'))) {
    expect(uuid).toMatch(/^[0-9a-f-]{36}$/)
    expect(await readdir(join(out, uuid))).toHaveLength(4)
    shown.set(uuid, await readFile(join(out, uuid, 'client.pem'), 'utf8'))
  }
  return shown
}

/** Whatever has happened: the same command ends well, and nothing that was visible has changed. */
async function expectResumed({ home, words, out, requests, directory }: Scene): Promise<void> {
  const [before, recorded] = [await foldersIn(out), await registered(directory)]
  const ended = await home.fpki(words)
  expect(ended).toMatchObject({ status: 0 })
  expect(ended.stderr).toContain(`${requests.length - recorded.size} issued, ${recorded.size} reused, 0 refused`)
  const after = await foldersIn(out)
  expect([...after.keys()].sort()).toEqual(requests.map(({ uuid }) => uuid).sort())
  for (const [uuid, pem] of before) expect(after.get(uuid)).toBe(pem)
  const devices = await registered(directory)
  for (const [uuid, { certificate }] of recorded) expect(devices.get(uuid)?.certificate.serial).toBe(certificate.serial)
  expect((await readdir(directory)).filter((name) => name.endsWith('unfinished'))).toEqual([])
}

/** Issues with strace(1), which traces a kind of call, and may let some fail; libuv has one thread, whose calls it counts. */
function traced(call: string, options: readonly string[], { home, words }: Scene): Promise<Ended> {
  const all = ['-f', '-qq', '-e', `trace=${call}`, ...options, process.execPath, FPKI, ...words]
  return runProgram('strace', all, { env: { HOME: home.path, UV_THREADPOOL_SIZE: '1' } })
}

/** How many such calls the thread makes that makes most of them. */
async function callsOf(call: string, batch: Scene): Promise<number> {
  const log = join(batch.home.path, 'strace')
  expect(await traced(call, ['-o', log], batch)).toMatchObject({ status: 0 })
  const counts = new Map<string, number>()
  for (const [, thread = ''] of (await readFile(log, 'utf8')).matchAll(/^(\d+) .*\(/gm))
    counts.set(thread, (counts.get(thread) ?? 0) + 1)
  return Math.max(...counts.values())
}

/** A call that fails, how, and one of the moments: each of them fails together with all calls after it. */
const CALLS = [
  ['fsync', 'ENOSPC', 12],
  ['pwrite64', 'EIO', 40],
  // Each is in a process of its own, whose first call it is.
  ['syncfs', 'EIO', 1],
  ['mkdir', 'ENOSPC', 2],
  ['rename', 'EIO', 2],
  ['fsync', 'EIO', 4],
  ['pwrite64', 'ENOSPC', 3],
  ['link', 'ENOSPC', 1],
  ['ftruncate', 'EIO', 1],
] as const

/** A few files are not synced together. */
const rowsFor = (call: string) => (call === 'syncfs' ? 70 : 3)

test.each(ALL_POINTS ? CALLS : CALLS.slice(0, 3))(
  '%s that fails with %s stops the batch, and the same command ends well later',
  async (call, error, one) => {
    const count = ALL_POINTS ? await callsOf(call, await scene(rowsFor(call))) : 1
    const moments = ALL_POINTS ? Array.from({ length: count }, (_, at) => at + 1) : [one]
    let failures = 0
    for (const when of moments) {
      const batch = await scene(rowsFor(call))
      const ended = await traced(call, ['-o', '/dev/null', '-e', `inject=${call}:error=${error}:when=${when}+`], batch)
      // Without its last calls, a batch is complete all the same.
      if (ended.status !== 0) {
        failures++
        expectWords(ended, { status: 3, code: 'ERR_STORAGE', names: [batch.home.path] })
        expect(ended.stderr).toMatch(/no space left on device|input\/output error/)
      }
      await expectResumed(batch)
    }
    expect(failures).toBeGreaterThan(0)
  },
)

/** A file system of so many KiB; null where nobody may mount one. */
async function smallDisk(path: string, kib: number): Promise<boolean> {
  await mkdir(path, { mode: 0o700 })
  const { status } = await runProgram('mount', ['-t', 'tmpfs', '-o', `size=${kib}k,mode=0700`, 'tmpfs', path])
  if (status === 0)
    onTestFinished(async () => {
      await output('umount', [path])
    })
  return status === 0
}

describe.each(ALL_POINTS ? [64, 200, 400, 700, 1000, 1500, 4000] : [200])('a disk of %i KiB', (kib) => {
  test.each(['folders', 'register'])(
    'under the %s is full, and the same command ends well once it is larger',
    async (what) => {
      const batch = await scene(60)
      const disk = join(batch.home.path, 'disk')
      if (!(await smallDisk(disk, kib))) return
      const [out, register] = [join(disk, 'devices'), join(disk, 'devices.sqlite')]
      const words =
        what === 'folders' ? [...batch.words.slice(0, -1), out] : [...batch.words, '--store', `sqlite:${register}`]
      const ended = await batch.home.spawn(words)
      if (kib <= 200 && what === 'folders') expect(ended.status).toBe(3)
      if (ended.status !== 0)
        expectWords(ended, { status: 3, code: 'ERR_STORAGE', names: [disk, 'no space left on device'] })
      const before = await foldersIn(what === 'folders' ? out : batch.out)
      await output('mount', ['-o', 'remount,size=64m', disk])
      expect(await batch.home.spawn(words)).toMatchObject({ status: 0 })
      const after = await foldersIn(what === 'folders' ? out : batch.out)
      expect([...after.keys()].sort()).toEqual(batch.requests.map(({ uuid }) => uuid).sort())
      for (const [uuid, pem] of before) expect(after.get(uuid)).toBe(pem)
    },
  )
})

const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const

describe.each(ALL_POINTS ? SIGNALS : SIGNALS.slice(0, 1))('%s in the middle of a batch', (signal, status) => {
  test(`ends with ${status}; what was issued is kept, and the same command issues the rest`, async () => {
    const batch = await scene()
    const words = ['devices', 'issue', batch.directory, '--from', '-', '--out', batch.out]
    const ended = await batch.home.spawn(words, {
      keepStdin: true,
      onStart: async (child) => {
        child.stdin?.write(batch.requests.map(({ pem }) => pem).join(''))
        await vi.waitFor(async () => expect((await foldersIn(batch.out)).size).toBe(256), PATIENT)
        child.kill(signal)
      },
    })
    expectWords(ended, {
      status,
      code: `ERR_${signal}`,
      names: ['Run the same command again: nothing is signed twice.'],
    })
    expect((await registered(batch.directory)).size).toBe(256)
    await expectResumed(batch)
  })
})

test('a reader of stdout that goes away stops the batch, and the same command writes all of it', async () => {
  const batch = await scene(300)
  const words = [...batch.words.slice(0, -1), '-']
  const script = '"$NODE" "$FPKI" "$@" | head -c 1000 > head; echo "$PIPESTATUS" > status'
  const { stderr } = await runProgram('bash', ['-c', script, 'bash', ...words], {
    env: { HOME: batch.home.path, NODE: process.execPath, FPKI },
    cwd: batch.home.path,
  })
  expect(stderr).toMatch(
    /^error: Cannot write to stdout: its reader has closed it \(EPIPE\)\. \[ERR_STORAGE\]\n.*run the same command again.*\n$/,
  )
  expect(await readFile(join(batch.home.path, 'status'), 'utf8')).toBe('3\n')
  const again = await batch.home.fpki(words)
  expect(again.status).toBe(0)
  expect(again.stdout.trim().split('\n')).toHaveLength(300)
})

test('a full disk under stdout is reported once', async () => {
  const batch = await scene(1)
  const words = [...batch.words.slice(0, -1), '-']
  const ended = await runProgram('sh', ['-c', '"$NODE" "$FPKI" "$@" > /dev/full', 'sh', ...words], {
    env: { HOME: batch.home.path, NODE: process.execPath, FPKI },
  })
  expectWords(ended, { status: 3, code: 'ERR_STORAGE', names: ['run the same command again'] })
  expect(ended.stderr.match(/^error: /gm)).toHaveLength(1)
})

describe('a register', () => {
  test('that another process is writing to is waited for; SIGINT ends the wait', async () => {
    const batch = await scene(3)
    await batch.home.fpki(batch.words)
    const other = new DatabaseSync(registerOf(batch.directory))
    other.exec('begin immediate')
    const interrupted = await batch.home.spawn(batch.words, {
      onStart: async (child) => {
        const stop = setInterval(() => child.kill('SIGINT'), 200)
        child.on('exit', () => clearInterval(stop))
      },
    })
    expect([130, null]).toContain(interrupted.status)
    const waiting = batch.home.spawn(batch.words)
    await new Promise((resolve) => setTimeout(resolve, 500))
    other.exec('commit')
    other.close()
    expect(await waiting).toMatchObject({ status: 0 })
    expect((await registered(batch.directory)).size).toBe(3)
  })

  test.each([
    [
      'is no database',
      async (path: string) => writeFile(path, 'not a database, but long enough to be one', { mode: 0o600 }),
    ],
    ['has damaged pages', damage],
  ])('that %s is reported, and nothing is signed', async (_, spoil) => {
    const batch = await scene(3)
    await batch.home.fpki(batch.words)
    await rm(batch.out, { recursive: true })
    await spoil(registerOf(batch.directory))
    const before = await readFile(registerOf(batch.directory))
    expectWords(await batch.home.fpki(batch.words), {
      status: 6,
      code: 'ERR_BAD_FILE',
      names: [registerOf(batch.directory), 'restore the register from a backup'],
    })
    expect(await readFile(registerOf(batch.directory))).toEqual(before)
    expect(await foldersIn(batch.out)).toEqual(new Map())
  })
})

/** Overwrites all but the first page. */
async function damage(path: string): Promise<void> {
  const file = await open(path, 'r+')
  const { size } = await file.stat()
  await file.write(Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096)
  await file.close()
}
