import { Readable } from 'node:stream'
import type { Io } from '../../src/cli/output.js'
import { PASSPHRASE_ROUNDS } from '../support/in-process.js'
import { quickLocks } from '../support/quick-locks.js'

/** What the program is given in a test that runs it in the test's own process; stdout goes to `stdout`. */
export function silentIo(stdout: (text: string) => void): Io {
  return {
    env: {},
    home: '',
    workingDirectory: () => '/',
    signal: new AbortController().signal,
    askSecret: null,
    ask: null,
    outcome: { status: 0 },
    stdin: Readable.from([]),
    machine: { passphraseRounds: PASSPHRASE_ROUNDS, ...quickLocks() },
    stdout,
    stderr: () => undefined,
    terminal: { stdout: false, stderr: false },
  }
}
