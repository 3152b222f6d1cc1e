/**
 * One reading for all who ask for it at the same time: it begins in the next turn of the event loop, behind everybody
 * who asks until then, so that nobody is given what was read before he asked. Many connections cost one reading a
 * turn, and a change is seen at once, because nothing is kept.
 *
 * @param read reads what `key` names
 */
export function sharedReading<T>(read: (key: string) => Promise<T>): (key: string) => Promise<T> {
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

/** One work after the other for each key: whoever comes later waits for all before him, whatever became of them. */
export function inTurn(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
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
