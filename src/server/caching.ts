/**
 * One reading for all who ask for it at the same time: it begins in the next turn of the event loop, behind everybody
 * who asks until then, so that nobody is given what was read before he asked. Many connections cost one reading a
 * turn, and a change is seen at once, because nothing is kept.
 *
 * @param read reads what `key` names
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
 * What `make` gives for a key, made again only when the text that it is made from has become another one: reading a file is
 * cheap, and parsing it is not. The text is compared whole; times and sizes of files can be the same after a change.
 *
 * @param textOf null: there is none, and nothing is kept
 */
export function cachedByText<T>(
  textOf: (key: string) => Promise<string | null>,
  make: (key: string) => Promise<T>,
): (key: string) => Promise<T> {
  const kept = new Map<string, { readonly text: string; readonly made: T }>()
  return async (key) => {
    const text = await textOf(key)
    const last = kept.get(key)
    if (text !== null && last?.text === text) return last.made
    const made = await make(key)
    // It may have changed while it was read.
    if (text === null || (await textOf(key)) !== text) kept.delete(key)
    else kept.set(key, { text, made })
    return made
  }
}

/** One work after the other for each key: whoever comes later waits for all before him, whatever became of them. */
export function serialized(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return async (key, work) => {
    const mine = (last.get(key) ?? Promise.resolve()).then(work, work)
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}
