import { FactoryApiError } from '../api.js'

/** The error for a request that the embedded Factory API refuses. */
export function refusal(factory: string, status: number, reason: string, hint?: string): FactoryApiError {
  const show = `To see its certificates: \`fpki ca show --pretty --factory ${factory}\`. Nothing was changed there.`
  return new FactoryApiError(
    status,
    `The embedded Factory API refused the request (${status}): ${reason}.`,
    hint ?? show,
    {
      reason,
    },
  )
}
