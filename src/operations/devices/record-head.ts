import type { AuditLogPorts } from '../../audit-log/audit-log.js'
import type { DeviceRegister } from '../../devices/register.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { withAuditLog } from '../../journal/keep-records.js'

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
  register: Pick<DeviceRegister, 'head'>,
  text: string,
): Promise<void> {
  await withAuditLog(directory, command, ports, null, async (auditLog) => {
    await auditLog.logRegister(await register.head(), text)
  })
}
