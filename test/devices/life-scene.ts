import { randomBytes } from 'node:crypto'
import type { CertificateStatus } from '../../src/devices/denial.js'
import type { DeviceRegister, NewCertificate } from '../../src/devices/register.js'
import type { AdoptedDevice, RenewedCertificate } from '../../src/devices/renewal.js'
import { CA, commitOf, DAY, NOON, newCertificate } from './register-scene.js'

/** How long a certificate remains good beside its successor. */
export const OVERLAP = 30 * DAY

/** Another certificate of a device, which presents `presented`. */
export function renewalOf(
  presented: Pick<NewCertificate, 'uuid' | 'serial'>,
  other: Partial<RenewedCertificate> = {},
): RenewedCertificate {
  const { uuid, keyHash, serial, der } = newCertificate({ uuid: presented.uuid })
  const own = { uuid, keyHash, serial, der, ca: CA, notAfter: NOON + 730 * DAY }
  return { ...own, presented: presented.serial, adopted: null, ...other }
}

/** What is recorded of a device of another service. */
export function adoptedOf(uuid: string, other: Partial<AdoptedDevice> = {}): AdoptedDevice {
  return {
    ...{ line: 'l', ca: CA, name: uuid, isProduction: true, keyHash: randomBytes(32), der: randomBytes(64) },
    ...{ issuedAt: NOON - 100 * DAY, notAfter: NOON + 265 * DAY },
    ...other,
  }
}

/** A new device with one certificate. */
export async function deviceIn(register: DeviceRegister, at = NOON): Promise<NewCertificate> {
  const certificate = newCertificate()
  await register.commit(commitOf([certificate], { at }))
  return certificate
}

/** The certificates of a device, the newest first: state, and when it ends and was seen after noon, in days. */
export async function lifeOf(register: DeviceRegister, uuid: string): Promise<readonly string[]> {
  const details = await register.device(uuid)
  const days = (time: number | null) => (time === null ? '-' : (time - NOON) / DAY)
  return (details?.certificates ?? []).map(
    ({ state, endedAt, seenAt }) => `${state} ends ${days(endedAt)} seen ${days(seenAt)}`,
  )
}

/** A status in words: "good", "good until 30", or the reason and since when, in days after noon. */
export function statusWord(status: CertificateStatus | null | undefined): string {
  if (status == null) return 'unknown'
  const { revocation, endsAt } = status
  if (revocation !== null) return `${revocation.reason} ${(revocation.at - NOON) / DAY}`
  return endsAt === null ? 'good' : `good until ${(endsAt - NOON) / DAY}`
}
