import { CONFLICT, FactoryApiError } from './api.js'

/** After so many conflicts in a row, fail rather than wait longer. */
const ATTEMPTS = 20

/**
 * Runs `attempt` again when the certificates changed between its read and its update. Throws what `attempt` throws, and a
 * conflict only after all attempts.
 *
 * @param attempt reads the certificates and sends an update that is conditional on their version
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
