import { ALL_DEVICES, type DeviceCount, IN_USE } from '../../devices/register.js'
import { certificateFiles } from '../../directory/certificate-files.js'
import { DEVICE_REGISTER } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { readCertificate } from '../../pki/read-certificate.js'
import type { Clock, DurableFiles, Progress, Random } from '../../ports.js'
import type { OpenPki } from '../open-pki.js'
import { roleOf } from '../show/show-pki.js'

/** Ports of {@link devicesOfCas}. */
interface CountingPorts {
  readonly files: DurableFiles
  readonly random: Random
  readonly clock: Clock
  readonly progress: Progress
}

/**
 * How many devices of local CAs have an active certificate in the directory's register, by the serial numbers of the CAs
 * (decimal). Devices of an online-ca are registered elsewhere, and a CA without a file in the directory is not known here:
 * both are left out. A register that cannot be read is a warning, because a revocation must not wait for it.
 */
export async function devicesOfCas(
  { directory }: Pick<OpenPki, 'directory'>,
  serials: readonly bigint[],
  ports: CountingPorts,
): Promise<ReadonlyMap<string, DeviceCount>> {
  const counts = new Map<string, DeviceCount>()
  if (!(await directory.names()).includes(DEVICE_REGISTER)) return counts
  // Loaded here: most directories have no register.
  const { openRegisterToRead } = await import('../devices/open-register.js')
  const { caFingerprint } = await import('../devices/ca-fingerprint.js')
  try {
    const register = await openRegisterToRead({ directory: directory.path, store: null }, ports)
    if (register === null) return counts
    try {
      for (const { name, der } of await certificateFiles(directory)) {
        const ca = readCertificate(der, name)
        if (!serials.includes(ca.serialNumber) || roleOf(ca) !== 'local-ca') continue
        const filter = { ...ALL_DEVICES, ca: caFingerprint(ca), state: IN_USE }
        counts.set(ca.serialNumber.toString(), await register.count(filter))
      }
    } finally {
      await register.close()
    }
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
    ports.progress.warn(`The devices of the CA were not counted: ${error.message}`)
  }
  return counts
}
