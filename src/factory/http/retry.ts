import type { Clock, Random } from '../../ports.js'
import { type HttpAnswer, NoAnswer } from './exchange.js'

/** The outcome of one request. */
export type Outcome =
  | { readonly answer: HttpAnswer; readonly missing: null }
  | { readonly answer: null; readonly missing: NoAnswer }

/** The ports for retries. */
export interface RetryPorts {
  readonly clock: Clock
  readonly random: Random
  readonly sleep: (milliseconds: number) => Promise<void>
}

/** One request and up to three retries. */
const TRIES = 4
const FIRST_WAIT = 500
/** Longer waits are left to the user. */
const MAX_WAIT = 60_000
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504])

/**
 * Runs an attempt, and retries it after transient failures (a connection error, or 429, 502, 503 or 504), with exponential
 * backoff and jitter, or the wait of Retry-After.
 *
 * @param mayRepeat called before each retry, after the wait
 * @param most how many attempts to make at most
 */
export async function withRetries(
  attempt: () => Promise<HttpAnswer>,
  ports: RetryPorts,
  mayRepeat: (outcome: Outcome) => Promise<boolean> = async () => true,
  most = TRIES,
): Promise<Outcome> {
  for (let tries = 1; ; tries++) {
    const outcome = await outcomeOf(attempt)
    const wait = tries < most && isTransient(outcome) ? waitAfter(outcome, tries, ports) : null
    if (wait === null) return outcome
    await ports.sleep(wait)
    if (!(await mayRepeat(outcome))) return outcome
  }
}

async function outcomeOf(attempt: () => Promise<HttpAnswer>): Promise<Outcome> {
  try {
    return { answer: await attempt(), missing: null }
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return { answer: null, missing: error }
  }
}

function isTransient({ answer, missing }: Outcome): boolean {
  return missing === null ? TRANSIENT_STATUSES.has(answer.status) : missing.fault.isTransient
}

/** Milliseconds; null when the wait would be too long. */
function waitAfter({ answer }: Outcome, tries: number, { clock, random }: RetryPorts): number | null {
  const requested = retryAfter(answer?.headers['retry-after'] ?? null, clock)
  if (requested !== null) return requested > MAX_WAIT ? null : requested
  const [octet = 0] = random.bytes(1)
  return FIRST_WAIT * 2 ** (tries - 1) * (0.5 + octet / 512)
}

/** The wait of Retry-After, in seconds or as a date (RFC 9110, 10.2.3), in milliseconds; null when absent. */
export function retryAfter(header: string | null, clock: Clock): number | null {
  if (header === null) return null
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? null : Math.max(0, date - clock().getTime())
}
