import { quotaLeft, whyClosed } from '../../devices/line-limits.js'
import { DEFAULT_LINE, type Line } from '../../devices/register.js'
import { FpkiError } from '../../errors.js'
import type { Clock, Progress } from '../../ports.js'
import type { Issuers } from './issuers.js'
import type { ServiceRegister } from './issuing-thread/calls.js'
import { remembered } from './remembered.js'

/** Whether devices can be registered. */
export interface Availability {
  /** See RegistrationService.whyUnavailable. */
  whyUnavailable(): Promise<string | null>
  /** Runs work that needs the register, and remembers whether it failed. */
  watch<T>(work: () => Promise<T>): Promise<T>
}

/** How long an answer to a ping is good for others, in milliseconds. */
const GOOD_FOR = 1000

/** How long after a failure of the register pings are turned away, in milliseconds: then the next device may try. */
const FAILED_FOR = 5000

/** Failures of the register, which concern every device. */
export const OF_REGISTER: readonly string[] = [
  ...['ERR_STORAGE', 'ERR_LOCKED', 'ERR_BAD_FILE'],
  ...['ERR_STORE_AWAY', 'ERR_STORE_LOGIN', 'ERR_STORE_MOVED'],
]

const NO_REGISTER = 'the device register is not available'

/** What the answer depends on. */
export interface AvailabilityPorts {
  readonly register: Pick<ServiceRegister, 'lines'>
  readonly issuers: Pick<Issuers, 'find'>
  readonly clock: Clock
  readonly progress: Progress
}

/** Whether devices can be registered: `only` with one line; null: with any but `default`. */
export function availability(only: string | null, ports: AvailabilityPorts): Availability {
  const usable = (line: Line, at: number) => isServed(line, only) && isOpen(line, at)
  return availabilityOf({ usable, noLine: 'no line is open' }, ports)
}

/** Which lines a service could issue certificates of at a time, and why it issues none when there are none, as a clause. */
interface UsableLines {
  usable(line: Line, at: number): boolean
  readonly noLine: string
}

/** Whether a service can issue certificates of some of the lines. */
export function availabilityOf({ usable, noLine }: UsableLines, ports: AvailabilityPorts): Availability {
  const { register, issuers, clock, progress } = ports
  let failedAt: number | null = null
  const now = () => clock().getTime()

  const watch = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      const result = await work()
      failedAt = null
      return result
    } catch (error) {
      if (error instanceof FpkiError && OF_REGISTER.includes(error.code)) {
        if (failedAt === null) progress.warn(error.message)
        failedAt = now()
      }
      throw error
    }
  }
  const whyUnavailable = async (): Promise<string | null> => {
    const at = now()
    if (failedAt !== null && at >= failedAt && at - failedAt < FAILED_FOR) return NO_REGISTER
    const lines = await linesOf(register)
    if (lines === null) return NO_REGISTER
    const open = lines.filter((line) => usable(line, at))
    return open.length === 0 ? noLine : whyNoIssuer(open, issuers)
  }
  const answer = remembered(whyUnavailable, { for: GOOD_FOR, most: 1 }, clock)
  return { watch, whyUnavailable: () => answer('') }
}

/** Why none of the CAs of some lines can sign, as a clause; null: one can. */
async function whyNoIssuer(lines: readonly Line[], issuers: Pick<Issuers, 'find'>): Promise<string | null> {
  let reason = 'the device CAs of the lines were not there when the service started'
  for (const issuer of new Set(lines.map(issuers.find))) {
    if (issuer === null) continue
    const problem = await issuer.whyUnavailable()
    if (problem === null) return null
    reason = problem
  }
  return reason
}

/** null: the register cannot be read. */
async function linesOf({ lines }: Pick<ServiceRegister, 'lines'>): Promise<readonly Line[] | null> {
  try {
    return await lines.list()
  } catch (error) {
    if (error instanceof FpkiError) return null
    throw error
  }
}

/** Whether a service registers devices of a line at all. */
export function isServed({ name, state }: Pick<Line, 'name' | 'state'>, only: string | null): boolean {
  return name !== DEFAULT_LINE && state !== 'closed' && (only === null || name === only)
}

function isOpen(line: Line, now: number): boolean {
  return whyClosed(line, now) === null && quotaLeft(line, now).count > 0
}
