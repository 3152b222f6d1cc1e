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

/** The passphrase that the shares make for a key. Throws ERR_BAD_FILE when they are too few, or one is of another key. */
export async function combinedPassphrase(shares: readonly PaperShare[], key: PaperKey): Promise<string> {
  const strangers = shares.filter((share) => !sameOctets(keyDigest(key), share.key))
  if (strangers.length > 0) {
    const numbers = strangers.map(({ number }) => number).join(', ')
    throw badLines(`share ${numbers} was not printed with this key: shares and key must be of one printing`)
  }
  const [{ threshold, count }] = shares as readonly [PaperShare]
  if (shares.length < threshold) {
    const there = shares.map(({ number }) => number).join(', ')
    throw badLines(`${threshold} of the ${count} shares are needed, and only ${there} is there`.replace(/, is/, ' is'))
  }
  return toCrockford(await combine(shares.map(({ share }) => Uint8Array.from(share))))
}
