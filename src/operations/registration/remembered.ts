import type { Clock } from '../../ports.js'
import { isRecent, putNewest } from '../../recent.js'

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
    if (cached !== undefined && isRecent(cached.at, limits.for, now)) return cached.answer
    const entry = { answer: ask(key), at: now }
    putNewest(answers, key, entry, limits.most)
    entry.answer.catch(() => {
      if (answers.get(key) === entry) answers.delete(key)
    })
    return entry.answer
  }
}
