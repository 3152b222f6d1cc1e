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
  const child = runner
  last += 1
  const id = last
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject })
    child.send({ id, ...program })
    keepThisProcess(true)
  })
}

function startRunner(): ChildProcess {
  const child = fork(RUNNER, {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.on('message', (answer: Answer) => {
    const asker = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('ended' in answer) asker?.resolve(answer.ended)
    else asker?.reject(answer.failure)
    keepThisProcess(waiting.size > 0)
  })
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the process that runs programs has ended'))
    waiting.clear()
    runner = undefined
  })
  return child
}

/** Whether the runner keeps this process from ending; without something to run it does not. */
function keepThisProcess(isKept: boolean): void {
  const how = isKept ? 'ref' : 'unref'
  runner?.[how]()
  runner?.channel?.[how]()
}
