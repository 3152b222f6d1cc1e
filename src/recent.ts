/** Puts a value at the end of a Map with at most `most`: the one that was put there longest ago is forgotten. */
export function putNewest<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, most: number): void {
  map.delete(key)
  const [oldest] = map.keys()
  if (map.size >= most && oldest !== undefined) map.delete(oldest)
  map.set(key, value)
}

/** Whether less than `within` has passed since `at`, in milliseconds. Not when the clock has been set back. */
export function isRecent(at: number, within: number, now: number): boolean {
  return now >= at && now - at < within
}
