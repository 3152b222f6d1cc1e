import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { createPkiResult } from '../../src/operations/create/create-pki.js'
import { FPKI, type Home, newHome, output, runProgram, temporaryDirectory } from '../support/cli.js'
import { PATIENT } from '../support/patience.js'
import { createUpTo, holdFactory } from './interruption.js'
import { madePki } from './made.js'
import { modes, namesBelow, snapshot } from './snapshot.js'

const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const

describe.each(SIGNALS)('%s during create', (signal, exitCode) => {
  test(`exits with ${exitCode} and complete files, and the same command finishes`, async () => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    const release = await holdFactory(home, 'acme')
    const waiting = await createUpTo('requests', { home, directory })
    waiting.kill(signal)
    const { status, stdout, stderr } = await waiting.ended
    expect({ status, stdout }).toEqual({ status: exitCode, stdout: '' })
    expect(stderr).toContain(
      `Interrupted by ${signal}. [ERR_${signal}]\n  Progress is saved; to finish: fpki ca resume ${directory}\n`,
    )
    expect(stderr).not.toMatch(/^ {4}at /m)
    await expectCleanStop(directory)
    await release()
    await expectResumed(home, directory)
  })

  test(`is printed as JSON with --json`, async () => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    await holdFactory(home, 'acme')
    const waiting = await createUpTo('requests', { home, directory, words: ['--json', '--no-local-ca'] })
    waiting.kill(signal)
    const { status, stdout } = await waiting.ended
    expect(status).toBe(exitCode)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: `ERR_${signal}` } })
  })
})

test('a second SIGINT does not wait for the step', async () => {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  const { path, began } = await slowFlock(60)
  const ended = home.fpki(['ca', 'create', directory], {
    env: { PATH: `${path}:${process.env['PATH']}` },
    onStart: async (child) => {
      await began()
      // Two that come before it has seen the first are one.
      const again = setInterval(() => child.kill('SIGINT'), 100)
      child.on('exit', () => clearInterval(again))
    },
  })
  expect(await ended).toMatchObject({ status: null, signal: 'SIGINT' })
})

test('Ctrl-C, which child processes receive too, is reported as an interruption', async () => {
  const home = await newHome()
  const directory = join(home.path, 'acme')
  const { path, began } = await slowFlock()
  // setsid(1) gives the processes a group of their own, as a shell does for what it runs in the foreground.
  const { status, stderr } = await runProgram('setsid', [process.execPath, FPKI, 'ca', 'create', directory], {
    env: { HOME: home.path, PATH: `${path}:${process.env['PATH']}` },
    onStart: async ({ pid }) => {
      await began()
      if (pid !== undefined) process.kill(-pid, 'SIGINT')
    },
  })
  expect(stderr).toContain('[ERR_SIGINT]')
  expect(status).toBe(130)
  expect((await home.fpki(['ca', 'create', directory])).status).toBe(0)
})

test('a signal after the last step has no effect', async () => {
  const { home, directory } = await madePki()
  const before = await snapshot(directory)
  const ended = await home.fpki(['ca', 'show', '--pretty'], { onStart: (child) => child.kill('SIGTERM') })
  expect([0, 143, null]).toContain(ended.status)
  expect(await snapshot(directory)).toEqual(before)
})

/** Whole files only, and a journal that says where it stopped. */
async function expectCleanStop(directory: string): Promise<void> {
  expect(await namesBelow(directory)).toEqual([
    '.fpki',
    '.fpki/journal.jsonl',
    '.fpki/lock',
    '.fpki/state.json',
    'factory_ca.key',
    'local-ca.key',
  ])
  await output('openssl', ['pkey', '-noout', '-in', join(directory, 'factory_ca.key')])
  await output('openssl', ['pkey', '-noout', '-in', join(directory, 'local-ca.key')])
}

/** The same command again keeps the root key, and ends as one that nobody disturbed. */
async function expectResumed(home: Home, directory: string): Promise<void> {
  const root = await readFile(join(directory, 'factory_ca.key'))
  const { status, stdout } = await home.fpki(['ca', 'create', directory, '--json'])
  expect(status).toBe(0)
  expect(createPkiResult.parse(JSON.parse(stdout)).resumed).toBe(true)
  expect(await readFile(join(directory, 'factory_ca.key'))).toEqual(root)
  const undisturbed = await madePki()
  expect(await modes(home.path)).toEqual(await modes(undisturbed.home.path))
  expect(await withoutRandomValues(home)).toEqual(await withoutRandomValues(undisturbed.home))
}

/** What `ca show --pretty` says of a home's PKI, with a mark for each value that no two runs share. */
async function withoutRandomValues(home: Home): Promise<string> {
  const { stdout } = await home.fpki(['ca', 'show', '--pretty'])
  return stdout
    .replaceAll(home.path, 'HOME')
    .replace(/\b[0-9a-f]{24}\b/g, 'USER')
    .replace(/\b(?:[0-9a-fA-F]{2}:){7,}[0-9a-fA-F]{2}\b/g, 'HEX')
    .replace(/\b\d{30,}\b/g, 'SERIAL')
    .replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'TIME')
}

/** A `flock` on the PATH that takes some seconds before it locks. */
async function slowFlock(seconds = 0.5): Promise<{ path: string; began: () => Promise<void> }> {
  const path = await temporaryDirectory()
  const marker = join(path, 'began')
  const real = (await output('sh', ['-c', 'command -v flock'])).trim()
  await writeFile(join(path, 'flock'), `#!/bin/sh\n: > ${marker}\nsleep ${seconds}\nexec ${real} "$@"\n`)
  await chmod(join(path, 'flock'), 0o755)
  return {
    path,
    began: () => vi.waitFor(() => readFile(marker, 'utf8').then(() => undefined), PATIENT),
  }
}
