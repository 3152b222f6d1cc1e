import type { CertificateStatus, RevokedFilter } from '../../../devices/denial.js'
import type { DeviceRegister } from '../../../devices/register.js'

/**
 * The revoked certificates of a register, each once: one whose end is recorded while the register is read may be there twice, and
 * neither nginx nor a CRL takes that. Throws the reason of the signal.
 */
export async function* revokedOnce(
  register: Pick<DeviceRegister, 'revoked'>,
  filter: RevokedFilter,
  signal: AbortSignal,
): AsyncGenerator<CertificateStatus> {
  const serials = new Set<string>()
  for await (const status of register.revoked(filter)) {
    signal.throwIfAborted()
    if (serials.has(status.serial)) continue
    serials.add(status.serial)
    yield status
  }
}
