/** Limits that all services for devices have. */

/** How long a client waits before it asks again for what is not possible now, in seconds. */
export const RETRY_AFTER = 5

/** So many requests with their bodies (64 MB) fit into memory; a client may send more without waiting for any answer. */
export const MOST_IN_PROGRESS = 4096

/** So that a balancer in front of several instances gets to spread long connections again. */
export const MAX_REQUESTS_PER_SOCKET = 10_000
