import { FactoryApiError } from '../api.js'

/** The embedded Factory API's no. */
export function refusal(
  status: number,
  reason: string,
  hint = 'Look at what it knows with `fpki ca show --pretty --factory FACTORY`; nothing was changed there.',
): FactoryApiError {
  return new FactoryApiError(status, `The embedded Factory API refuses (${status}): ${reason}.`, hint, { reason })
}
