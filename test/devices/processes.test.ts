import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { describe, expect, test } from 'vitest'
import { ALL_DEVICES } from '../../src/devices/register.js'
import { bundledScript } from '../support/bundles.js'
import { temporaryDirectory } from '../support/cli.js'
import { ALL_POINTS } from '../support/points.js'
import { type Ended, runProgram, type Start } from '../support/run-program.js'
import { sqliteScene } from './register-scene.js'

const ISSUING = bundledScript('issuing-process')

/** What a process printed: for each commit what became of its devices, and how it ended. */
function printed({ stdout }: Ended) {
  const lines = stdout.split('\n').filter((line) => line.endsWith(']') || line.endsWith('"') || line.endsWith('}'))
  const values: readonly unknown[] = lines.map((line) => JSON.parse(line))
  const commits = values.filter((value): value is readonly string[] => Array.isArray(value))
  return { commits, end: values.at(-1) }
}

const issue = (path: string, commits: number, size: number, start: Start = {}): Promise<Ended> =>
  runProgram(process.execPath, [ISSUING, path, String(commits), String(size)], start)

/** SQLite's own check of a whole database, and how many rows its tables have. */
function inspect(path: string) {
  const database = new DatabaseSync(path)
  const count = (what: string) => database.prepare(`select count(distinct ${what}) as n from certificates`).get().n
  const rows = database.prepare('select count(*) as n from certificates').get().n
  const devices = database.prepare('select count(*) as n from devices').get().n
  const issued = database.prepare('select issued as n from lines').get().n
  const distinct = [count('device'), count('serial'), count('key_hash')]
  const { integrity_check: check } = database.prepare('pragma integrity_check').get()
  database.close()
  return { check, counts: [...new Set([rows, devices, issued, ...distinct])] }
}

describe('processes that issue', () => {
  test('the same devices at once record each once, and refuse nothing', async () => {
    const { path } = await sqliteScene()
    const ends = (await Promise.all([issue(path, 20, 50), issue(path, 20, 50)])).map(printed)
    expect(ends.map(({ end }) => end)).toEqual(['done', 'done'])
    const kinds = ends.flatMap(({ commits }) => commits.flat())
    expect(kinds.filter((kind) => kind === 'committed')).toHaveLength(1000)
    expect(kinds.filter((kind) => kind === 'existing')).toHaveLength(1000)
    expect(inspect(path)).toEqual({ check: 'ok', counts: [1000] })
  })

  test.each(ALL_POINTS ? [1, 2, 3, 5, 8, 13, 21, 34] : [3])(
    'and are killed after commit %i keep whole commits, all that were answered, and go on where they stopped',
    async (after) => {
      const { path, open } = await sqliteScene()
      const killed = await issue(path, 100, 20, {
        onStart: (child) => {
          let lines = 0
          child.stdout?.on('data', (text: string) => {
            lines += text.split('\n').length - 1
            if (lines >= after) child.kill('SIGKILL')
          })
        },
      })
      expect(killed.signal).toBe('SIGKILL')
      const register = await open()
      const { devices } = await register.count(ALL_DEVICES)
      await register.close()
      expect(devices % 20).toBe(0)
      expect(devices).toBeGreaterThanOrEqual(20 * printed(killed).commits.length)
      expect(inspect(path)).toEqual({ check: 'ok', counts: [devices] })
      const { commits, end } = printed(await issue(path, 100, 20))
      expect(end).toBe('done')
      expect(commits.flat().filter((kind) => kind === 'existing')).toHaveLength(devices)
      expect(inspect(path)).toEqual({ check: 'ok', counts: [2000] })
    },
  )
})

/** Which calls fail, and how. The file itself, its WAL, and its index of the WAL are SQLite's. */
const FAULTS = [
  ['pwrite64', 'ENOSPC', 'ERR_STORAGE'],
  ['pwrite64', 'EIO', 'ERR_STORAGE'],
  ['fsync', 'EIO', 'ERR_STORAGE'],
  // In the middle of a statement, SQLite takes EIO of a read for a damaged file system (SQLITE_IOERR_CORRUPTFS): SQLITE_CORRUPT.
  ['pread64', 'EIO', expect.stringMatching(/^ERR_(STORAGE|BAD_FILE)$/)],
  ['openat', 'EACCES', 'ERR_STORAGE'],
] as const

const [COMMITS, SIZE] = [2, 30]

/** Issues with strace(1), which may let calls on the files of the register fail. */
async function traced(path: string, call: string, inject: readonly string[]) {
  const log = join(await temporaryDirectory(), 'strace')
  const paths = ['', '-wal', '-shm'].flatMap((suffix) => ['-P', `${path}${suffix}`])
  const options = ['-f', '-qq', '-o', log, ...paths, '-e', `trace=${call}`, ...inject]
  const words = [process.execPath, ISSUING, path, String(COMMITS), String(SIZE)]
  const ended = await runProgram('strace', [...options, ...words])
  return {
    ...printed(ended),
    calls: (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes(`${call}(`)),
  }
}

describe('a disk that fails', () => {
  test.each(FAULTS)(
    'at %s with %s keeps whole commits, and the same command ends it later',
    async (call, error, code) => {
      const { calls } = await traced((await sqliteScene()).path, call, [])
      const all = calls.map((_, index) => index + 1)
      const some = all.filter((at) => at === Math.ceil(all.length / 2))
      expect(some).toHaveLength(1)
      for (const at of ALL_POINTS ? all : some) {
        const { path } = await sqliteScene()
        const { end, commits } = await traced(path, call, ['-e', `inject=${call}:error=${error}:when=${at}+`])
        if (end !== 'done') expect(end).toMatchObject({ code, message: expect.stringContaining(path) })
        const after = printed(await issue(path, COMMITS, SIZE))
        expect(after.end).toBe('done')
        const existing = after.commits.flat().filter((kind) => kind === 'existing').length
        expect(existing % SIZE).toBe(0)
        expect(existing).toBeGreaterThanOrEqual(commits.length * SIZE)
        expect(inspect(path)).toEqual({ check: 'ok', counts: [COMMITS * SIZE] })
      }
    },
  )
})
