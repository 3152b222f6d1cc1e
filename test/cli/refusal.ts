import { expect } from 'vitest'
import { errorDocument } from '../../src/cli/documents.js'
import type { Ended, Home, Start } from '../support/cli.js'
import { snapshot, snapshotButAuditLog } from './snapshot.js'

/** How a command is refused. */
export interface Refusal {
  readonly status: number
  readonly code: string
  /** Each must be in what the person reads. */
  readonly names: readonly string[]
}

/** Why something was not signed: the audit log has it. */
const LOGGED = ['ERR_BAD_CSR', 'ERR_BAD_CERTIFICATE', 'ERR_CLOCK', 'ERR_PROFILE', 'ERR_SIGNATURE']

/** Runs a command that must be refused, in words and as JSON, and checks that it has changed nothing in its HOME. */
export async function expectRefusal(
  home: Home,
  words: readonly string[],
  refusal: Refusal,
  start: Start = {},
): Promise<void> {
  const look = LOGGED.includes(refusal.code) || words.includes('sign') ? snapshotButAuditLog : snapshot
  const before = await look(home.path)
  const [command = '', action = '', ...rest] = words
  const asJson = ['ca', 'devices', 'lines', 'hsm', 'api', 'config'].includes(command)
    ? [command, action, '--json', ...rest]
    : [command, '--json', action, ...rest]
  // A refusal changes nothing, so that two at once do not get in each other's way; but SoftHSM rewrites its token at each
  // login, and another process may not see it just then; and a backup takes the lock before it looks.
  const first = home.fpki(words, start)
  if (words.includes('--hsm-module') || words.includes('backup')) await first
  const [inWords, inJson] = await Promise.all([first, home.fpki(asJson, start)])
  expectWords(inWords, refusal)
  expectJson(inJson, refusal)
  expect(await look(home.path)).toEqual(before)
}

/** The error in words on stderr, and nothing on stdout. */
export function expectWords({ status, stdout, stderr }: Ended, { names, ...refusal }: Refusal): void {
  expect(stderr).toContain(`[${refusal.code}]`)
  for (const name of names) expect(stderr).toContain(name)
  expect(stderr).not.toMatch(/^ {4}at /m)
  expect({ status, stdout }).toEqual({ status: refusal.status, stdout: '' })
}

/** The error as one JSON document on stdout, and no stack on stderr. */
export function expectJson({ status, stdout, stderr }: Ended, { names, ...refusal }: Refusal): void {
  const { error } = errorDocument.parse(JSON.parse(stdout))
  expect({ status, code: error.code }).toEqual(refusal)
  for (const name of names) expect(`${error.message}\n${error.hint}`).toContain(name)
  expect(stderr).not.toMatch(/^error:|^ {4}at /m)
}
