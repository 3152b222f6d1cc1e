/**
 * Coalesces concurrent reads: one read per key and turn of the event loop. It starts after all callers of this turn, so
 * nobody gets data from before their call, and nothing is cached.
 */
export function coalesced<T>(read: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const next = new Map<string, Promise<T>>()
  return (key) => {
    const planned = next.get(key)
    if (planned !== undefined) return planned
    const reading = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      next.delete(key)
      return read(key)
    })
    next.set(key, reading)
    return reading
  }
}

/**
 * Caches the result of `make` for each key as long as the text does not change: reading a file is cheap, parsing it is not.
 * The whole text is compared, because the time and size of a file can be the same after a change.
 *
 * @param textOf returns null for no text, which is not cached
 */
export function cachedByText<T>(
  textOf: (key: string) => Promise<string | null>,
  make: (key: string) => Promise<T>,
): (key: string) => Promise<T> {
  const cache = new Map<string, { readonly text: string; readonly result: T }>()
  return async (key) => {
    const text = await textOf(key)
    const last = cache.get(key)
    if (text !== null && last?.text === text) return last.result
    const result = await make(key)
    // The text may have changed meanwhile.
    if (text === null || (await textOf(key)) !== text) cache.delete(key)
    else cache.set(key, { text, result })
    return result
  }
}

/** Runs the work for each key one after the other, whether earlier work succeeded or not. */
export function serialized(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return async (key, work) => {
    const result = (last.get(key) ?? Promise.resolve()).then(work, work)
    last.set(key, result)
    try {
      return await result
    } finally {
      if (last.get(key) === result) last.delete(key)
    }
  }
}
