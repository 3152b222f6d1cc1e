import type { AuditLogPorts } from '../../audit-log/audit-log.js'
import type { LoggedRegister } from '../../audit-log/records.js'
import type { DeviceRegister } from '../../devices/register.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { withAuditLog } from '../../journal/keep-records.js'
import { type RegisterChoice, registerPlace, storeName } from './open-register.js'

/** A register, and where it is. */
export interface UsedRegister extends Pick<RegisterChoice, 'store'> {
  readonly register: Pick<DeviceRegister, 'head'>
}

/** How many certificates a register has, and where it is if not in the directory, for the audit log. */
export async function loggedHead({ register, store }: UsedRegister, directory: string): Promise<LoggedRegister> {
  const { id, certificates } = await register.head()
  const place = storeName(registerPlace({ directory, store }))
  const isHere = place === storeName(registerPlace({ directory, store: null }))
  return isHere ? { id, certificates } : { id, certificates, store: place }
}

/**
 * Records in the audit log how many certificates the device register has, so that an older copy in its place is noticed. Takes
 * the lock of the directory. Called after each job, by `command`, such as `devices issue`.
 *
 * @param text what happened, for people
 * @throws FpkiError ERR_LOCKED, ERR_BAD_FILE when the audit log is damaged, ERR_STORAGE
 */
export async function recordRegisterHead(
  directory: PkiDirectory,
  command: string,
  ports: AuditLogPorts,
  used: UsedRegister,
  text: string,
): Promise<void> {
  await withAuditLog(directory, command, ports, null, async (auditLog) => {
    await auditLog.logRegister(await loggedHead(used, directory.path), text)
  })
}
