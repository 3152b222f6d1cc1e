import { setImmediate } from 'node:timers/promises'

/** Work that is done for many callers together. */
export interface Batches<In, Out> {
  /** Resolves to what became of `item`. Rejects as the work of its batch does, and after {@link close}. */
  add(item: In): Promise<Out>
  /** Resolves when all that was added is done. Nothing can be added any more. */
  close(): Promise<void>
}

/** How large batches are, and how many are worked on at once. */
export interface BatchLimits {
  readonly most: number
  readonly atOnce: number
}

interface Waiting<In, Out> {
  readonly item: In
  resolve(out: Out): void
  reject(reason: unknown): void
}

/**
 * Gathers items into batches as they come: what is added while batches are under way forms the next one, so that nobody waits
 * for a timer, and batches grow with the load.
 *
 * @param work resolves to the results in the order of the items
 */
export function inBatches<In, Out>(
  work: (items: readonly In[]) => Promise<readonly Out[]>,
  { most, atOnce }: BatchLimits,
): Batches<In, Out> {
  const waiting: Waiting<In, Out>[] = []
  let running = 0
  let isStarting = false
  let isClosed = false
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })

  const next = () => {
    while (running < atOnce && waiting.length > 0) void run(waiting.splice(0, most))
    if (isClosed && running === 0) finish()
  }
  const run = async (batch: readonly Waiting<In, Out>[]) => {
    running++
    try {
      const results = await work(batch.map(({ item }) => item))
      if (results.length !== batch.length) throw new Error('an answer is missing in a batch')
      for (const [at, result] of results.entries()) batch[at]?.resolve(result)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
    running--
    next()
  }
  const start = async () => {
    isStarting = true
    // What the same turn of the event loop brings is one batch.
    await setImmediate()
    isStarting = false
    next()
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        if (isClosed) throw new Error('nothing can be added: the batches are closed')
        waiting.push({ item, resolve, reject })
        if (running < atOnce && !isStarting) void start()
      }),
    close: () => {
      isClosed = true
      next()
      return finished
    },
  }
}
