import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What a program did. */
export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A program to run, as for `spawn` of Node. */
export interface Program {
  readonly program: string
  readonly words: readonly string[]
  readonly options: { readonly env: object; readonly cwd: string; readonly uid?: number; readonly gid?: number }
  readonly stdin: string | Uint8Array
}

type Answer = { readonly id: number } & ({ readonly ended: Ended } | { readonly failure: Error })

interface Waiting {
  resolve(ended: Ended): void
  reject(reason: unknown): void
}

const RUNNER = fileURLToPath(new URL('program-runner.mjs', import.meta.url))
const waiting = new Map<number, Waiting>()
let runner: ChildProcess | undefined
let last = 0

/**
 * Runs a program to its end from a small process beside this one. To start it from here, Linux would copy the page tables of
 * a process that has grown to hundreds of megabytes, which takes longer than most of the programs.
 */
export function runBeside(program: Program): Promise<Ended> {
  runner ??= startRunner()
  const process = runner
  last += 1
  const id = last
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject })
    process.send({ id, ...program })
    keepIf(true)
  })
}

function startRunner(): ChildProcess {
  const child = fork(RUNNER, {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.on('message', (answer: Answer) => {
    const { resolve, reject } = waiting.get(answer.id) ?? { resolve: () => undefined, reject: () => undefined }
    waiting.delete(answer.id)
    if ('ended' in answer) resolve(answer.ended)
    else reject(answer.failure)
    keepIf(waiting.size > 0)
  })
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the process that runs programs has ended'))
    waiting.clear()
    runner = undefined
  })
  return child
}

/** It keeps this process only while something runs. */
function keepIf(isBusy: boolean): void {
  if (isBusy) {
    runner?.ref()
    runner?.channel?.ref()
  } else {
    runner?.unref()
    runner?.channel?.unref()
  }
}
