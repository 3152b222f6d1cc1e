import type { CertificateStatus } from '../../devices/denial.js'
import type { DeviceRegister } from '../../devices/register.js'
import type { Clock } from '../../ports.js'
import { isRecent, putNewest } from '../../recent.js'
import { inBatches } from '../registration/in-batches.js'
import { LOOK_UPS } from '../registration/service-limits.js'

/** The statuses of certificates in the register, as they were {@link STATUS_FOR} ago at most. */
export interface Statuses {
  /** null: the register does not know the certificate. Rejects as the register does. */
  of(serial: string): Promise<CertificateStatus | null>
  close(): Promise<void>
}

/** How long a denied device may still be answered good, in milliseconds. */
const STATUS_FOR = 2000

/** So many certificates that were asked for in the last seconds are remembered. */
const MOST = 50_000

/** How many statuses are read again with those that somebody waits for. */
const MOST_AGAIN = 256

/** What the register said of a certificate. */
interface Known {
  readonly status: CertificateStatus | null
  readonly at: number
  /** Whether somebody has asked for it since. */
  isUsed: boolean
}

/**
 * Statuses from a register. A question to it takes as long for a hundred certificates as for one, so that those that are in
 * demand are read again with others before anybody has to wait for them.
 */
export function statusesIn(register: Pick<DeviceRegister, 'statuses'>, clock: Clock): Statuses {
  // In the order in which they were read.
  const known = new Map<string, Known>()
  const ask = async (serials: readonly string[]) => {
    const at = clock().getTime()
    const all = [...new Set([...serials, ...inDemand(known, at)])]
    const found = await register.statuses(all, at)
    const statuses = new Map(all.map((serial, index) => [serial, found[index] ?? null]))
    for (const [serial, status] of statuses) putNewest(known, serial, { status, at, isUsed: false }, MOST)
    return serials.map((serial) => statuses.get(serial) ?? null)
  }
  const batches = inBatches(ask, LOOK_UPS)
  return {
    of: async (serial) => {
      const last = known.get(serial)
      if (last === undefined || !isRecent(last.at, STATUS_FOR, clock().getTime())) return batches.add(serial)
      last.isUsed = true
      return last.status
    },
    close: () => batches.close(),
  }
}

/** Those that somebody has asked for since they were read, and that are soon too old. */
function inDemand(known: ReadonlyMap<string, Known>, now: number): readonly string[] {
  const serials: string[] = []
  let looked = 0
  for (const [serial, { at, isUsed }] of known) {
    // The others are newer; and what nobody asks for must not take the time of all.
    if (isRecent(at, STATUS_FOR / 2, now) || serials.length >= MOST_AGAIN || looked++ > 4 * MOST_AGAIN) break
    if (isUsed) serials.push(serial)
  }
  return serials
}
