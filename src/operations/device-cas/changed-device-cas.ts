import * as z from 'zod/mini'
import type { DeviceCount } from '../../devices/register.js'
import { type ReportedCas, reportedCas } from '../../directory/journal-record.js'
import { jsonDocument } from '../../json-document.js'
import { rfc3339 } from '../../pki/describe.js'
import { crlFacts } from '../../pki/describe-crl.js'
import { formatName } from '../../pki/name.js'
import type { CaPlan } from './device-ca-plan.js'

/** What `fpki ca revoke-device-ca --json`, and disable and enable, print. */
export const changeDeviceCasResult = jsonDocument({
  factory: z.string(),
  /** The Factory API. */
  api: z.string(),
  /** Absolute. */
  directory: z.string(),
  action: z.enum(['revoke', 'disable', 'enable']),
  dryRun: z.boolean(),
  /** The Factory API was updated; false: it was a dry run, or there was nothing to do. */
  changed: z.boolean(),
  deviceCas: z.array(
    z.extend(reportedCas._zod.def.element, {
      /** Its devices in the device register whose certificate is active; null: the register does not know. */
      devices: z.nullable(z.int()),
      /** Of these, in production. */
      productionDevices: z.nullable(z.int()),
    }),
  ),
  /** null: there was nothing to do. */
  crl: z.nullable(crlFacts),
  /** An interrupted run was resumed. */
  resumed: z.boolean(),
  warnings: z.array(z.string()),
})

/** See {@link changeDeviceCasResult}. */
export type ChangeDeviceCasResult = z.infer<typeof changeDeviceCasResult>

/** The device CAs of a plan, for the result. */
export function reportOf({ cas }: CaPlan): ReportedCas {
  return cas.map(({ certificate: { serialNumber, subject, notAfter }, role, file }) => ({
    serial: serialNumber.toString(),
    subject: formatName(subject),
    role,
    file,
    notAfter: rfc3339(notAfter),
  }))
}

/** Adds the numbers of devices, by the serial numbers of their CAs. */
export function withDevices(
  cas: ReportedCas,
  counts: ReadonlyMap<string, DeviceCount>,
): ChangeDeviceCasResult['deviceCas'] {
  return cas.map((ca) => {
    const count = counts.get(ca.serial)
    return { ...ca, devices: count?.devices ?? null, productionDevices: count?.production ?? null }
  })
}
