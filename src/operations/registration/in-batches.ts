import { setImmediate, setTimeout } from 'node:timers/promises'

/** Work that is done for many callers together. */
export interface Batches<In, Out> {
  /** Resolves to what became of `item`. Rejects as the work of its batch does, and after {@link close}. */
  add(item: In): Promise<Out>
  /** Resolves when all that was added is done. Nothing can be added any more. */
  close(): Promise<void>
}

/** How large batches are, and how many are worked on at once. */
export interface BatchLimits {
  /** Fewer items wait for others, but no longer than `wait`; what waits is shared by the batches that may begin. */
  readonly least: number
  readonly most: number
  readonly atOnce: number
  /** In milliseconds. */
  readonly wait: number
}

interface Waiting<In, Out> {
  readonly item: In
  resolve(out: Out): void
  reject(reason: unknown): void
}

/**
 * Gathers items into batches as they come: what is added while batches are under way forms the next one, so that batches grow
 * with the load.
 *
 * @param work resolves to the results in the order of the items
 */
export function inBatches<In, Out>(
  work: (items: readonly In[]) => Promise<readonly Out[]>,
  { least, most, atOnce, wait }: BatchLimits,
): Batches<In, Out> {
  const waiting: Waiting<In, Out>[] = []
  let running = 0
  let isStarting = false
  let isGathering = false
  let isClosed = false
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })

  const begin = () => {
    while (running < atOnce && waiting.length > 0) {
      const share = Math.ceil(waiting.length / (atOnce - running))
      void run(waiting.splice(0, Math.min(most, Math.max(least, share))))
    }
    if (isClosed && running === 0) finish()
  }
  const next = () => {
    if (isClosed || waiting.length >= least) begin()
    else if (waiting.length > 0) void start()
  }
  const start = async () => {
    if (running >= atOnce || isStarting) return
    isStarting = true
    // What the same turn of the event loop brings is one batch.
    await setImmediate()
    if (waiting.length < least && !isClosed) {
      isGathering = true
      await setTimeout(wait)
      isGathering = false
    }
    isStarting = false
    begin()
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

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        if (isClosed) throw new Error('nothing can be added: the batches are closed')
        waiting.push({ item, resolve, reject })
        if (isGathering && waiting.length >= least) begin()
        else void start()
      }),
    close: () => {
      isClosed = true
      next()
      return finished
    },
  }
}
