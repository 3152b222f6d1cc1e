import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import type * as Run from '../../src/cli/run.js'
import { quickLocks } from './quick-locks.js'
import './quick-trust.js'
import type { Ended, Start } from './run-program.js'

/** The program as it is installed; `npm test` builds it before the tests run. */
const { main }: Pick<typeof Run, 'main'> = createRequire(import.meta.url)('../../dist/cli/cli.js')

/** Encrypting with a passphrase is to cost a test nothing. Tests of what it costs start the program. */
export const PASSPHRASE_ROUNDS = 1000

/** Variables that fpki itself reads. Others are for libraries and child processes, which see those of this process. */
const OWN_VARIABLES = /^(FPKI_\w+|FIOCTL_\w+|XDG_\w+|HOME|CACERT|NO_COLOR|TERM)$/

/** The working folder of this process between runs, and how many runs are in progress. */
const usualFolder = process.cwd()
let running = 0

/** Does a run need a process of its own: signals, another user, libraries with an environment, a second working folder at once? */
export function needsProcess(words: readonly string[], start: Start): boolean {
  const { onStart, keepStdin, uid, gid, cwd, env = {} } = start
  if ([onStart, keepStdin, uid, gid].some((one) => one !== undefined)) return true
  if (cwd !== undefined && running > 0 && process.cwd() !== cwd) return true
  // A PKCS#11 module keeps to the environment in which it was loaded first.
  if (words[0] === 'hsm' || words.some((word) => /^--hsm-module|^pkcs11:/.test(word))) return true
  return !Object.keys(env).every((name) => OWN_VARIABLES.test(name))
}

/** Runs fpki in this process, as the shipped program does it, and resolves to what it did. */
export async function runInProcess(words: readonly string[], { cwd, ...start }: Start = {}): Promise<Ended> {
  if (cwd !== undefined) process.chdir(cwd)
  running += 1
  try {
    return await runMain(words, start)
  } finally {
    running -= 1
    if (running === 0) process.chdir(usualFolder)
  }
}

async function runMain(words: readonly string[], { env = {}, stdin }: Start): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  const status = await main(words, {
    env,
    home: env['HOME'] ?? '',
    workingDirectory: () => process.cwd(),
    signal: new AbortController().signal,
    askSecret: null,
    ask: null,
    outcome: { status: 0 },
    stdin: Readable.from(stdin === undefined ? [] : [Buffer.from(stdin)]),
    stdout: (text) => {
      stdout += text
    },
    stderr: (text) => {
      stderr += text
    },
    machine: { passphraseRounds: PASSPHRASE_ROUNDS, ...quickLocks() },
    terminal: { stdout: false, stderr: false },
  })
  return { status, signal: null, stdout, stderr }
}
