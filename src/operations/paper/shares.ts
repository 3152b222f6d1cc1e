import { combine, split } from 'shamir-secret-sharing'
import { sameOctets } from '../../pki/octets.js'
import type { Random } from '../../ports.js'
import { toCrockford } from './crockford.js'
import { sheetError } from './frame.js'
import { keyDigest, type PaperKey, type PaperShare } from './parts.js'
import type { Sharing } from './sharing.js'

/** A passphrase of 160 bits, and its shares. Secret. */
export interface SharedPassphrase {
  readonly passphrase: string
  readonly shares: readonly Uint8Array[]
}

/** A new random passphrase, split with Shamir's secret sharing over GF(256). */
export async function sharedPassphrase({ threshold, count }: Sharing, random: Random): Promise<SharedPassphrase> {
  const secret = Uint8Array.from(random.bytes(20))
  return { passphrase: toCrockford(secret), shares: await split(secret, count, threshold) }
}

/** Throws ERR_BAD_FILE when there are too few shares, or one belongs to another key. */
export function requireShares(shares: readonly PaperShare[], key: PaperKey): void {
  const mismatched = shares.filter((share) => !sameOctets(keyDigest(key), share.key))
  if (mismatched.length > 0) {
    const numbers = mismatched.map(({ number }) => number).join(', ')
    throw sheetError(
      `share ${numbers} was not printed with this key: the key and its shares must be from the same printing`,
    )
  }
  const [{ threshold, count }] = shares as readonly [PaperShare]
  if (shares.length < threshold) {
    throw sheetError(
      tooFew(
        shares.map(({ number }) => number),
        threshold,
        count,
      ),
    )
  }
}

/** Recovers the passphrase of a key from its shares. Throws as {@link requireShares} does. */
export async function combinedPassphrase(shares: readonly PaperShare[], key: PaperKey): Promise<string> {
  requireShares(shares, key)
  return toCrockford(await combine(shares.map(({ share }) => Uint8Array.from(share))))
}

/** Which shares are present, and how many of which others are missing. */
function tooFew(present: readonly number[], threshold: number, count: number): string {
  const others = Array.from({ length: count }, (_, at) => at + 1).filter((number) => !present.includes(number))
  const list = present.toSorted((a, b) => a - b).join(', ')
  const missing = threshold - present.length
  return `${threshold} of the ${count} shares are needed: got ${list}; add ${missing} more of ${others.join(', ')}`
}
