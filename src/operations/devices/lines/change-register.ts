import type { AuditLogPorts } from '../../../audit-log/audit-log.js'
import type { RegisterPorts } from '../../../devices/open.js'
import type { DeviceRegister } from '../../../devices/register.js'
import { withAuditLog } from '../../../journal/keep-records.js'
import type { DurableFiles, Random } from '../../../ports.js'
import type { OpenPki } from '../../open-pki.js'
import { noRegister, openExistingRegister, type RegisterChoice } from '../open-register.js'

/** Ports of the operations that change a line, its tokens or its stations. */
export interface LinePorts extends AuditLogPorts {
  readonly files: DurableFiles
  readonly random: Random
}

/** Which register is changed, by which command. */
export interface RegisterChange extends RegisterChoice {
  /** For the audit log, such as `lines create`. */
  readonly command: string
  readonly open: typeof requireToWrite
}

/**
 * Opens the register, under the directory's lock, for a change. `log` is called before the change: an entry without a change
 * is better than a change without an entry.
 */
export function changeRegister<T>(
  { directory }: Pick<OpenPki, 'directory'>,
  choice: RegisterChange,
  ports: LinePorts,
  change: (register: DeviceRegister, log: (text: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  return withAuditLog(directory, choice.command, ports, null, async (auditLog) => {
    const register = await choice.open(choice, ports)
    try {
      return await change(register, (text) => auditLog.logEvent(text))
    } finally {
      await register.close()
    }
  })
}

/** Opens the register for writing. Throws ERR_NOT_INITIALIZED when it does not exist, and as openDeviceRegister. */
export async function requireToWrite(choice: RegisterChoice, ports: RegisterPorts): Promise<DeviceRegister> {
  return (await openExistingRegister(choice, ports)) ?? (await noRegister(choice, ports))
}
