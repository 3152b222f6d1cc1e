import type { BatchLimits } from './in-batches.js'
import type { IssuingRegister } from './issuing-thread/calls.js'

/**
 * The rows of a commit, and how many batches are under way. A commit costs as much as signing a dozen certificates, so that a few
 * requests wait for more of them for a moment: one that comes with a new connection takes milliseconds. In one thread, two
 * batches: one is made while another is on its way to the disk. With a thread that issues, four and smaller ones: this thread
 * checks requests while that one works on what it has got.
 */
export function commitsOf({ issuing }: Pick<IssuingRegister, 'issuing'>): BatchLimits {
  const own = issuing === undefined ? { least: 16, wait: 5, atOnce: 2 } : { least: 8, wait: 1, atOnce: 4 }
  return { ...own, most: 256 }
}

/** Look-ups in the register at the same moment are one query. */
export const LOOK_UPS = { least: 1, most: 256, atOnce: 4, wait: 0 }

/**
 * A line is as it was a second ago at most when requests are decided on; whether it is open, and its quota, decides the
 * transaction.
 */
export const LINES = { for: 1000, most: 1000 }
