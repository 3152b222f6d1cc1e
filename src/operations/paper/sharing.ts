import { FpkiError } from '../../errors.js'

/** How many shares to make, and how many of them recover the key. */
export interface Sharing {
  readonly threshold: number
  readonly count: number
}

/** More sheets than anyone has safe places for. */
const MAX_SHARES = 20

/** Parses `3/5`. Throws ERR_USAGE. */
export function readSharing(word: string): Sharing {
  const [, threshold, count] = /^(\d{1,2})\/(\d{1,2})$/.exec(word)?.map(Number) ?? []
  if (threshold !== undefined && count !== undefined && threshold >= 2 && threshold <= count && count <= MAX_SHARES) {
    return { threshold, count }
  }
  const hint = `Use K/N, from 2/2 to ${MAX_SHARES}/${MAX_SHARES}: with 3/5, any three of five sheets recover the key.`
  throw new FpkiError('ERR_USAGE', `Invalid number of shares: ${JSON.stringify(word)}.`, hint, { option: 'shares' })
}
