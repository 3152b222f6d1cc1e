import { spawn } from 'node:child_process'
import { access, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import type { Ended, Home } from '../support/cli.js'
import { readJournal } from '../support/journal.js'
import { PATIENT } from '../support/patience.js'

/** A `fpki ca create` in the middle of its work. */
export interface Waiting {
  readonly ended: Promise<Ended>
  kill(signal: NodeJS.Signals): void
}

/** Keeps the lock of an embedded factory, so that a command waits when it comes to ask its API. Resolves to the release. */
export async function holdFactory(home: Home, factory: string): Promise<() => Promise<void>> {
  const folder = join(home.state, 'factories', factory)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(join(folder, 'lock'), '', { mode: 0o600 })
  const holder = spawn('flock', [join(folder, 'lock'), 'sh', '-c', 'echo held; exec cat'], { stdio: 'pipe' })
  onTestFinished(() => {
    holder.kill('SIGKILL')
  })
  const gone = new Promise((resolve) => holder.on('close', resolve))
  await new Promise((resolve) => holder.stdout.once('data', resolve))
  return async () => {
    holder.stdin.end()
    await gone
  }
}

/** Starts `fpki ca create` on a factory acme that is held, and resolves when it waits for it in the step `step`. */
export async function createUpTo(
  step: string,
  { home, directory, words = [] }: { home: Home; directory: string; words?: readonly string[] },
): Promise<Waiting> {
  let kill: Waiting['kill'] = () => undefined
  const ended = home.fpki(['ca', 'create', directory, ...words], {
    onStart: (process) => {
      kill = (signal) => process.kill(signal)
    },
  })
  await vi.waitFor(async () => expect(await stateOf(directory, step)).toBe('started'), PATIENT)
  // From here on it only waits: this folder is the last that it makes before the lock.
  await vi.waitFor(() => access(join(home.state, 'factories', 'acme', 'keys')), PATIENT)
  return { ended, kill }
}

/** Leaves a `fpki ca create` that was interrupted while it waited for the Factory API. */
export async function interruptedCreate(home: Home, directory: string, words: readonly string[] = []): Promise<void> {
  const release = await holdFactory(home, 'acme')
  const waiting = await createUpTo('requests', { home, directory, words })
  waiting.kill('SIGTERM')
  expect((await waiting.ended).status).toBe(143)
  await release()
}

/** The state of a step in the journal of a PKI directory. */
async function stateOf(directory: string, step: string): Promise<string | undefined> {
  return (await readJournal(directory)).steps.find(({ name }) => name === step)?.state
}
