import { FpkiError } from '../../errors.js'

/** How many shares there are to be, and how many of them make the whole. */
export interface Sharing {
  readonly threshold: number
  readonly count: number
}

/** More sheets than anybody has safe places for. */
const MOST = 20

/** `3/5` as it was written. Throws ERR_USAGE. */
export function readSharing(word: string): Sharing {
  const [, threshold, count] = /^(\d{1,2})\/(\d{1,2})$/.exec(word)?.map(Number) ?? []
  if (threshold !== undefined && count !== undefined && threshold >= 2 && threshold <= count && count <= MOST) {
    return { threshold, count }
  }
  const hint = `Give 3/5 for five sheets of which any three are enough; 2/2 to ${MOST}/${MOST} are possible.`
  throw new FpkiError('ERR_USAGE', `Invalid number of shares: ${JSON.stringify(word)}.`, hint, { option: 'shares' })
}
