import * as z from 'zod/mini'
import { jsonDocument } from '../json-document.js'

/** What `fpki api serve --json` prints when it serves. */
export const serveApiResult = jsonDocument({
  url: z.string(),
  stateDirectory: z.string(),
  factories: z.array(z.string()),
  /** How many there are. */
  tokens: z.number(),
  /** What clients are to trust, when fpki made it; null: they know it already, or there is no TLS. */
  trust: z.nullable(z.strictObject({ path: z.string(), sha256: z.string() })),
})

/** See {@link serveApiResult}. */
export type ServeApiResult = z.infer<typeof serveApiResult>
