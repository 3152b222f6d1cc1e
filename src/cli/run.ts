import { homedir } from 'node:os'
import { FpkiError } from '../errors.js'
import { VERSION } from '../version.js'
import { EXIT } from './exit.js'
import type { Io } from './output.js'

/**
 * Runs fpki as this process: its arguments, environment, output and signals. Resolves to the exit code.
 *
 * The first SIGINT or SIGTERM asks for a clean stop before the next step; a second one has its usual effect.
 */
export async function run(): Promise<number> {
  // The modes that fpki asks for are final; a umask must neither widen nor narrow them.
  process.umask(0o077)
  const output = watchOutput(process)
  const words = process.argv.slice(2)
  const io = ioOf(process, stopSignal(process), output)
  const status = await main(words, io)
  await output.flush()
  return output.state.failed ? EXIT.ERR_STORAGE : status
}

/** Runs `fpki` with the words after its name, on any input and output, and resolves to the exit code. Never throws. */
export async function main(words: readonly string[], io: Io): Promise<number> {
  if (words.length === 1 && words[0] === '--version') return printVersion(io)
  const program = await import('./program.js')
  return program.main(words, io)
}

/**
 * Watches what happens to the output. Nobody reads stderr any more, or `… | head` has seen enough: that is no reason to
 * stop in the middle. Data that could not be written is one to fail in the end.
 */
function watchOutput({ stdout, stderr }: NodeJS.Process): WatchedOutput {
  const state = { failed: false, lost: false }
  stderr.on('error', () => undefined)
  stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    state.lost = true
    if (code === 'EPIPE' || state.failed) return
    state.failed = true
    stderr.write(`error: The output cannot be written (${code}). [ERR_STORAGE]\n  Write it to another place.\n`)
  })
  const flush = async () => {
    if (!stdout.destroyed) await new Promise((resolve) => stdout.write('', resolve))
    // The event of a failure follows the callback.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { state, flush }
}

interface WatchedOutput {
  /** `lost`: something was not written; `failed`: not because nobody reads it any more. */
  readonly state: { readonly failed: boolean; readonly lost: boolean }
  /** Resolves when all has been written, or has failed. */
  flush(): Promise<void>
}

/** The one answer that takes nothing else to be loaded. */
function printVersion({ stdout }: Io): number {
  stdout(`${VERSION}\n`)
  return 0
}

function ioOf(process: NodeJS.Process, signal: AbortSignal, output: WatchedOutput): Io {
  const { env, stdout, stderr, cwd } = process
  return {
    env,
    home: homeDirectory(),
    workingDirectory: () => {
      try {
        return cwd()
      } catch {
        return null
      }
    },
    signal,
    flushed: async () => {
      await output.flush()
      return !output.state.lost
    },
    // Looked at only when a question comes up: node:tty and stdin cost every start.
    get askSecret() {
      return onTerminal(process) ? (question: string) => askSecretly(process, question, signal) : null
    },
    get ask() {
      return onTerminal(process) ? (question: string) => askOpenly(process, question, signal) : null
    },
    outcome: { status: 0 },
    get stdin() {
      return process.stdin
    },
    machine: {},
    stdout: (text) => stdout.write(text),
    stderr: (text) => stderr.write(text),
    terminal: { stdout: stdout.isTTY === true, stderr: stderr.isTTY === true },
  }
}

/** Empty where nobody has one, as in a container with a user id of its own. */
function homeDirectory(): string {
  try {
    return homedir()
  } catch {
    return ''
  }
}

function onTerminal({ getBuiltinModule, stderr }: NodeJS.Process): boolean {
  return getBuiltinModule('node:tty').isatty(0) && stderr.isTTY
}

async function askOpenly({ stdin, stderr }: NodeJS.Process, question: string, signal: AbortSignal): Promise<string> {
  const { askLine } = await import('./prompt.js')
  return askLine(stdin, stderr, question, signal)
}

async function askSecretly({ stdin, stderr }: NodeJS.Process, question: string, signal: AbortSignal): Promise<string> {
  const { askSecret } = await import('./prompt.js')
  return askSecret(stdin, question, (text) => stderr.write(text), signal)
}

function stopSignal(on: NodeJS.Process): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // Whether progress was saved is known when the command has ended: interrupted.ts replaces the hint.
    on.once(name, () => controller.abort(new FpkiError(`ERR_${name}`, `Interrupted by ${name}.`, 'Run it again.')))
  }
  return controller.signal
}
