import * as z from 'zod/mini'
import { remainingQuota, STATES_AT_A_TIME, stateAt } from '../../../devices/line-limits.js'
import { LINE_STATES, type Line } from '../../../devices/register.js'
import { rfc3339 } from '../../../pki/describe.js'
import type { CaNames } from '../ca-names.js'

/** A line, as every command shows it; null: no limit. */
export const lineFacts = z.strictObject({
  name: z.string(),
  state: z.enum(LINE_STATES),
  /** `not-yet-open` and `over`: it is open, but not in its time window. */
  stateNow: z.enum(STATES_AT_A_TIME),
  /** SHA-256 of the certificate of the device CA, lower-case hex; null: local-ca. */
  ca: z.nullable(z.string()),
  /** The file of that certificate in the directory; null: none. */
  caFile: z.nullable(z.string()),
  quota: z.nullable(z.int()),
  perDay: z.nullable(z.int()),
  /** RFC 3339. */
  from: z.nullable(z.string()),
  until: z.nullable(z.string()),
  hardwareIds: z.nullable(z.array(z.string())),
  /** Whether it makes production devices. */
  production: z.boolean(),
  group: z.nullable(z.string()),
  reissueWindowSeconds: z.int(),
  createdAt: z.string(),
  /** How many devices were issued. */
  issued: z.int(),
  /** How many of the quota are left. */
  left: z.nullable(z.int()),
})

/** See {@link lineFacts}. */
export type LineFacts = z.infer<typeof lineFacts>

/** Describes a line of the register as it is at a time, in milliseconds since 1970. */
export function describeLine(line: Line, cas: CaNames, now: number): LineFacts {
  const { name, state, ca, quota, perDay, hardwareIds, allowsProduction, group, issued } = line
  return {
    ...{ name, state, stateNow: stateAt(line, now), ca, quota, perDay, group, issued },
    caFile: ca === null ? null : cas.fileOf(ca),
    from: timeOf(line.from),
    until: timeOf(line.until),
    hardwareIds: hardwareIds === null ? null : [...hardwareIds],
    production: allowsProduction,
    reissueWindowSeconds: Math.round(line.reissueWindow / 1000),
    createdAt: rfc3339(new Date(line.createdAt)),
    left: remainingQuota(line),
  }
}

function timeOf(milliseconds: number | null): string | null {
  return milliseconds === null ? null : rfc3339(new Date(milliseconds))
}
