/** Calls `make` at the first call, and returns the same value from then on. */
export function lazy<T>(make: () => T): () => T {
  let result: { readonly value: T } | null = null
  return () => {
    result ??= { value: make() }
    return result.value
  }
}
