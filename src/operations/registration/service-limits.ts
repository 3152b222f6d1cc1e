/**
 * The rows of a commit; and several batches, so that the thread that issues finds the next one when it has ended one. A commit
 * costs as much as signing some certificates, so that a few requests wait for more of them for a moment.
 */
export const COMMITS = { least: 8, most: 256, atOnce: 4, wait: 1 }

/** Look-ups in the register at the same moment are one query. */
export const LOOK_UPS = { least: 1, most: 256, atOnce: 4, wait: 0 }

/**
 * A line is as it was a second ago at most when requests are decided on; whether it is open, and its quota, decides the
 * transaction.
 */
export const LINES = { for: 1000, most: 1000 }
