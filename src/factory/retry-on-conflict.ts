import { CONFLICT, FactoryApiError } from './api.js'

/** Whoever meets so many changes by others in a row is better off with an error than with more waiting. */
const ATTEMPTS = 20

/**
 * Reads, decides and sends, and does so again when somebody else has changed the certificates in between. Throws what
 * `attempt` throws; a conflict only when that happened each time.
 *
 * @param attempt reads the certificates anew, and sends an update that is conditional on their version
 */
export async function retryOnConflict<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      if (attempts >= ATTEMPTS || !isConflict(error)) throw error
    }
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof FactoryApiError && error.status === CONFLICT
}
