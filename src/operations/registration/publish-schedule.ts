import type { Random } from '../../ports.js'

/** Times of the outbox, in milliseconds. */
const [SECOND, MINUTE, HOUR] = [1000, 60_000, 3_600_000]

/** How long nobody else takes an entry. It is longer than a request, so that whoever took it is done or ended. */
export const LEASE = 5 * MINUTE

/** The longest wait for an API that takes no device, whatever it asks for. */
export const LONGEST_WAIT = 15 * MINUTE

/** When a device is tried again that the API has refused. It may need something first, such as the device's group. */
export const REFUSED_WAIT = 6 * HOUR

const FIRST_WAIT = 2 * SECOND

/** The credentials are wrong: until somebody has set them right, nothing is delivered. */
const CREDENTIALS_WAIT = MINUTE

const CREDENTIAL_STATUSES: readonly number[] = [401, 403]

/** What an API that takes no device has answered. */
export interface Unavailability {
  /** 0: nothing. */
  readonly status: number
  /** The wait that it asks for; null: it asks for none. */
  readonly retryAfter: number | null
}

/**
 * How long to leave an API alone that takes no device. The wait doubles with each failure, up to {@link LONGEST_WAIT}; with
 * jitter, so that several instances do not come back at the same time.
 *
 * @param failures how often it failed in succession, at least 1
 */
export function waitFor(
  { status, retryAfter }: Unavailability,
  failures: number,
  random: Pick<Random, 'bytes'>,
): number {
  const first = CREDENTIAL_STATUSES.includes(status) ? CREDENTIALS_WAIT : FIRST_WAIT
  const wait = Math.min(first * 2 ** Math.min(failures - 1, 20), LONGEST_WAIT)
  const [octet = 0] = random.bytes(1)
  const jitter = 0.5 + octet / 512
  return Math.min(Math.max(wait * jitter, retryAfter ?? 0), LONGEST_WAIT)
}
