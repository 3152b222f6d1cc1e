import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Ended, runBeside } from './run-beside.js'

export type { Ended } from './run-beside.js'

/** The program as it is installed; `npm test` builds it before the tests run. */
export const FPKI = fileURLToPath(new URL('../../bin/fpki.js', import.meta.url))

/** As {@link FPKI}, where the cost of passphrases is not the point. */
export const QUICK_FPKI = fileURLToPath(new URL('quick-fpki.mjs', import.meta.url))

/**
 * `openssl x509` reads all roots that the system trusts each time, which takes five times as long as all else that it
 * does; with this in its environment it trusts none.
 */
const NO_TRUSTED_ROOTS = { SSL_CERT_FILE: '/dev/null', SSL_CERT_DIR: '/dev/null' }

/** How a program is started; its environment is `env`, PATH and {@link NO_TRUSTED_ROOTS}, nothing else. */
export interface Start {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly stdin?: string | Uint8Array
  /** Leave stdin open: `onStart` writes to it. */
  readonly keepStdin?: true
  readonly uid?: number
  readonly gid?: number
  /** Called with the running process. When it returns a promise, the run ends after it, and fails when it does. */
  readonly onStart?: (process: ChildProcess) => unknown
}

/** Runs a program to its end. */
export function runProgram(program: string, words: readonly string[], start: Start = {}): Promise<Ended> {
  const { env = {}, cwd, stdin = '', keepStdin, uid, gid, onStart } = start
  const options = {
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...NO_TRUSTED_ROOTS, ...env },
    cwd: cwd ?? process.cwd(),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  }
  if (onStart === undefined && !keepStdin) return runBeside({ program, words, options, stdin })
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { ...options, stdio: 'pipe' })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (status, signal) => {
      started.then(() => resolve({ status, signal, stdout, stderr }), reject)
    })
    child.stdin.on('error', () => undefined)
    if (!keepStdin) child.stdin.end(stdin)
    const started = (async () => onStart?.(child))()
    started.catch(reject)
  })
}

/** Runs a program that must succeed, and resolves to its stdout. */
export async function output(program: string, words: readonly string[], start: Start = {}): Promise<string> {
  const ended = await runProgram(program, words, start)
  if (ended.status !== 0)
    throw new Error(`${program} ${words.join(' ')}: ${ended.status}\n${ended.stdout}${ended.stderr}`)
  return ended.stdout
}
