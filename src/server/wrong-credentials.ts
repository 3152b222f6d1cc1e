import { isIPv6 } from 'node:net'
import { putNewest } from '../recent.js'

/** Limits how often a client is heard with a wrong credential. */
export interface WrongCredentials {
  /** Counts one; after how many seconds the client may try again, null when it was within the limit. */
  count(address: string): number | null
}

/** How many wrong credentials a client may present at once, how many a second, and how many clients are remembered. */
interface WrongCredentialLimits {
  readonly burst: number
  readonly perSecond: number
  readonly clients: number
}

const LIMITS: WrongCredentialLimits = { burst: 10, perSecond: 1, clients: 10_000 }

interface Bucket {
  readonly left: number
  /** In seconds. */
  readonly at: number
}

/**
 * A token bucket per client address. Those that were seen longest ago are forgotten first, so that many addresses take no more
 * memory than few. A right credential is never counted, so that one wrong device does not stop its line.
 *
 * @param seconds a clock that never goes back
 */
export function wrongCredentials(
  seconds: () => number,
  { burst, perSecond, clients }: WrongCredentialLimits = LIMITS,
): WrongCredentials {
  const buckets = new Map<string, Bucket>()
  return {
    count: (address) => {
      const key = clientOf(address)
      const at = seconds()
      const last = buckets.get(key) ?? { left: burst, at }
      const left = Math.min(burst, last.left + (at - last.at) * perSecond)
      const isWithin = left >= 1
      putNewest(buckets, key, { left: isWithin ? left - 1 : left, at }, clients)
      return isWithin ? null : Math.ceil((1 - left) / perSecond)
    },
  }
}

/** A client is an IPv4 address, or the /64 of an IPv6 address: its user chooses the rest (RFC 4291, 2.5.1). */
function clientOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? []
  if (mapped !== undefined) return mapped
  if (!isIPv6(address)) return address
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - rest.length }, () => '0')
  return [...groups, ...zeros, ...rest]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
