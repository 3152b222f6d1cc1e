/** What is to be closed after a use case, in the order in which it was opened. */
export type Closers = (() => Promise<void>)[]

/** Closes all, the newest first, each also when another cannot be closed; throws the first error. A second call does nothing. */
export async function closeAll(closers: Closers): Promise<void> {
  const errors: unknown[] = []
  for (const one of closers.splice(0).reverse()) await one().catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw errors[0]
}
