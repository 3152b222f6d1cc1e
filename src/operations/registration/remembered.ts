import type { Clock } from '../../ports.js'

/** How long answers are remembered, in milliseconds, and how many. */
export interface MemoryLimits {
  readonly for: number
  readonly most: number
}

/** Asks `ask` once for each key, and again when the answer is old or was an error. The oldest answers are forgotten first. */
export function remembered<T>(
  ask: (key: string) => Promise<T>,
  limits: MemoryLimits,
  clock: Clock,
): (key: string) => Promise<T> {
  const answers = new Map<string, { readonly answer: Promise<T>; readonly at: number }>()
  return (key) => {
    const now = clock().getTime()
    const cached = answers.get(key)
    // The clock may have been set back.
    if (cached !== undefined && now >= cached.at && now - cached.at < limits.for) return cached.answer
    answers.delete(key)
    const [oldest] = answers.keys()
    if (answers.size >= limits.most && oldest !== undefined) answers.delete(oldest)
    const entry = { answer: ask(key), at: now }
    answers.set(key, entry)
    entry.answer.catch(() => {
      if (answers.get(key) === entry) answers.delete(key)
    })
    return entry.answer
  }
}
