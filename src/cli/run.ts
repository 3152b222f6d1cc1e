import { homedir } from 'node:os'
import { FpkiError } from '../errors.js'
import { VERSION } from '../version.js'
import { EXIT } from './exit.js'
import type { Io } from './output.js'

/**
 * Runs fpki with the arguments, environment, streams and signals of this process. Resolves to the exit code.
 *
 * The first SIGINT or SIGTERM stops cleanly before the next step; a second one has its default effect.
 *
 * @param machine ports that replace those of this machine; only tests give them
 */
export async function run(machine: Io['machine'] = {}): Promise<number> {
  // Private by default; where fpki wants a wider mode, it sets it explicitly.
  process.umask(0o077)
  const output = watchOutput(process)
  const words = process.argv.slice(2)
  const input = { isOpen: false }
  const io = ioOf(process, { signal: stopSignal(process), output, input, machine })
  const status = await main(words, io)
  // After an interruption, a read may wait for a writer that stays silent, and keep the process alive.
  if (input.isOpen) process.stdin.destroy()
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
 * Watches stdout and stderr for write errors. A closed pipe, as with `… | head`, must not stop a command halfway; other
 * write errors on stdout make it fail in the end.
 */
function watchOutput({ stdout, stderr }: NodeJS.Process): WatchedOutput {
  const state = { failed: false, lost: false, isReported: false }
  stderr.on('error', () => undefined)
  stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    state.lost = true
    if (code === 'EPIPE' || state.failed || state.isReported) return
    state.failed = true
    stderr.write(`error: Cannot write to stdout (${code}). [ERR_STORAGE]\n  Redirect the output to another place.\n`)
  })
  const flush = async () => {
    if (!stdout.destroyed) await new Promise((resolve) => stdout.write('', resolve))
    // The error event follows the callback.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { state, flush }
}

interface WatchedOutput {
  /** `lost`: some output was not written; `failed`: for another reason than a closed pipe. */
  readonly state: {
    readonly failed: boolean
    readonly lost: boolean
    /** Whether the command itself reports what cannot be written. */
    isReported: boolean
  }
  /** Resolves when everything was written, or has failed. */
  flush(): Promise<void>
}

/** Answers without loading the rest of the program. */
function printVersion({ stdout }: Io): number {
  stdout(`${VERSION}\n`)
  return 0
}

/** What a run has besides its process. */
interface Run {
  readonly signal: AbortSignal
  readonly output: WatchedOutput
  readonly input: { isOpen: boolean }
  readonly machine: Io['machine']
}

function ioOf(process: NodeJS.Process, { signal, output, input, machine }: Run): Io {
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
    // Getters, because loading node:tty and stdin slows down every start.
    get askSecret() {
      return onTerminal(process) ? (question: string) => askSecretly(process, question, signal) : null
    },
    get ask() {
      return onTerminal(process) ? (question: string) => askOpenly(process, question, signal) : null
    },
    outcome: { status: 0 },
    get stdin() {
      input.isOpen = true
      return process.stdin
    },
    machine,
    stdout: (text) => stdout.write(text),
    stdoutOctets: async (octets) => {
      output.state.isReported = true
      await (await import('../machine/devices.js')).streamSink(stdout).write(octets)
    },
    stderr: (text) => stderr.write(text),
    terminal: {
      get stdin() {
        return isTerminal(process, 0)
      },
      stdout: stdout.isTTY === true,
      stderr: stderr.isTTY === true,
      get columns() {
        return stdout.columns || stderr.columns || 80
      },
    },
  }
}

/** Empty for a user without one, such as an arbitrary user ID in a container. */
function homeDirectory(): string {
  try {
    return homedir()
  } catch {
    return ''
  }
}

function onTerminal(process: NodeJS.Process): boolean {
  return isTerminal(process, 0) && process.stderr.isTTY
}

function isTerminal({ getBuiltinModule }: NodeJS.Process, descriptor: number): boolean {
  return getBuiltinModule('node:tty').isatty(descriptor)
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
    // interrupted.ts replaces the hint once it is clear whether progress was saved.
    on.once(name, () => controller.abort(new FpkiError(`ERR_${name}`, `Interrupted by ${name}.`, 'Run it again.')))
  }
  return controller.signal
}
