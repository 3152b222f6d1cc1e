import { homedir } from 'node:os'
import { FpkiError } from '../errors.js'
import { VERSION } from '../version.js'
import type { Io } from './output.js'

/**
 * Runs fpki as this process: its arguments, environment, output and signals. Resolves to the exit code.
 *
 * The first SIGINT or SIGTERM asks for a clean stop before the next step; a second one has its usual effect.
 */
export async function run(): Promise<number> {
  // `fpki … | head` closes the pipe early; that is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  const words = process.argv.slice(2)
  const io = ioOf(process, stopSignal(process))
  if (words.length === 1 && words[0] === '--version') return printVersion(io)
  const { main } = await import('./program.js')
  return main(words, io)
}

/** The one answer that takes nothing else to be loaded. */
function printVersion({ stdout }: Io): number {
  stdout(`${VERSION}\n`)
  return 0
}

function ioOf({ env, stdout, stderr, cwd }: NodeJS.Process, signal: AbortSignal): Io {
  return {
    env,
    home: homedir(),
    workingDirectory: cwd(),
    signal,
    stdout: (text) => stdout.write(text),
    stderr: (text) => stderr.write(text),
    terminal: { stdout: stdout.isTTY === true, stderr: stderr.isTTY === true },
  }
}

function stopSignal(on: NodeJS.Process): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    on.once(name, () => {
      const hint = 'Run the same command again; it goes on where it stopped.'
      controller.abort(new FpkiError(`ERR_${name}`, `Stopped by ${name}; nothing is half done.`, hint))
    })
  }
  return controller.signal
}
