import { combine, split } from 'shamir-secret-sharing'
import { sameOctets } from '../../pki/octets.js'
import type { Random } from '../../ports.js'
import { toCrockford } from './crockford.js'
import { badLines } from './frame.js'
import { keyDigest, type PaperKey, type PaperShare } from './parts.js'
import type { Sharing } from './sharing.js'

/** A passphrase of 160 bits, and its shares. All of it is secret. */
export interface SharedPassphrase {
  readonly passphrase: string
  readonly shares: readonly Uint8Array[]
}

/** A new passphrase, which nobody sees, and its shares after Shamir over GF(256). */
export async function sharedPassphrase({ threshold, count }: Sharing, random: Random): Promise<SharedPassphrase> {
  const secret = Uint8Array.from(random.bytes(20))
  return { passphrase: toCrockford(secret), shares: await split(secret, count, threshold) }
}

/** Throws ERR_BAD_FILE when shares of a key are too few, or one is of another key. */
export function requireShares(shares: readonly PaperShare[], key: PaperKey): void {
  const strangers = shares.filter((share) => !sameOctets(keyDigest(key), share.key))
  if (strangers.length > 0) {
    const numbers = strangers.map(({ number }) => number).join(', ')
    throw badLines(`share ${numbers} was not printed with this key: shares and key must be of one printing`)
  }
  const [{ threshold, count }] = shares as readonly [PaperShare]
  if (shares.length < threshold) {
    throw badLines(
      tooFew(
        shares.map(({ number }) => number),
        threshold,
        count,
      ),
    )
  }
}

/** The passphrase that the shares make for a key. Throws as {@link requireShares} does. */
export async function combinedPassphrase(shares: readonly PaperShare[], key: PaperKey): Promise<string> {
  requireShares(shares, key)
  return toCrockford(await combine(shares.map(({ share }) => Uint8Array.from(share))))
}

/** Which are there, and how many of which others are still needed. */
function tooFew(there: readonly number[], threshold: number, count: number): string {
  const others = Array.from({ length: count }, (_, at) => at + 1).filter((number) => !there.includes(number))
  const here = there.length === 1 ? `share ${there[0]} is here` : `shares ${inOrder(there).join(', ')} are here`
  const more = threshold - there.length
  return `${threshold} of the ${count} shares are needed: ${here}, and ${more} more of ${others.join(', ')} ${more === 1 ? 'is' : 'are'} needed`
}

function inOrder(numbers: readonly number[]): readonly number[] {
  return numbers.toSorted((a, b) => a - b)
}
