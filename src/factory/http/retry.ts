import type { Clock, Random } from '../../ports.js'
import { type HttpAnswer, NoAnswer } from './exchange.js'

/** What came of one request. */
export type Outcome =
  | { readonly answer: HttpAnswer; readonly missing: null }
  | { readonly answer: null; readonly missing: NoAnswer }

/** What repeating takes. */
export interface RetryPorts {
  readonly clock: Clock
  readonly random: Random
  readonly sleep: (milliseconds: number) => Promise<void>
}

/** One request, and three more when it fails in a way that may pass. */
const TRIES = 4
const FIRST_WAIT = 500
/** Whoever is asked to wait longer than this had better come back. */
const LONGEST_WAIT = 60_000
const MAY_PASS: ReadonlySet<number> = new Set([429, 502, 503, 504])

/**
 * Makes an attempt, and further ones as long as what went wrong may pass (a connection error, or 429, 502, 503 or 504),
 * with growing waits that differ from caller to caller, or the ones that Retry-After asks for.
 *
 * @param mayRepeat asked before each further attempt, after the wait
 */
export async function repeated(
  attempt: () => Promise<HttpAnswer>,
  ports: RetryPorts,
  mayRepeat: (outcome: Outcome) => Promise<boolean> = async () => true,
): Promise<Outcome> {
  for (let tries = 1; ; tries++) {
    const outcome = await outcomeOf(attempt)
    const wait = tries < TRIES && mayPass(outcome) ? waitAfter(outcome, tries, ports) : null
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

function mayPass({ answer, missing }: Outcome): boolean {
  return missing === null ? MAY_PASS.has(answer.status) : missing.fault.mayPass
}

/** Milliseconds; null: longer than anybody should wait. */
function waitAfter({ answer }: Outcome, tries: number, { clock, random }: RetryPorts): number | null {
  const asked = retryAfter(answer?.headers['retry-after'] ?? null, clock)
  if (asked !== null) return asked > LONGEST_WAIT ? null : asked
  const [octet = 0] = random.bytes(1)
  return FIRST_WAIT * 2 ** (tries - 1) * (0.5 + octet / 512)
}

/** What Retry-After asks for, in seconds or as a date (RFC 9110, 10.2.3), in milliseconds; null: nothing. */
function retryAfter(header: string | null, clock: Clock): number | null {
  if (header === null) return null
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? null : Math.max(0, date - clock().getTime())
}
