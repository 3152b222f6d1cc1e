import { expect } from 'vitest'
import { checkAuditLogResult } from '../../src/index.js'
import { bundledScript } from '../support/bundles.js'
import { type Ended, type Home, runProgram } from '../support/cli.js'
import { readJournal } from '../support/journal.js'
import { pointsToTry } from '../support/points.js'
import { PIN, type TestToken } from '../support/token.js'
import { snapshot } from './snapshot.js'

const KILLED = bundledScript('killed-change')

/** How a command is killed. */
export interface Kill {
  readonly home: Home
  readonly directory: string
  readonly command: string
  readonly nth: number
  /** In relation to a write of the journal, or to a call of the API. */
  readonly when: 'before' | 'after' | 'before-call' | 'after-call'
  readonly token?: TestToken
  /** A Factory API over HTTP, in the place of the embedded one. */
  readonly server?: { readonly url: string; readonly token: string; readonly cacert: string }
}

/** Runs a command that kills itself at such a moment; false: there was none, and it came to its end. */
export async function killed(kill: Kill): Promise<boolean> {
  const { signal, status, stderr } = await runKilled(kill)
  if (signal !== 'SIGKILL') expect(stderr + status).toBe('0')
  return signal === 'SIGKILL'
}

/** Which of the moments to try at which a command can be killed. It runs once to its end. */
export async function momentsToTry(kill: Omit<Kill, 'nth'>, test: string): Promise<Moments> {
  const { status, stdout, stderr } = await runKilled({ ...kill, nth: 0 })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const all = Number(stdout)
  return { all, tried: pointsToTry(Array(all).fill('moment'), test) }
}

/** The numbers of some moments, of so many. */
export interface Moments {
  readonly all: number
  readonly tried: readonly number[]
}

function runKilled({ home, directory, command, nth, when, token, server }: Kill): Promise<Ended> {
  const hsm = token && {
    FPKI_TEST_HSM: JSON.stringify({ module: token.module, label: token.label, pin: PIN }),
    ...token.env,
  }
  const api = server && { FPKI_TEST_API: JSON.stringify(server) }
  const words = [KILLED, command, directory, home.state, String(nth), when]
  return runProgram(process.execPath, words, { env: { HOME: home.path, ...hsm, ...api } })
}

/** `ca resume` brings the command to its end: audit log and PKI hold, and nothing is left over. */
export async function expectResumed(home: Pick<Home, 'fpki'>, directory: string): Promise<void> {
  const resumed = await home.fpki(['ca', 'resume', directory, '--quiet'])
  expect(resumed.stderr).toBe('')
  expect(resumed.status).toBe(0)
  expect((await readJournal(directory)).finishedAt).not.toBeNull()
  const log = await home.fpki(['ca', 'log', 'verify', directory, '--json'])
  expect(checkAuditLogResult.parse(JSON.parse(log.stdout))).toMatchObject({ problems: [], unsigned: 0, torn: false })
  const verified = await home.fpki(['ca', 'verify', directory, '--json'])
  expect(JSON.parse(verified.stdout).findings.filter(({ status }: { status: string }) => status === 'failure')).toEqual(
    [],
  )
  expect(Object.keys(await snapshot(directory)).filter((name) => /history.*unfinished|pending\//.test(name))).toEqual(
    [],
  )
}
