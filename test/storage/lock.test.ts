import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'
import { output, runProgram, temporaryDirectory } from '../support/cli.js'

const { lock } = nodeFileSystem()
const LIBRARY = new URL('../../dist/index.js', import.meta.url).href

afterEach(() => {
  vi.unstubAllEnvs()
})

async function lockPath(): Promise<string> {
  return join(await temporaryDirectory(), 'lock')
}

/** Can another process have the lock? */
async function isFree(path: string): Promise<boolean> {
  return (await runProgram('flock', ['--nonblock', path, 'true'])).status === 0
}

/** Another process of fpki's that holds the lock. */
async function otherHolder(path: string): Promise<ChildProcess> {
  const script = `const { nodeFileSystem } = await import(${JSON.stringify(LIBRARY)})
    const held = await nodeFileSystem().lock(${JSON.stringify(path)})
    console.log(held === null ? 'refused' : 'held')
    setInterval(() => undefined, 1000)`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    holder.kill('SIGKILL')
  })
  const said = await new Promise((resolve) => holder.stdout.once('data', resolve))
  expect(String(said)).toBe('held\n')
  return holder
}

describe('the lock', () => {
  test('is an empty file with mode 0600', async () => {
    const path = await lockPath()
    const held = await lock(path)
    expect((await stat(path)).mode & 0o7777).toBe(0o600)
    expect(await readFile(path, 'utf8')).toBe('')
    await held?.release()
  })

  test('has one holder in this process', async () => {
    const path = await lockPath()
    const held = await lock(path)
    expect(held).not.toBeNull()
    expect(await lock(path)).toBeNull()
    await held?.release()
    const again = await lock(path)
    expect(again).not.toBeNull()
    await again?.release()
  })

  test('has one holder among many concurrent attempts', async () => {
    const path = await lockPath()
    const asked = await Promise.all(Array.from({ length: 10 }, () => lock(path)))
    const held = asked.filter((one) => one !== null)
    expect(held).toHaveLength(1)
    await held[0]?.release()
    expect(await isFree(path)).toBe(true)
  })

  test('keeps every other process out until it is released', async () => {
    const path = await lockPath()
    const held = await lock(path)
    expect(await isFree(path)).toBe(false)
    await held?.release()
    expect(await isFree(path)).toBe(true)
  })

  test('is refused while another fpki process holds it, and free when that is killed', async () => {
    const path = await lockPath()
    const holder = await otherHolder(path)
    expect(await lock(path)).toBeNull()
    expect(await isFree(path)).toBe(false)
    const gone = new Promise((resolve) => holder.once('exit', resolve))
    holder.kill('SIGKILL')
    await gone
    const held = await lock(path)
    expect(held).not.toBeNull()
    await held?.release()
  })

  test('is not inherited by a program that its holder starts', async () => {
    const path = await lockPath()
    const held = await lock(path)
    const child = spawn('sleep', ['30'], { stdio: 'ignore' })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    await held?.release()
    expect(await isFree(path)).toBe(true)
  })

  test('does not change an existing file', async () => {
    const path = await lockPath()
    await writeFile(path, 'somebody’s')
    const held = await lock(path)
    expect(await readFile(path, 'utf8')).toBe('somebody’s')
    await held?.release()
  })

  test('leaves no file open, refused or released', async () => {
    const path = await lockPath()
    const open = () => output('sh', ['-c', `ls -l /proc/${process.pid}/fd | grep -c '${path}' || true`])
    const held = await lock(path)
    await lock(path)
    expect(await open()).toBe('1\n')
    await held?.release()
    expect(await open()).toBe('0\n')
  })
})

describe('without a working flock program', () => {
  const refusal = (reason: string) =>
    expect.objectContaining({
      code: 'ERR_STORAGE',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining('util-linux'),
    })

  test('the error names the package to install', async () => {
    vi.stubEnv('PATH', '/nowhere')
    await expect(lock(await lockPath())).rejects.toEqual(refusal('cannot start it (ENOENT)'))
  })

  test('an unexpected exit status is an error', async () => {
    const folder = await temporaryDirectory()
    await writeFile(join(folder, 'flock'), '#!/bin/sh\nexit 71\n', { mode: 0o755 })
    vi.stubEnv('PATH', folder)
    await expect(lock(join(folder, 'lock'))).rejects.toEqual(refusal('it exited with status 71'))
  })
})
