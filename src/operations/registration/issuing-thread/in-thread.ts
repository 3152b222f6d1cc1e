import { Worker } from 'node:worker_threads'
import type { SqliteOptions } from '../../../devices/open.js'
import { FpkiError } from '../../../errors.js'
import {
  type Answer,
  type Call,
  type Calls,
  type ErrorParts,
  type IssuingRegister,
  type IssuingThread,
  OPENED,
} from './calls.js'

/** In megabytes, without the page cache of SQLite. */
const LIMITS = { maxYoungGenerationSizeMb: 32, maxOldGenerationSizeMb: 128 }

/** A call without an answer yet. */
interface Waiting {
  readonly promise: Promise<unknown>
  resolve(result: never): void
  reject(reason: unknown): void
}

/**
 * Opens a SQLite register in a worker thread, so that neither SQL nor the disk keeps this thread from its clients. What a method
 * resolves to has been committed; `close` waits for all calls before it.
 *
 * Besides the errors of the register, its methods reject with ERR_THREAD when the thread died.
 *
 * @param program path of the bundle of thread.ts
 * @throws as openDeviceRegister, and FpkiError ERR_THREAD
 */
export async function registerInThread(
  options: SqliteOptions,
  program: string,
): Promise<IssuingRegister & { readonly issuing: IssuingThread; readonly failure: Promise<FpkiError> }> {
  const thread = startThread(options, program)
  try {
    await thread.opened
  } catch (error) {
    await thread.terminate()
    throw error
  }
  const { call } = thread
  return {
    lookUp: call('lookUp'),
    commit: call('commit'),
    abandon: call('abandon'),
    renew: call('renew'),
    presented: call('presented'),
    seen: call('seen'),
    statuses: call('statuses'),
    lifeCounts: call('lifeCounts'),
    head: call('head'),
    lines: { get: call('lines.get'), list: call('lines.list') },
    credentials: {
      token: call('credentials.token'),
      tokens: call('credentials.tokens'),
      stations: call('credentials.stations'),
      stationByCertificate: call('credentials.stationByCertificate'),
      listed: call('credentials.listed'),
    },
    outbox: {
      take: call('outbox.take'),
      delivered: call('outbox.delivered'),
      conflict: call('outbox.conflict'),
      failed: call('outbox.failed'),
      state: call('outbox.state'),
    },
    issuing: { open: call('issuing.open'), issue: call('issuing.issue') },
    failure: thread.failure,
    close: thread.close,
  }
}

/** What a call resolves to. */
type Result<Name extends keyof Calls> = Awaited<ReturnType<Calls[Name]>>

/** A call by its name, typed as the method of the register. */
type Caller = <Name extends keyof Calls>(name: Name) => (...words: Parameters<Calls[Name]>) => Promise<Result<Name>>

function startThread(workerData: SqliteOptions, program: string) {
  // Without this process's environment and options: the thread needs neither.
  const worker = new Worker(program, {
    workerData,
    env: {},
    execArgv: [],
    resourceLimits: LIMITS,
  })
  const waiting = new Map<number, Waiting>()
  let last = OPENED
  let ended: { readonly reason: unknown } | null = null
  let closing: Promise<void> | null = null

  const end = (reason: unknown) => {
    ended ??= { reason }
    for (const { reject } of waiting.values()) reject(ended.reason)
    waiting.clear()
  }
  const answerTo = <Out>(id: number): Promise<Out> => {
    const { promise, resolve, reject } = newPromise<Out>()
    waiting.set(id, { promise, resolve, reject })
    return promise
  }
  const post = <Name extends keyof Calls>(name: Name, words: Parameters<Calls[Name]>) =>
    new Promise<Result<Name>>((resolve) => {
      if (ended !== null) throw ended.reason
      const call: Call<Name> = { id: ++last, name, arguments: words }
      worker.postMessage(call)
      resolve(answerTo<Result<Name>>(call.id))
    })
  const call: Caller =
    (name) =>
    (...words) =>
      closing === null ? post(name, words) : Promise.reject(isClosed())
  const close = async () => {
    await Promise.allSettled([...waiting.values()].map(({ promise }) => promise))
    try {
      if (ended === null) await post('close', [])
    } finally {
      end(isClosed())
      await worker.terminate()
    }
  }
  const opened = answerTo<void>(OPENED)
  worker.on('message', (answer: Answer<never>) => {
    const call = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('result' in answer) call?.resolve(answer.result)
    else call?.reject('error' in answer ? errorOf(answer.error) : answer.bug)
  })
  const failure = newPromise<FpkiError>()
  const die = (reason: FpkiError) => {
    if (ended === null) failure.resolve(reason)
    end(reason)
  }
  worker.on('error', (error) => die(threadEnded(error.message, error)))
  worker.on('exit', (status) => die(threadEnded(`exit status ${status}`)))
  const closeOnce = () => {
    closing ??= close()
    return closing
  }
  return { opened, call, failure: failure.promise, close: closeOnce, terminate: () => worker.terminate() }
}

function newPromise<Out>() {
  let resolve: (result: Out) => void = () => undefined
  let reject: (reason: unknown) => void = () => undefined
  const promise = new Promise<Out>((...both) => {
    ;[resolve, reject] = both
  })
  return { promise, resolve, reject }
}

function errorOf({ code, message, hint, option }: ErrorParts): FpkiError {
  return new FpkiError(code, message, hint, option === null ? {} : { option })
}

function isClosed(): Error {
  return new Error('the register is closed')
}

function threadEnded(how: string, cause?: unknown): FpkiError {
  return new FpkiError(
    'ERR_THREAD',
    `The worker thread of the device register ended before its work was done (${how}).`,
    'Start the service again; what was committed is in the register. If memory is short, close other programs first.',
    { cause },
  )
}
