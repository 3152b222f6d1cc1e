import * as z from 'zod/mini'
import { jsonDocument } from '../../json-document.js'

/** What `fpki devices relay --json` prints when it listens. */
export const relayResult = jsonDocument({
  url: z.string(),
  /** Where registrations go. */
  upstream: z.string(),
})

/** See {@link relayResult}. */
export type RelayResult = z.infer<typeof relayResult>
