import { type FpkiCode, FpkiError } from '../../errors.js'

/** What became of an item: a result, or why it alone has none. */
export type Apart<Out> = { readonly result: Out } | { readonly error: FpkiError }

/** What one request in a batch is to blame for, such as a subject that the CA's name constraints exclude. */
const OF_ONE: readonly FpkiCode[] = ['ERR_PROFILE', 'ERR_CONSTRAINTS']

/**
 * Does work on all items together; when one of them must not be certified, it is found by halving, so that the others do not
 * fail with it. Rejects as the work does for every other reason, unless a part of the items may be done already.
 */
export async function apart<In, Out>(
  items: readonly In[],
  work: (items: readonly In[]) => Promise<readonly Out[]>,
): Promise<readonly Apart<Out>[]> {
  try {
    return (await work(items)).map((result) => ({ result }))
  } catch (error) {
    if (!(error instanceof FpkiError) || !OF_ONE.includes(error.code)) throw error
    if (items.length === 1) return [{ error }]
    const half = Math.ceil(items.length / 2)
    return [...(await partApart(items.slice(0, half), work)), ...(await partApart(items.slice(half), work))]
  }
}

/** What fails a part is not the fault of the others: they may be done. */
async function partApart<In, Out>(
  items: readonly In[],
  work: (items: readonly In[]) => Promise<readonly Out[]>,
): Promise<readonly Apart<Out>[]> {
  try {
    return await apart(items, work)
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
    return items.map(() => ({ error }))
  }
}
