import * as z from 'zod/mini'
import type { FactoryApi } from '../../factory/api.js'
import { jsonDocument } from '../../json-document.js'
import type { Clock } from '../../ports.js'

/** What `fpki api ping --json` prints. */
export const pingApiResult = jsonDocument({
  factory: z.string(),
  /** The Factory API that responded. */
  api: z.string(),
  user: z.strictObject({ polisId: z.string(), name: z.string() }),
  /** The factory has a root of trust. */
  isSet: z.boolean(),
  /** Total time of both requests. */
  milliseconds: z.number(),
})

/** See {@link pingApiResult}. */
export type PingApiResult = z.infer<typeof pingApiResult>

/** Queries the user and whether the factory has a PKI. Throws ERR_API. */
export async function pingApi(
  { factory }: { readonly factory: string },
  { api, clock }: { readonly api: FactoryApi; readonly clock: Clock },
): Promise<PingApiResult> {
  const begin = clock().getTime()
  const isSet = (await api.getCertificates()) !== null
  const { polisId, name } = await api.getUser()
  return { factory, api: api.name, user: { polisId, name }, isSet, milliseconds: clock().getTime() - begin }
}
