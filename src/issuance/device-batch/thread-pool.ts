import { Worker } from 'node:worker_threads'
import { FpkiError, systemErrorCode } from '../../errors.js'
import type { ThreadAnswer, ThreadData, ThreadTask } from './messages.js'

/** How many worker threads there are, and what they run. */
export interface Threads {
  readonly threads: number
  /** Path of the bundle of thread.ts. */
  readonly program: string
}

/** Worker threads that share the tasks. */
export interface ThreadPool {
  /** Resolves to the packed rows of the answer. Rejects with the FpkiError of the task, ERR_THREAD, or the signal's reason. */
  run(task: ThreadTask): Promise<ArrayBuffer>
  /** Ends the threads, and rejects the tasks that are not done. */
  close(): Promise<void>
}

interface Job {
  readonly task: ThreadTask
  resolve(rows: ArrayBuffer): void
  reject(reason: unknown): void
}

interface Thread {
  readonly worker: Worker
  /** Posted and not answered, in order. */
  readonly jobs: Job[]
}

/** With tasks waiting in it, a thread does not wait for this one, even on a busy machine. */
const POSTED_TASKS = 4

/** Starts the threads. They never keep the process alive by themselves, and end with the pool or the signal. */
export function threadPool(
  { threads, program }: Threads,
  data: ThreadData,
  signal: AbortSignal | undefined,
): ThreadPool {
  signal?.throwIfAborted()
  /** Signing goes before checking, so that there is work left while this thread commits what was signed. */
  const waiting: Readonly<Record<'sign' | 'check', Job[]>> = { sign: [], check: [] }
  let ended: { readonly reason: unknown } | null = null
  const pool = Array.from({ length: threads }, () => startThread(program, data))

  const end = (reason: unknown) => {
    ended ??= { reason }
    signal?.removeEventListener('abort', abort)
    for (const job of [
      ...pool.flatMap(({ jobs }) => jobs.splice(0)),
      ...waiting.sign.splice(0),
      ...waiting.check.splice(0),
    ])
      job.reject(ended.reason)
    return Promise.all(pool.map(({ worker }) => worker.terminate()))
  }
  const abort = () => void end(signal?.reason)
  const post = () => {
    for (;;) {
      const thread = pool.toSorted((a, b) => a.jobs.length - b.jobs.length)[0]
      const isFree = thread !== undefined && thread.jobs.length < POSTED_TASKS
      const job = isFree ? (waiting.sign.shift() ?? waiting.check.shift()) : undefined
      if (thread === undefined || job === undefined) return
      thread.jobs.push(job)
      thread.worker.ref()
      thread.worker.postMessage(job.task, [job.task.rows])
    }
  }
  const take = ({ worker, jobs }: Thread, answer: ThreadAnswer) => {
    const job = jobs.shift()
    if (jobs.length === 0) worker.unref()
    post()
    if ('rows' in answer) job?.resolve(answer.rows)
    else job?.reject(new FpkiError(answer.error.code, answer.error.message, answer.error.hint))
  }

  for (const thread of pool) {
    thread.worker.on('message', (answer: ThreadAnswer) => take(thread, answer))
    thread.worker.on('error', (error: unknown) => void end(failureOf(error)))
    thread.worker.on('exit', (status) => void end(threadEnded(`exit status ${status}`)))
    // Not earlier: listening to messages would keep the process alive again.
    thread.worker.unref()
  }
  signal?.addEventListener('abort', abort)
  return {
    run: (task) =>
      new Promise((resolve, reject) => {
        if (ended !== null) {
          reject(ended.reason)
          return
        }
        waiting[task.kind === 'check' ? 'check' : 'sign'].push({ task, resolve, reject })
        post()
      }),
    close: async () => {
      await end(new Error('the batches are closed'))
    },
  }
}

/** In megabytes. A thread holds a few slices of rows; with the defaults of V8, each would keep a hundred. */
const LIMITS = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 128 }

/** Without this process's environment and options: the thread needs neither. */
function startThread(program: string, workerData: ThreadData): Thread {
  return { worker: new Worker(program, { workerData, env: {}, execArgv: [], resourceLimits: LIMITS }), jobs: [] }
}

/** What the caller sees when a thread dies of an error: that error, if it is a bug of fpki's. */
function failureOf(error: unknown): unknown {
  const code = systemErrorCode(error) ?? ''
  return /^ERR_WORKER|MODULE_NOT_FOUND$/.test(code) ? threadEnded(code, error) : error
}

function threadEnded(how: string, cause?: unknown): FpkiError {
  return new FpkiError(
    'ERR_THREAD',
    `A worker thread of fpki ended before its work was done (${how}).`,
    'Run the same command again; it continues where it stopped. If memory is short, close other programs first.',
    { cause },
  )
}
