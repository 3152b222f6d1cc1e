import { chmod, mkdtemp, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { openFileSystemSync, reportsErrors } from '../../src/storage/sync-file-system.js'
import { output } from '../support/cli.js'

afterEach(() => {
  vi.unstubAllEnvs()
})

/** A directory, while `sync` is the script with this text; without one, there is no `sync`. */
async function scene(script: string | null) {
  const programs = await mkdtemp(join(tmpdir(), 'programs-'))
  await symlink('/bin/sh', join(programs, 'sh'))
  if (script !== null) {
    await writeFile(join(programs, 'sync'), `#!${programs}/sh\n${script}\n`)
    await chmod(join(programs, 'sync'), 0o755)
  }
  vi.stubEnv('PATH', programs)
  return mkdtemp(join(tmpdir(), 'synced-'))
}

/** A `sync` that works once, and then says this and fails. */
const failsLater = (text: string) => `[ -e called ] && { echo '${text}' >&2; exit 1; }; : > called`

describe('a sync of a whole file system', () => {
  test('is called in its directory, as often as it is asked for, but once for all who wait', async () => {
    const directory = await scene('echo "$@ $PWD" >> calls')
    const all = await openFileSystemSync(directory)
    await all?.sync()
    const first = all?.sync()
    await new Promise(setImmediate)
    const waiting = [all?.sync(), all?.sync()]
    await Promise.all([first, ...waiting])
    await all?.close()
    const calls = await output('/bin/cat', [join(directory, 'calls')])
    expect(calls).toBe(`-f . ${directory}\n`.repeat(4))
  })

  test.each([
    ['there is no such program', null],
    ['the program does not know the option', 'echo "sync: invalid option -- f" >&2; exit 1'],
  ])('is not possible when %s', async (_, script) => {
    expect(await openFileSystemSync(await scene(script))).toBeNull()
  })

  test('is not possible where there is no shell', async () => {
    const directory = await scene('exit 0')
    vi.stubEnv('PATH', directory)
    expect(await openFileSystemSync(directory)).toBeNull()
  })

  test.each([
    ['sync: error syncing: Input/output error', 'EIO'],
    ['sync: error syncing: No space left on device', 'ENOSPC'],
    ['sync: error syncing: Disk quota exceeded', 'EDQUOT'],
    ['something else', 'EIO'],
  ])('reports what the program reports: %s', async (text, code) => {
    const all = await openFileSystemSync(await scene(failsLater(text)))
    await expect(all?.sync()).rejects.toMatchObject({ code })
    await expect(all?.sync()).rejects.toMatchObject({ code })
    await all?.close()
  })

  test('reports an error of the first one', async () => {
    const directory = await scene('echo "sync: error syncing: Input/output error" >&2; exit 1')
    await expect(openFileSystemSync(directory)).rejects.toMatchObject({ code: 'EIO' })
  })

  test('fails when its shell is killed', async () => {
    const all = await openFileSystemSync(await scene('[ -e called ] && kill -9 "$PPID"; : > called'))
    await expect(all?.sync()).rejects.toThrow('the shell that runs sync has ended')
    await expect(all?.sync()).rejects.toThrow('the shell that runs sync has ended')
    await all?.close()
  })

  test('is not possible on file systems that are not on the list, such as proc', async () => {
    await scene('exit 0')
    expect(await openFileSystemSync('/proc/self')).toBeNull()
  })
})

test.each([
  ['4.18.0-553.el8_10.x86_64', false],
  ['5.7.19', false],
  ['5.8.0', true],
  ['5.15.0-91-generic', true],
  ['6.1', true],
  ['unknown', false],
])('Linux %s reports errors of earlier writes: %s', (release, expected) => {
  expect(reportsErrors(release)).toBe(expected)
})
