import * as z from 'zod/mini'
import { DENIAL_REASONS, type DenialReason } from '../../../devices/denial.js'
import { DEVICE_STATES, type DeviceRecord } from '../../../devices/register.js'
import { rfc3339 } from '../../../pki/describe.js'

/** A device, as every command shows it. */
export const deviceFacts = z.strictObject({
  uuid: z.string(),
  /** The UUID, unless the maker gave it a name. */
  name: z.string(),
  line: z.string(),
  /** SHA-256 of the certificate of the device CA, lower-case hex. */
  ca: z.string(),
  group: z.nullable(z.string()),
  hardwareId: z.nullable(z.string()),
  /** The maker's own serial number of the device. */
  serialNumber: z.nullable(z.string()),
  production: z.boolean(),
  /** When it was first issued a certificate. */
  createdAt: z.string(),
  /** Of its newest certificate. */
  state: z.enum(DEVICE_STATES),
  issuedAt: z.string(),
  notAfter: z.string(),
  /** null: it is not denied. */
  denied: z.nullable(
    z.strictObject({
      /** As RFC 5280, 5.3.1 names it. */
      reason: z.enum(Object.keys(DENIAL_REASONS) as DenialReason[]),
      at: z.string(),
    }),
  ),
})

/** See {@link deviceFacts}. */
export type DeviceFactsDocument = z.infer<typeof deviceFacts>

/** Describes a device of the register. */
export function describeDevice(device: DeviceRecord): DeviceFactsDocument {
  const { uuid, name, line, ca, group, hardwareId, serialNumber, isProduction, state } = device
  return {
    ...{ uuid, name, line, ca, group, hardwareId, serialNumber },
    production: isProduction,
    createdAt: rfc3339(new Date(device.createdAt)),
    state,
    issuedAt: rfc3339(new Date(device.issuedAt)),
    notAfter: rfc3339(new Date(device.notAfter)),
    denied: device.denied && { reason: device.denied.reason, at: rfc3339(new Date(device.denied.at)) },
  }
}
