/** Items in lists of `size`, whatever lists they arrive in; at the end, and before an error, what is left is a shorter list. */
export async function* chunksOf<T>(lists: AsyncIterable<readonly T[]>, size: number): AsyncGenerator<readonly T[]> {
  let waiting: T[] = []
  try {
    for await (const list of lists) {
      waiting.push(...list)
      while (waiting.length >= size) {
        yield waiting.slice(0, size)
        waiting = waiting.slice(size)
      }
    }
  } catch (error) {
    if (waiting.length > 0) yield waiting
    throw error
  }
  if (waiting.length > 0) yield waiting
}

/** Each item as a list, for {@link chunksOf}. */
export async function* oneByOne<T>(items: AsyncIterable<T>): AsyncGenerator<readonly T[]> {
  for await (const item of items) yield [item]
}

/** A list in parts of `size`; the last may be shorter. */
export function* slicesOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}
