import { loggedRegisterIfReadable } from '../../audit-log/logged-register.js'
import { DAY } from '../../day.js'
import type { RegisterPorts } from '../../devices/open.js'
import { ALL_DEVICES, type DeviceRegister } from '../../devices/register.js'
import { FpkiError } from '../../errors.js'
import { rfc3339 } from '../../pki/describe.js'
import { expiringByMonth } from '../devices/expiring-by-month.js'
import { openRegisterToRead } from '../devices/open-register.js'
import { registerAgeProblem } from '../devices/register-age.js'
import type { DevicesStatus } from './status-report.js'

/** The device register of a directory, and what is wrong with it. */
interface RegisterStatus {
  readonly devices: DevicesStatus | null
  readonly problems: readonly FpkiError[]
}

/** Looks at the device register of a directory, and changes nothing. */
export async function statusOfRegister(
  directory: string,
  { now, warnDays }: { readonly now: Date; readonly warnDays: number },
  ports: RegisterPorts,
): Promise<RegisterStatus> {
  try {
    // First, because a batch that runs meanwhile adds to both.
    const logged = await loggedRegisterIfReadable({ files: ports.files, path: directory })
    const register = await openRegisterToRead({ directory, store: null }, ports)
    try {
      const before = new Date(now.getTime() + warnDays * DAY)
      const devices = register === null ? null : await countsOf(register, now, before)
      const head = register === null ? null : await register.head()
      const problem = registerAgeProblem(head, logged)
      const isWrong = problem !== null && problem.kind !== 'elsewhere'
      return { devices, problems: isWrong ? [new FpkiError('ERR_BAD_FILE', problem.message, problem.hint)] : [] }
    } finally {
      await register?.close()
    }
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
    // It is elsewhere, and in order as far as this directory is concerned.
    return { devices: null, problems: error.code === 'ERR_STORE_MOVED' ? [] : [error] }
  }
}

async function countsOf(register: DeviceRegister, now: Date, before: Date): Promise<DevicesStatus> {
  const { devices, production } = await register.count(ALL_DEVICES)
  const expiring = await register.count({ ...ALL_DEVICES, expiringBefore: before.getTime() })
  const { certificates } = await register.head()
  const { denied, unconfirmed, expiring: months } = await register.lifeCounts(now.getTime())
  return {
    ...{ devices, production, certificates, expiring: expiring.devices, expiringBefore: rfc3339(before) },
    ...{ denied, unconfirmed, expiringByMonth: [...expiringByMonth(months, now)] },
  }
}
