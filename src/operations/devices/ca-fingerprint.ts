import { fingerprintOf } from '../../pki/fingerprint.js'
import type { Certificate } from '../../pki/read-certificate.js'

/** The name of a device CA in the device register: SHA-256 of its certificate, lower-case hex. */
export function caFingerprint({ der }: Pick<Certificate, 'der'>): string {
  return fingerprintOf(der)
}
