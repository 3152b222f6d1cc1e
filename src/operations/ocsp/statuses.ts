import type { CertificateStatus } from '../../devices/denial.js'
import type { DeviceRegister } from '../../devices/register.js'
import type { Clock } from '../../ports.js'
import { inBatches } from '../registration/in-batches.js'
import { remembered } from '../registration/remembered.js'

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

/** Asks of one moment are one question to the register. */
const LIMITS = { least: 1, most: 256, atOnce: 4, wait: 0 }

/** Statuses from a register. */
export function statusesIn(register: Pick<DeviceRegister, 'statuses'>, clock: Clock): Statuses {
  const batches = inBatches((serials: readonly string[]) => register.statuses(serials, clock().getTime()), LIMITS)
  return {
    of: remembered((serial) => batches.add(serial), { for: STATUS_FOR, most: MOST }, clock),
    close: () => batches.close(),
  }
}
