import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Ended, FPKI, type Home, newHome, runProgram } from '../support/cli.js'
import { copiedPki } from './made.js'

/** Runs a shell script in HOME. */
function shell(home: Home, script: string): Promise<Ended> {
  return runProgram('sh', ['-c', script], {
    env: { HOME: home.path, NODE: process.execPath, FPKI },
    cwd: home.path,
  })
}

/** fpki, in such a script. */
const RUN = '"$NODE" "$FPKI"'
const STACK = /^ {4}at |Node\.js v|EPIPE|ENOSPC: /m

describe('a closed pipe', () => {
  test.each(['', '--pretty', '--json'])('does not make `ca show %s | head -c 1` complain', async (flag) => {
    const { home } = await copiedPki()
    const { stdout, stderr } = await shell(home, `${RUN} ca show ${flag} | head -c 1`)
    expect(stdout).toHaveLength(1)
    expect(stderr).toBe('')
  })

  test('causes no failure and no stack trace', async () => {
    const { home } = await copiedPki()
    const { stderr } = await shell(home, `{ ${RUN} ca show; echo $? > status; } | true`)
    expect(stderr).toBe('')
    expect(await statusIn(home)).toBe('0')
  })

  test('on stdout does not stop create', async () => {
    const home = await newHome()
    const { stderr } = await shell(home, `{ ${RUN} ca create "$HOME/acme"; echo $? > status; } | true`)
    expect(stderr).not.toMatch(STACK)
    await expectWhole(home)
  })

  test('on stderr does not stop create', async () => {
    const home = await newHome()
    await shell(home, `{ ${RUN} ca create "$HOME/acme" 2>&1 >/dev/null; echo $? > status; } | true`)
    await expectWhole(home)
  })
})

describe('a full device', () => {
  test('on stdout is an error without a stack trace', async () => {
    const { home } = await copiedPki()
    const { status, stderr } = await shell(home, `${RUN} ca show --just-device-cas > /dev/full`)
    expect(stderr).not.toMatch(STACK)
    expect(stderr).toContain('[ERR_STORAGE]')
    expect(status).toBe(3)
  })

  test('on stderr does not stop create', async () => {
    const home = await newHome()
    await shell(home, `${RUN} ca create "$HOME/acme" 2> /dev/full; echo $? > status`)
    await expectWhole(home)
  })
})

test('closed output causes no stack trace', async () => {
  const { home } = await copiedPki()
  const { stderr } = await shell(home, `${RUN} ca show >&-`)
  expect(stderr).not.toMatch(STACK)
})

test('closed stdin, stdout and stderr do not stop create, and no output ends up in a file', async () => {
  const home = await newHome()
  await shell(home, `${RUN} ca create "$HOME/acme" <&- >&- 2>&-; echo $? > status`)
  await expectWhole(home)
  const lock = await readFile(join(home.path, 'acme', '.fpki', 'lock'), 'utf8')
  expect(lock).toBe('')
})

async function expectWhole(home: Home): Promise<void> {
  expect(await statusIn(home)).toBe('0')
  expect((await home.fpki(['ca', 'show', '--just-root'])).stdout).toBe(
    await readFile(join(home.path, 'acme', 'factory_ca.pem'), 'utf8'),
  )
}

async function statusIn(home: Home): Promise<string> {
  return (await readFile(join(home.path, 'status'), 'utf8')).trim()
}
